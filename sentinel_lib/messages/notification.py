"""What people who did not watch a run are told of it: a mail, and a summary in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sentinel_lib.alerts import Kind, Message
from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode, counted
from sentinel_lib.records.stage import NO_ASSET, RunRecord, StageOutcome
from sentinel_lib.reporting.asset_lines import AssetLine, asset_lines
from sentinel_lib.reporting.failure import DEFAULT_COMMAND, Cause, cause_of, failure_of
from sentinel_lib.reporting.page import excerpt, render
from sentinel_lib.reporting.wording import command_beside, duration, ending, meaning, short_reason

PRODUCT = "Dataflow Sentinel"
SHOWN_ASSETS = 50
SHOWN_ROWS = 5

_STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)

Labelled = Sequence[tuple[str, str]]
"""Label and text."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of a run, before it takes a form.

    ``failures`` are the stages that failed, as heading and details; ``left_out`` counts the assets
    that are not shown.
    """

    headline: str
    kind: Kind
    facts: Labelled
    next_command: str
    failures: Sequence[tuple[str, Labelled]] = ()
    assets: Sequence[AssetLine] = ()
    left_out: int = 0


def message(
    run: RunRecord | None, *, run_id: str = "", around: str = "", link: str = "", command: str = ""
) -> Message:
    """The mail about ``run``.

    Without one it says that no run was recorded, or that run ``run_id`` left no record. ``around``
    is what went wrong outside the run: with it, no run ended well. ``link`` leads to more about it.
    ``command`` is the one that asks for the mail, which names the folders where there is no run.
    """
    notice = _notice(run, run_id, around, link, command)
    text, html = (_rendered(f"mail.{form}.j2", notice) for form in ("txt", "html"))
    return Message(f"{PRODUCT} {notice.headline}", text, html, notice.kind)


def markdown(run: RunRecord | None) -> str:
    """The same about the run alone, as GitHub's Markdown, with the assets as a table."""
    return _rendered("summary.md.j2", _notice(run))


def _rendered(template: str, notice: Notice) -> str:
    text = render(
        template,
        product=PRODUCT,
        notice=notice,
        cause=_asset_cause,
        sentence=_sentence,
        escaped=_escaped,
        fenced=_fenced,
    )
    return f"{text}\n"


def _notice(
    run: RunRecord | None, run_id: str = "", around: str = "", link: str = "", command: str = ""
) -> Notice:
    outside = [("outside the run", around)] if around else []
    more = [("details", link)] if link else []
    if run is None:
        problem = f"run {run_id} left no record" if run_id else "no run was recorded"
        why = "it was killed, is still running, or never started; its log shows how far it got"
        facts = [("what this means", why), *outside, *more]
        return Notice(f"failed: {problem}", "failure", facts, command_beside(command, "history"))
    facts = [("run", f"{run.run_id}, as of {iso(run.as_of)}, took {duration(run.seconds)}")]
    if run.kind != "rollback":
        facts += [("exit code", f"{run.exit_code}, {meaning(run.exit_code)}")]
        facts += [("conditions", ", ".join(run.conditions))] if run.conditions else []
        more = [("report", run.report or "could not be written, see the log"), *more]
    lines = [line for line in asset_lines(run) if line.symbol not in NO_ASSET]
    shown = excerpt(sorted(lines, key=_attention_first), SHOWN_ASSETS)
    return Notice(
        headline=_headline(run, around),
        kind=_kind(run, around),
        facts=[*facts, *outside, *more],
        next_command=_next_command(run),
        failures=_failures(run),
        assets=shown.rows,
        left_out=shown.left_out,
    )


def _kind(run: RunRecord, around: str) -> Kind:
    if around or run.status == "failed":
        return "failure"
    return "success" if run.status == "ok" else "warning"


def _headline(run: RunRecord, around: str) -> str:
    status = "interrupted" if run.exit_code in _STOPPED else run.status
    if around and status in ("ok", "degraded"):
        return f"failed: the run was {status}, but {around}"
    return ending(run) if run.kind == "rollback" else f"{status}: {meaning(run.exit_code)}"


def _attention_first(line: AssetLine) -> tuple[bool, str]:
    return not (line.is_held_back or line.is_late), line.symbol


def _asset_cause(line: AssetLine) -> str:
    """Why an asset is not as it should be; empty where it is."""
    reasons = [line.reason] * (line.status != "passed") + [line.freshness_reason] * line.is_late
    return "; ".join(filter(None, reasons))


def _sentence(line: AssetLine) -> str:
    state = f"{line.symbol}: {line.status or 'unknown'}, {line.freshness or 'unknown'}"
    if line.status == "restored":
        return state
    rows = f"{counted(line.promoted, 'row')} promoted, {line.quarantined:,} quarantined"
    return "; ".join(filter(None, [state, rows, _asset_cause(line)]))


def _failures(run: RunRecord) -> list[tuple[str, Labelled]]:
    failed = [stage for stage in run.stages if stage.status in ("failed", "blocked")]
    if not failed and (failure := failure_of(run)):
        return [("no stage failed", _details(failure.cause))]
    return [_stage_failure(stage) for stage in failed]


def _stage_failure(stage: StageOutcome) -> tuple[str, Labelled]:
    cell = f" at {stage.cell}" if stage.cell else ""
    error = stage.error or (stage.record.error if stage.record else "")
    rows = [
        (f"row of {row.symbol}", f"{Path(row.file).name} line {row.line}: {short_reason(row)}")
        for row in (stage.record.offending_rows[:SHOWN_ROWS] if stage.record else [])
    ]
    return f"stage {stage.name} {stage.status}{cell}", [*_details(cause_of(error)), *rows]


def _details(cause: Cause) -> Labelled:
    details = [
        ("cause", cause.message),
        ("observed", cause.observed),
        ("expected", cause.expected),
        ("next", cause.next_step),
    ]
    return [(label, text) for label, text in details if text]


def _next_command(run: RunRecord) -> str:
    """What helps: a run again only where a source is asked again, which an unchanged one is not."""
    if failure := failure_of(run):
        return failure.command
    statuses = {asset.status for asset in run.assets.values()}
    if "blocked" in statuses:
        return command_beside(run.command, "replay", "--dry-run")
    if "unreachable" in statuses:
        return run.command or DEFAULT_COMMAND
    return command_beside(run.command, "status")


def _escaped(text: str) -> str:
    """``text`` on one line, of which no character means anything to Markdown or HTML."""
    characters = " ".join(text.split())
    marked = "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+!|~" else mark for mark in characters)
    return escape(marked, quote=False)


def _fenced(text: str) -> str:
    """``text`` as a block that shows every character as it is."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
