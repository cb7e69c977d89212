"""Containers of an image, under the restrictions that docker-compose.yml puts on them."""

import json
import os
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass, field

import yaml

from sentinel_lib.settings.project import PROJECT_ROOT

AS_OF = "2024-06-28T21:00:00Z"
FOLDERS = ("data", "reports", "logs")


def restrictions():
    """What docker-compose.yml allows the pipeline, and no network besides."""
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    service = compose["services"]["pipeline"]
    return [
        "--network=none",
        "--no-healthcheck",
        f"--read-only={str(service['read_only']).lower()}",
        f"--memory={service['mem_limit']}",
        f"--cpus={service['cpus']}",
        f"--pids-limit={service['pids_limit']}",
        *(f"--cap-drop={one}" for one in service["cap_drop"]),
        *(f"--security-opt={one}" for one in service["security_opt"]),
        *(f"--tmpfs={one}" for one in service["tmpfs"]),
    ]


def engine():
    """docker if its daemon answers, else podman, else None."""
    for name in ("docker", "podman"):
        if shutil.which(name) and _call(name, "info").returncode == 0:
            return name
    return None


@dataclass
class Volumes:
    """What containers of one deployment share: named volumes that an image fills and owns."""

    engine: str
    image: str
    name: str = field(default_factory=lambda: f"sentinel-{uuid.uuid4().hex[:12]}")

    @property
    def options(self):
        return [f"--volume={self.name}-{one}:/app/{one}" for one in FOLDERS]

    def run(self, *arguments, entrypoint=None, options=()):
        """Start a container with ``arguments`` and wait for its end."""
        changed = [f"--entrypoint={entrypoint}"] if entrypoint else []
        return self._start("--rm", *changed, *options, self.image, *arguments)

    def stopped(self, *arguments, after):
        """Its exit code, stopped as ``docker stop`` does once it has printed ``after``."""
        name = f"{self.name}-stopped"
        try:
            self._start("--detach", f"--name={name}", self.image, *arguments)
            until = time.monotonic() + 60
            while after not in self._say("logs", name) and time.monotonic() < until:
                time.sleep(0.1)
            self._say("stop", "-t", "60", name)
            return int(self._say("inspect", "--format={{.State.ExitCode}}", name))
        finally:
            _call(self.engine, "rm", "--force", name)

    def _start(self, *arguments):
        own = ["--read-only-tmpfs=false"] if self.engine == "podman" else []
        return _call(self.engine, "run", *restrictions(), *own, *self.options, *arguments)

    def _say(self, *arguments):
        said = _call(self.engine, *arguments)
        assert said.returncode == 0, said.stderr.decode()
        return (said.stdout + said.stderr).decode()

    def shell(self, script):
        """What a shell in a container says to ``script``."""
        done = self.run("-c", script, entrypoint="sh")
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().splitlines()

    def read(self, path):
        """The bytes of the file ``path`` below /app."""
        done = self.run(f"/app/{path}", entrypoint="cat")
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def remove(self):
        _call(self.engine, "volume", "rm", "--force", *(f"{self.name}-{one}" for one in FOLDERS))


def settings_of(engine, image):
    """What the image says of itself: user, entry point, environment, labels, health check."""
    done = _call(engine, "image", "inspect", image)
    assert done.returncode == 0, done.stderr.decode()
    (described,) = json.loads(done.stdout)
    config = described["Config"]
    # podman keeps it outside the part that is the same everywhere
    return {**config, "Healthcheck": config.get("Healthcheck") or described.get("Healthcheck")}


def build(engine, target):
    """Build ``target``; the image's name.

    Where there is no registry, CI builds with its own base image.
    """
    image = f"localhost/dataflow-sentinel-test:{target}"
    if engine == "podman" and os.environ.get("CI"):
        command = [str(PROJECT_ROOT / ".ci" / "image"), image, target]
    else:
        form = ["--format=docker"] if engine == "podman" else []  # the one with health checks
        command = [engine, "build", *form, "--target", target, "--tag", image, str(PROJECT_ROOT)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return image


def _call(*command):
    return subprocess.run(command, capture_output=True, timeout=300, check=False)
