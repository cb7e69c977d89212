"""What is said about a run to people who did not watch it: as a mail, and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sentinel_lib.alerts import Kind, Message
from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import HELD_BACK, NO_ASSET, RunRecord, StageOutcome
from sentinel_lib.reporting.failure import DEFAULT_COMMAND, Cause, cause_of, failure_of
from sentinel_lib.reporting.wording import (
    command_beside,
    duration,
    ending,
    meaning,
    thousands,
    why_refused,
)

PRODUCT = "Dataflow Sentinel"
SHOWN_ASSETS = 50
ASSET_COLUMNS = ("asset", "status", "freshness", "promoted", "quarantined", "cause")

_STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
_LATE = ("stale", "late", "unknown")


@dataclass(frozen=True, slots=True)
class AssetLine:
    """An asset at the end of a run; ``cause`` is empty where all is well."""

    symbol: str
    status: str
    freshness: str
    promoted: int
    quarantined: int
    cause: str

    @property
    def is_in_trouble(self) -> bool:
        """Whether the asset was held back, or is not as fresh as it should be."""
        return self.status in HELD_BACK or self.freshness in _LATE

    @property
    def sentence(self) -> str:
        """The asset in one line."""
        if self.status == "restored":
            return f"{self.symbol}: restored, {self.freshness}"
        rows = f"{thousands(self.promoted)} rows promoted, {thousands(self.quarantined)} refused"
        said = f"{self.symbol}: {self.status}, {self.freshness}; {rows}"
        return f"{said}; {self.cause}" if self.cause else said


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stage that failed: where, and its cause as label and text."""

    heading: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """All that is said, before it takes a form. ``facts`` are label and text."""

    headline: str
    facts: tuple[tuple[str, str], ...]
    troubles: tuple[Trouble, ...]
    assets: tuple[AssetLine, ...]
    hidden_asset_count: int
    next_command: str
    kind: Kind


def message(
    run: RunRecord | None,
    *,
    run_id: str = "",
    around: str = "",
    link: str = "",
    command: str = "",
) -> Message:
    """The mail about ``run``.

    Without one it says that no run was recorded, or that run ``run_id`` left no record. ``around``
    is what went wrong outside the run: with it, no run ended well. ``link`` is where to read on.
    ``command`` is the one that asks for the mail, which names the folders where there is no run.
    """
    notice = _notice(run, run_id, around, link, command)
    return Message(f"{PRODUCT} {notice.headline}", _text(notice), _html(notice), notice.kind)


def markdown(run: RunRecord | None, *, run_id: str = "") -> str:
    """The same about the run alone, as GitHub's Markdown, with the assets as a table."""
    notice = _notice(run, run_id, around="", link="", command="")
    facts = [f"- {_plain(label)}: {_plain(text)}" for label, text in notice.facts]
    parts = [f"## {PRODUCT} {_plain(notice.headline)}", "\n".join(facts)]
    for trouble in notice.troubles:
        said = "\n".join(f"{label}: {text}" for label, text in trouble.details)
        parts += [f"### {_plain(trouble.heading)}", _fenced(said)]
    if notice.assets:
        parts += ["### Assets", _asset_table(notice)]
    return "\n\n".join([*parts, "Next:", _fenced(notice.next_command)]) + "\n"


