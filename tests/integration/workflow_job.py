"""Runs a job of a GitHub workflow here: its scripts by bash, its actions by what they would do.

It knows as much of GitHub's expressions as the workflows of this project use.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOKEN = re.compile(r"'(?:[^']|'')*'|&&|\|\||!=|==|!|[A-Za-z_][\w.-]*|[(),]|\s+")
OPERATORS = {"&&": " and ", "||": " or ", "!": " not ", "!=": " != ", "==": " == "}
STATUS = ("always", "cancelled", "success", "failure")


class Job:
    """One run of ``job`` in the folder ``checkout``; ``folder`` is the runner's own.

    ``kept_state`` is the key under which a state is found. ``fails_at`` is the step that does not
    work; installing is left out, because the packages are here already.
    """

    def __init__(self, job, checkout, folder, *, inputs, secrets=None, artifacts=None):
        self.job, self.checkout, self.folder = job, checkout, folder
        self.artifacts = dict(artifacts or {})
        self.saved, self.done = [], []
        self.log = ""
        self.exit_code = 0
        self.kept_state = self.fails_at = ""
        folder.mkdir(exist_ok=True, parents=True)
        self.files = {
            name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for path in self.files.values():
            path.touch()
        self.context = {"github.run_id": "7", "github.run_attempt": "1"}
        self.context["runner.temp"] = str(folder)
        self.context |= {f"inputs.{name}": text for name, text in inputs.items()}
        self.context |= {f"secrets.{name}": text for name, text in (secrets or {}).items()}

    @property
    def has_failed(self):
        return self.exit_code != 0

    @property
    def summary(self):
        return self.files["GITHUB_STEP_SUMMARY"].read_text()

    @property
    def outputs(self):
        given = self.job.get("outputs", {})
        return {name: self.expand(text) for name, text in given.items()}

    def run(self):
        """Every step whose condition holds, in order."""
        for step in self.job["steps"]:
            if self._is_due(step):
                self._step(step)

    def run_alone(self, name, outputs):
        """One step, after others have left ``outputs``."""
        for step, given in outputs.items():
            self._set(step, given)
        [step] = [one for one in self.job["steps"] if one.get("name") == name]
        self._step(step)

    def expand(self, text, context=None):
        """``text`` with its ``${{ }}`` worked out."""
        known = self.context if context is None else context
        return re.sub(r"\$\{\{(.*?)\}\}", lambda one: str(evaluate(one[1], known) or ""), str(text))

    def _is_due(self, step):
        condition = step.get("if", "success()")
        asks = any(f"{name}()" in condition for name in STATUS)
        holds = evaluate(condition, {**self.context, "failed": self.has_failed})
        return bool(holds) and (asks or not self.has_failed)

    def _step(self, step):
        name = step.get("name", step.get("uses"))
        self.done.append(name)
        if name == self.fails_at:
            self.exit_code = 1
        elif "uses" in step:
            self._action(step)
        elif "pip install" not in step["run"]:
            self._script(step)

    def _script(self, step):
        asked = {key: self.expand(value) for key, value in step.get("env", {}).items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.files["GITHUB_OUTPUT"].write_text("")
        ended = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.checkout,
            env={
                "PATH": path,
                "HOME": str(self.folder),
                "RUNNER_TEMP": str(self.folder),
                "GITHUB_RUN_ID": "7",
                "GITHUB_RUN_ATTEMPT": "1",
                "GITHUB_REPOSITORY": "o/r",
                "GITHUB_SERVER_URL": "https://github.example",
                **{name: str(file) for name, file in self.files.items()},
                **asked,
            },
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
        )  # fmt: skip
        self.log += ended.stdout
        self.exit_code = self.exit_code or ended.returncode
        lines = self.files["GITHUB_OUTPUT"].read_text().splitlines()
        self._set(step.get("id", ""), dict(line.split("=", 1) for line in lines))

    def _action(self, step):
        action = step["uses"].partition("@")[0]
        given = {key: self.expand(value) for key, value in step.get("with", {}).items()}
        if action == "actions/cache/restore":
            self._set(step.get("id", ""), {"cache-matched-key": self.kept_state})
        elif action == "actions/cache/save":
            self.saved.append(self.checkout / given["path"])
        elif action == "actions/upload-artifact":
            self.artifacts[given["name"]] = self._gathered(given["name"], given["path"].split())
        elif action == "actions/download-artifact":
            source = self.artifacts[given["name"]]
            shutil.copytree(source, self.checkout / given["path"], dirs_exist_ok=True)

    def _gathered(self, name, paths):
        """What an artifact holds: the content of one folder, or several folders by their names."""
        target = self.folder / "artifacts" / name
        for path in paths:
            inside = target if len(paths) == 1 else target / path
            if (self.checkout / path).exists():
                shutil.copytree(self.checkout / path, inside, dirs_exist_ok=True)
        return target

    def _set(self, step, outputs):
        self.context |= {f"steps.{step}.outputs.{name}": one for name, one in outputs.items()}


def evaluate(expression, context):
    """What an expression of GitHub gives; what is not known is empty."""
    text = expression.strip().removeprefix("${{").removesuffix("}}")
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == text, f"this expression is not understood: {text}"
    functions = {
        "always": lambda: True,
        "cancelled": lambda: False,
        "success": lambda: not context.get("failed"),
        "failure": lambda: bool(context.get("failed")),
        "format": lambda form, *words: form.format(*words),
    }
    names = []
    for token in tokens:
        if token in OPERATORS:
            names.append(OPERATORS[token])
        elif re.match(r"[A-Za-z_]", token) and token not in functions:
            names.append(repr(context.get(token, "")))
        else:
            names.append(token)
    return eval("".join(names).strip(), {"__builtins__": {}}, functions)
