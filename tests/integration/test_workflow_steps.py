"""The daily run and the mail about it, as GitHub would run them: every step, in order."""

import shutil

import pytest
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT
from tests.integration.workflow_job import Job
from tests.mailbox import Mailbox, part

pytestmark = pytest.mark.thorough

PROJECT_PARTS = ("config", "notebooks", "sentinel_lib", "pyproject.toml", "run_pipeline.py")
AS_OF = "2024-06-28T21:00:00Z"


def workflow(name):
    return yaml.safe_load((PROJECT_ROOT / ".github" / "workflows" / name).read_text())


@pytest.fixture(scope="module")
def mailbox():
    server = Mailbox()
    server.start()
    yield server
    server.stop()


def copy_of_the_project(folder):
    """The project as checked out, with two assets alone."""
    for name in PROJECT_PARTS:
        source = PROJECT_ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    path = folder / "config" / "assets.yaml"
    assets = yaml.safe_load(path.read_text())
    assets["assets"] = {"AAPL": {"calendar": "XNYS"}, "BTC-USD": {}}
    path.write_text(yaml.safe_dump(assets, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_of_the_project(tmp_path_factory.mktemp("checkout"))


def daily_job(checkout, folder, **inputs):
    job = workflow("daily_run.yml")["jobs"]["pipeline"]
    return Job(job, checkout, folder, inputs={"as_of": "", "source": "", **inputs})


def mail_job(artifacts, folder, called_with, urls):
    """The workflow that notifies, called by the daily run; in a checkout without state."""
    checkout = folder / "checkout"
    checkout.mkdir(parents=True)
    copy_of_the_project(checkout)
    job = workflow("email-notify.yml")["jobs"]["send"]
    secrets = {"NOTIFY_URLS": urls}
    return Job(job, checkout, folder, inputs=called_with, secrets=secrets, artifacts=artifacts)


def handed_over(pipeline):
    """What the daily run gives to the workflow that notifies."""
    called = workflow("daily_run.yml")["jobs"]["notify"]["with"]
    context = {f"needs.pipeline.outputs.{name}": one for name, one in pipeline.outputs.items()}
    context["needs.pipeline.result"] = "failure" if pipeline.has_failed else "success"
    return {name: pipeline.expand(text, context) for name, text in called.items()}


@pytest.fixture(scope="module")
def first(checkout, tmp_path_factory):
    """The first daily run: nothing is kept from an earlier one."""
    job = daily_job(checkout, tmp_path_factory.mktemp("first"), as_of=AS_OF, source="simulated")
    job.run()
    return job


def test_the_first_run_is_green_and_says_that_it_began_at_the_start(first):
    assert not first.has_failed, first.log
    assert "::warning title=No state::" in first.log
    assert "all is fetched again from the configured start" in first.summary


def test_the_summary_of_the_job_shows_the_run_and_its_assets(first):
    assert "## Dataflow Sentinel ok: everything that was due was promoted" in first.summary
    assert "| AAPL | passed | fresh |" in first.summary
    assert "| BTC-USD | passed | fresh |" in first.summary


def test_what_is_published_is_verified(first):
    assert "what is published is what the archive gives" in first.log


def test_state_reports_and_the_record_of_the_run_are_kept(first, checkout):
    [state] = first.saved
    [record] = (first.artifacts["record-1"] / "ops" / "runs").iterdir()
    reports = first.artifacts["reports-1"] / "reports"

    assert state == checkout / "data"
    assert (record / "run.json").exists()
    assert (reports / record.name / "index.html").exists()


def test_the_mail_about_it_gives_status_assets_report_and_where_to_read_on(
    first, mailbox, tmp_path
):
    mailbox.mails.clear()
    job = mail_job(first.artifacts, tmp_path, handed_over(first), mailbox.address())

    job.run()

    assert not job.has_failed, job.log
    [mail] = mailbox.mails
    assert mail["Subject"].startswith("Dataflow Sentinel ok")
    for word in ("AAPL: passed, fresh", "index.html", "https://github.example/o/r/actions/runs/7"):
        assert word in part(mail, "plain")


def test_without_the_secret_nobody_is_notified_and_the_job_is_green(first, tmp_path):
    job = mail_job(first.artifacts, tmp_path, handed_over(first), urls="")

    job.run()

    assert not job.has_failed
    assert "::notice title=Nobody is notified::" in job.log
    assert job.done == ["See whether there is anybody to notify"]


def test_a_run_that_leaves_no_record_fails_with_a_reason_and_is_mailed(
    first, checkout, mailbox, tmp_path
):
    mailbox.mails.clear()
    job = daily_job(checkout, tmp_path / "second", as_of="2024-01-01", source="as configured")
    job.kept_state = "sentinel-state-6-1"

    job.run()
    mail_job(job.artifacts, tmp_path / "mail", handed_over(job), mailbox.address()).run()

    assert job.exit_code == 2
    assert "::error title=No record::the run ended with exit code 2 and left no record" in job.log
    assert "that of an earlier run, sentinel-state-6-1" in job.summary
    assert len(job.saved) == 1
    [mail] = mailbox.mails
    assert mail["Subject"] == "Dataflow Sentinel failed: no run was recorded"
    assert "exit code 2 and left no record" in part(mail, "plain")


def test_a_job_that_ends_before_the_pipeline_is_mailed_too(checkout, mailbox, tmp_path):
    mailbox.mails.clear()
    job = daily_job(checkout, tmp_path / "broken")
    job.fails_at = "Install what the pipeline needs, by the hashes of the lock file"

    job.run()
    mail_job(job.artifacts, tmp_path / "mail", handed_over(job), mailbox.address()).run()

    assert job.exit_code == 1
    assert "::error title=No run::the job ended before the pipeline did" in job.log
    [mail] = mailbox.mails
    assert "the job ended before the pipeline did" in part(mail, "plain")


def test_trouble_with_the_archive_fails_the_job_whatever_the_run_said(checkout, tmp_path):
    job = daily_job(checkout, tmp_path)
    outputs = {"run": {"code": "0"}, "record": {"artifact": "r"}, "verify": {"code": "4"}}

    job.run_alone("Say how it ended", outputs)

    assert job.exit_code == 4
    assert "::error title=Integrity::verify ended with exit code 4" in job.log
    assert job.outputs["around"] == "verify ended with exit code 4: see its step"
