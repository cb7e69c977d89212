.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
AS_OF  ?=
ARGS   ?=
DEMO   ?= data/demo-break
ENGINE  ?= docker
IMAGE   ?= dataflow-sentinel
TARGETS ?= runtime,lab

.PHONY: help
help:  ## show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# --no-deps: the lock names every package but rfc3987-syntax and lark, see `make lock`.
$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

.PHONY: setup
setup: $(VENV)/.dev  ## install everything for work on the project into .venv
	@$(MAKE) --no-print-directory git-filter

# What JupyterLab adds to a notebook that it saves after a kernel has started.
LAB_KEYS = $(addprefix metadata.language_info.,codemirror_mode file_extension mimetype nbconvert_exporter pygments_lexer version)

# The filter of .gitattributes. It is not `required`: after `make clean` git stores notebooks as they are, and says so.
.PHONY: git-filter
git-filter:
	@if [ -e .git ] && command -v git >/dev/null; then \
	  git config filter.notebooks.clean "'$$(cd $(BIN) && pwd)/python' -I -m nbstripout --keep-id --extra-keys '$(LAB_KEYS)'" && \
	  git config filter.notebooks.smudge cat; fi

.PHONY: run
run: $(VENV)/.runtime  ## run the pipeline (AS_OF=2024-06-28T21:00:00Z, ARGS="--assets AAPL")
	$(BIN)/python run_pipeline.py run $(if $(AS_OF),--as-of $(AS_OF)) $(ARGS)

.PHONY: status
status: $(VENV)/.runtime  ## show the last run and the state of every asset
	$(BIN)/python run_pipeline.py status

.PHONY: demo-break
demo-break: $(VENV)/.runtime  ## plant faults in every asset of a scratch folder, and see the gate stop the run
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp -r config $(DEMO)/config
	@mv $(DEMO)/config/demo_break.yaml $(DEMO)/config/assets.yaml
	@$(BIN)/python run_pipeline.py run --config $(DEMO)/config --data $(DEMO)/data --reports $(DEMO)/reports \
	  --as-of 2024-06-28T21:00:00Z; code=$$?; \
	if [ $$code -eq 4 ]; then echo "As it should, the run stopped at the gate with exit code 4."; \
	else echo "Expected exit code 4, got $$code."; exit 1; fi

.PHONY: test
test: $(VENV)/.dev  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

.PHONY: kills
kills: $(VENV)/.dev  ## kill runs, rollbacks, replays, vacuums and reports a hundred times
	$(BIN)/python -m pytest -n0 --kills 100 tests/crash/test_a_life.py

.PHONY: bench
bench: $(VENV)/.dev  ## measure a run beside Papermill in a loop, rows by the million beside scripts, 500 assets, a quoted file
	$(BIN)/python benchmarks/five_notebooks.py
	$(BIN)/python benchmarks/end_to_end.py
	$(BIN)/python benchmarks/new_day.py
	$(BIN)/python benchmarks/long_life.py --seeded 100 --runs 20 --show 10
	$(BIN)/python benchmarks/many_assets.py
	$(BIN)/python benchmarks/ingest.py

.PHONY: lint
lint: $(VENV)/.dev  ## check style, types and the layers of the library
	$(BIN)/ruff format --check sentinel_lib tests run_pipeline.py
	$(BIN)/ruff check sentinel_lib tests run_pipeline.py
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev  ## put the code into the project's format
	$(BIN)/ruff format sentinel_lib tests run_pipeline.py
	$(BIN)/ruff check --fix sentinel_lib tests run_pipeline.py

.PHONY: lab
lab: $(VENV)/.dev  ## open the stage notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=notebooks

.PHONY: docker-build
docker-build:  ## build the images of the pipeline and of the lab
	$(ENGINE) build --build-arg REVISION=$$(git rev-parse HEAD) --tag $(IMAGE):runtime .
	$(ENGINE) build --build-arg REVISION=$$(git rev-parse HEAD) --target lab --tag $(IMAGE):lab .

.PHONY: docker-run
docker-run:  ## run the pipeline once in a container (AS_OF=..., ARGS=...)
	$(ENGINE) run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
	  --volume sentinel-data:/app/data --volume sentinel-reports:/app/reports --volume sentinel-logs:/app/logs \
	  --volume "$(CURDIR)/config:/app/config:ro" $(IMAGE):runtime run $(if $(AS_OF),--as-of $(AS_OF)) $(ARGS)

.PHONY: docker-test
docker-test: $(VENV)/.dev  ## build the images and test what runs in them (TARGETS=runtime)
	SENTINEL_IMAGES=$(TARGETS) $(BIN)/python -m pytest -n0 tests/image $(ARGS)

.PHONY: compose-up
compose-up:  ## start the pipeline on its schedule
	docker compose up --build --detach

.PHONY: compose-down
compose-down:  ## stop every service; the volumes stay
	docker compose --profile '*' down

# JupyterLab requires jsonschema[format-nongpl], and with that rfc3987-syntax, which builds its grammar in every
# process that imports jsonschema: 2.5 seconds, for a format that nothing here checks. jsonschema does without it,
# and pip check does not miss it, since it does not look at extras.
.PHONY: lock
lock: $(VENV)/.dev  ## resolve the newest versions allowed by pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade -c requirements.lock --no-emit-package rfc3987-syntax --no-emit-package lark \
	  -o requirements-dev.lock pyproject.toml --group dev

.PHONY: clean
clean:  ## remove what tools leave behind, and .venv
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-data
clean-data:  ## remove every table, report and log
	rm -rf logs
	find data/ reports/ -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
