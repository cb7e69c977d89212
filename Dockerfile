# Targets: runtime runs the pipeline (the default); lab is JupyterLab over the same code.
#   docker build --tag dataflow-sentinel:runtime .
#   docker build --tag dataflow-sentinel:lab --target lab .
# A package index of your own: --secret id=pip,src=pip.conf. See docs/deployment.md.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b


# What is the same in both: an init, and a user who owns nothing but what a run writes.
FROM ${PYTHON_IMAGE} AS system
# Bookworm's tini gets nothing but security fixes, and a version named here would stop the build at the next one.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
 && groupadd --gid 10001 sentinel \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sentinel \
 && install --directory --owner=10001 --group=10001 /app/data /app/reports /app/logs \
 && install --directory --mode=1777 /app/data/sandbox
# /tmp is all that Jupyter, IPython and caches need, so that the rest can be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    IPYTHONDIR=/tmp/ipython \
    JUPYTER_CONFIG_DIR=/tmp/jupyter/config \
    JUPYTER_DATA_DIR=/tmp/jupyter/data \
    JUPYTER_RUNTIME_DIR=/tmp/jupyter/runtime \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=docker
WORKDIR /app


# The packages, by the hashes of the lock file. pip stays outside the environment that it fills. What
# is compiled here is not compared with its source at every start: a read-only container could not
# compile, and nothing changes a package in it.
FROM ${PYTHON_IMAGE} AS packages
RUN python3 -m venv --without-pip /opt/venv
COPY requirements.lock /build/
# The tests and headers of pandas and pyarrow are 60 MB that nothing imports.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check \
      --no-compile --require-hashes --requirement /build/requirements.lock \
 && rm -rf /opt/venv/lib/python3.11/site-packages/pandas/tests \
           /opt/venv/lib/python3.11/site-packages/pyarrow/tests \
           /opt/venv/lib/python3.11/site-packages/pyarrow/include \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

# --no-deps: the lock leaves out what no package here needs, see `make lock`.
FROM packages AS lab-packages
COPY requirements-dev.lock /build/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check \
      --no-compile --no-deps --require-hashes --requirement /build/requirements-dev.lock \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


# The project in /app, and apart from it what makes it importable: a change of the code then leaves
# the packages' layer as it is. Its compiled code is compared with the source, which may be mounted.
FROM packages AS project
COPY . /app
RUN python3 -m pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check \
      --no-cache-dir --no-compile --no-index --no-deps --no-build-isolation --editable /app \
 && mkdir /opt/project \
 && mv /opt/venv/lib/python3.11/site-packages/*sentinel* /opt/project/ \
 && rm /app/requirements-dev.lock \
 && chmod --recursive u=rwX,go=rX /app \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode checked-hash /app/run_pipeline.py /app/sentinel_lib


FROM system AS lab
COPY --from=lab-packages /opt/venv /opt/venv
COPY --from=project /opt/project /opt/venv/lib/python3.11/site-packages/
COPY --from=project /app /app
ARG VERSION=0.6.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Dataflow Sentinel: lab" \
      org.opencontainers.image.description="JupyterLab with the stage notebooks of Dataflow Sentinel." \
      org.opencontainers.image.source="https://github.com/dataflow-sentinel/dataflow-sentinel" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
EXPOSE 8888
# All interfaces of the container; which of the machine's, is for who publishes the port to say. The
# token is JUPYTER_TOKEN, or without one a random token that the log shows.
ENTRYPOINT ["tini", "--"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--ServerApp.root_dir=/app/notebooks"]
HEALTHCHECK --interval=1m --timeout=10s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8888/api', timeout=5)"]


FROM system AS runtime
COPY --from=packages /opt/venv /opt/venv
COPY --from=project /opt/project /opt/venv/lib/python3.11/site-packages/
COPY --from=project /app /app
ARG VERSION=0.6.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Dataflow Sentinel" \
      org.opencontainers.image.description="A notebook data pipeline that refuses bad data and says when data is late." \
      org.opencontainers.image.source="https://github.com/dataflow-sentinel/dataflow-sentinel" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
VOLUME ["/app/data", "/app/reports", "/app/logs"]
# tini reaps what a killed kernel leaves, and hands SIGTERM on: the run ends itself and its kernels.
ENTRYPOINT ["tini", "--", "python", "/app/run_pipeline.py"]
CMD ["run"]
# Unhealthy: the last run failed, or one that the schedule asked for did not happen.
HEALTHCHECK --interval=1m --timeout=30s --start-period=2m \
  CMD ["python", "/app/run_pipeline.py", "status", "--health"]
