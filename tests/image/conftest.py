"""What the tests of both images share: the program that runs containers, and the images."""

import os

import pytest

from tests.image import containers


@pytest.fixture(scope="session")
def engine():
    found = containers.engine()
    if found is None:
        pytest.skip("neither docker nor podman can start containers here")
    return found


@pytest.fixture(scope="session")
def runtime_image(engine):
    """The image that ``SENTINEL_IMAGE`` names, or one that is built."""
    return os.environ.get("SENTINEL_IMAGE") or containers.build(engine, "runtime")


@pytest.fixture(scope="session")
def lab_image(engine):
    """The image that ``SENTINEL_LAB_IMAGE`` names, or one that is built."""
    return os.environ.get("SENTINEL_LAB_IMAGE") or containers.build(engine, "lab")


@pytest.fixture(scope="session")
def deployed(engine, runtime_image):
    """Volumes with one run, and that run."""
    volumes = containers.Volumes(engine, runtime_image)
    yield volumes, volumes.run("run", "--as-of", containers.AS_OF)
    volumes.remove()
