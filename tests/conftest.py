"""What holds for every test."""

import os
import signal

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--kills", type=int, default=int(os.environ.get("SENTINEL_KILLS", "0")), metavar="N",
        help="runs that the crash tests kill while they publish, as many in a life of runs, "
        "rollbacks, replays, vacuums and reports, and a fifth as many whole ones; "
        "0 leaves the crash tests out (0, or what SENTINEL_KILLS says)",
    )  # fmt: skip
    parser.addoption(
        "--images", default=os.environ.get("SENTINEL_IMAGES", ""), metavar="A,B",
        help="targets of the Dockerfile to build and test, of runtime and lab "
        "(none, or what SENTINEL_IMAGES says)",
    )  # fmt: skip
    parser.addoption(
        "--thorough", action="store_true", default=bool(os.environ.get("CI")),
        help="also the tests marked thorough, which take minutes (as on CI)",
    )  # fmt: skip


def pytest_configure():
    """A shell starts what runs in its background with Ctrl-C ignored, and tests send it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Leave out what takes long and rarely fails alone, unless it is asked for."""
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_ignore_collect(collection_path, config):
    """The tests of crashes and images take minutes: CI runs them, and who asks for them."""
    if "crash" in collection_path.parts and not config.getoption("--kills"):
        return True
    targets = config.getoption("--images").split(",")
    if collection_path.parent.name == "image" and collection_path.name.startswith("test_"):
        return True if collection_path.stem.removeprefix("test_") not in targets else None
    return None


@pytest.fixture(scope="session")
def kills(request):
    """How many runs are to be killed."""
    return request.config.getoption("--kills")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """On CI nothing may be skipped: what a test needs is there, or CI is not what it says."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("a test was skipped, which CI counts as a failure", red=True)