def _notice(run: RunRecord | None, run_id: str, around: str, link: str, command: str) -> Notice:
    outside = [("around the run", around)] if around else []
    places = [("read on", link)] if link else []
    if run is None:
        problem = f"run {run_id} left no record" if run_id else "no run was recorded"
        why = "it was killed, is still running, or never began; its log says how far it came"
        facts = [("what that means", why), *outside, *places]
        look = command_beside(command, "history")
        return Notice(f"failed: {problem}", tuple(facts), (), (), 0, look, "failure")
    lines = sorted(_asset_lines(run), key=lambda line: (not line.is_in_trouble, line.symbol))
    seconds = (run.finished_at_utc - run.started_at_utc).total_seconds()
    is_rollback = run.kind == "rollback"
    facts = [
        ("run", f"{run.run_id}, as of {iso(run.as_of)}, took {duration(seconds)}"),
        *([] if is_rollback else [("exit code", f"{run.exit_code}, {meaning(run.exit_code)}")]),
        *([("conditions", ", ".join(run.conditions))] if run.conditions else []),
        *outside,
        *([] if is_rollback else [("report", run.report or "could not be written, see the log")]),
        *places,
    ]
    return Notice(
        headline=_headline(run, around),
        facts=tuple(facts),
        troubles=tuple(_troubles(run)),
        assets=tuple(lines[:SHOWN_ASSETS]),
        hidden_asset_count=len(lines[SHOWN_ASSETS:]),
        next_command=_next_command(run),
        kind=_kind(run, around),
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


def _asset_lines(run: RunRecord) -> list[AssetLine]:
    reasons = {
        symbol: ledger.reason
        for stage in run.stages
        for symbol, ledger in (stage.record.assets.items() if stage.record else ())
        if ledger.reason
    }
    ages = _freshness_reasons(run.stages)
    lines = []
    for symbol, said in run.assets.items():
        if symbol in NO_ASSET:
            continue
        status, freshness = (str(said.get(key) or "unknown") for key in ("status", "freshness"))
        causes = [reasons.get(symbol, "") if status != "passed" else ""]
        causes += [ages.get(symbol, "") if freshness in _LATE else ""]
        lines.append(
            AssetLine(
                symbol=symbol,
                status=status,
                freshness=freshness,
                promoted=int(said.get("promoted") or 0),
                quarantined=int(said.get("quarantined") or 0),
                cause="; ".join(cause for cause in causes if cause),
            )
        )
    return lines


def _freshness_reasons(stages: Sequence[StageOutcome]) -> dict[str, str]:
    """Why an asset is as old as it is, in the words of the stage that judges freshness."""
    found = {}
    for stage in stages:
        ages = stage.record.details.get("freshness") if stage.record else None
        for symbol, age in ages.items() if isinstance(ages, dict) else ():
            found[symbol] = str(age.get("reason") or "") if isinstance(age, dict) else ""
    return found


def _troubles(run: RunRecord) -> list[Trouble]:
    failed = [stage for stage in run.stages if stage.status in ("failed", "blocked")]
    found = [_trouble(stage) for stage in failed]
    if not failed and (failure := failure_of(run)):
        found = [Trouble("no stage failed", _details(failure.cause))]
    return found


def _trouble(stage: StageOutcome) -> Trouble:
    where = f" at {stage.cell}" if stage.cell else ""
    said = stage.error or (stage.record.error if stage.record else "")
    rows = [
        (f"row of {row.symbol}", f"{Path(row.file).name} line {row.line}: {why_refused(row)}")
        for row in (stage.record.offending_rows[:5] if stage.record else [])
    ]
    heading = f"stage {stage.name} {stage.status}{where}"
    return Trouble(heading, (*_details(cause_of(said)), *rows))


def _details(cause: Cause) -> tuple[tuple[str, str], ...]:
    said = {
        "cause": cause.message,
        "observed": cause.observed,
        "expected": cause.expected,
        "next": cause.next_step,
    }
    return tuple((label, text) for label, text in said.items() if text)


def _next_command(run: RunRecord) -> str:
    """What helps: a run again only where a source is asked again, which an unchanged one is not."""
    if failure := failure_of(run):
        return failure.command
    statuses = {line.get("status") for line in run.assets.values()}
    if "blocked" in statuses:
        return command_beside(run.command, "replay", "--dry-run")
    if "unreachable" in statuses:
        return run.command or DEFAULT_COMMAND
    return command_beside(run.command, "status")


def _text(notice: Notice) -> str:
    facts = [f"{label}: {text}" for label, text in notice.facts]
    parts = [f"{PRODUCT} {notice.headline}", "\n".join(facts)]
    for trouble in notice.troubles:
        details = [f"  {label}: {text}" for label, text in trouble.details]
        parts += ["\n".join([trouble.heading, *details])]
    if notice.assets:
        parts += ["\n".join(["assets", *(f"- {line}" for line in _sentences(notice))])]
    return "\n\n".join([*parts, f"next: {notice.next_command}"]) + "\n"


def _html(notice: Notice) -> str:
    """A page without a table, as services that show text alone make one line of each element."""
    parts = [f"<h2>{escape(f'{PRODUCT} {notice.headline}')}</h2>", _html_list(notice.facts)]
    for trouble in notice.troubles:
        parts += [f"<h3>{escape(trouble.heading)}</h3>", _html_list(trouble.details)]
    if notice.assets:
        lines = "".join(f"<li>{escape(line)}</li>" for line in _sentences(notice))
        parts += [f"<h3>assets</h3><ul>{lines}</ul>"]
    parts += [f"<p>next: <code>{escape(notice.next_command)}</code></p>"]
    return f'<html lang="en"><body>{"".join(parts)}</body></html>'


def _html_list(pairs: Sequence[tuple[str, str]]) -> str:
    items = (
        f"<li>{escape(label)}: {escape(text).replace(chr(10), '<br>')}</li>"
        for label, text in pairs
    )
    return f"<ul>{''.join(items)}</ul>"


def _sentences(notice: Notice) -> list[str]:
    hidden = [f"{notice.hidden_asset_count} more in the report"] * bool(notice.hidden_asset_count)
    return [*(line.sentence for line in notice.assets), *hidden]


def _asset_table(notice: Notice) -> str:
    rows = [
        [
            line.symbol,
            line.status,
            line.freshness,
            thousands(line.promoted),
            thousands(line.quarantined),
            line.cause,
        ]
        for line in notice.assets
    ]
    heads = "| " + " | ".join(ASSET_COLUMNS) + " |"
    marks = "|---|---|---|---:|---:|---|"
    lines = ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
    hidden = f"\n\n{notice.hidden_asset_count} more in the report"
    return "\n".join([heads, marks, *lines]) + (hidden if notice.hidden_asset_count else "")


def _plain(text: str) -> str:
    """``text`` on one line, of which no character means anything to Markdown or HTML."""
    one_line = " ".join(text.split())
    marked = "".join(f"\\{one}" if one in "\\`*_{}[]()#+!|~" else one for one in one_line)
    return escape(marked, quote=False)


def _fenced(text: str) -> str:
    """``text`` as a block that shows every character as it is."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
