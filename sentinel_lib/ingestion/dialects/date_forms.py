"""The ways to write a time: what a text could be, by where its digits and words stand."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from zoneinfo import available_timezones

from sentinel_lib.records.bar import EXCEL, ISO_8601

_ISO = re.compile(r"9{4}-99-99([T ]99:99(:99(\.9{1,9})?)?)?(Z|[+-]99:99)?")
_EPOCHS = {"epoch_s": (9, 10), "epoch_ms": (12, 13), "epoch_us": (15, 16), "epoch_ns": (18, 19)}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = rf"(?P<month>(?:{'|'.join(_MONTHS)})[a-z]*)"
_WEEKDAY = re.compile(r"(?i)(mon|tue|wed|thu|fri|sat|sun)([a-z]*)(,? )(?=\S)")
_ZONE = re.compile(r"(?P<gap> ?)(?:(?P<area>[A-Z][A-Za-z]+/[A-Za-z_/]+)|(?P<name>Z|UTC|GMT)?"
                   r"(?P<offset>[+-]99:?99)?)$")  # fmt: skip
_CLOCK = re.compile(r"(?i)(?P<gap>T|,? +)(?P<clock>9{1,2}:99(?P<seconds>:99)?(?P<part>\.9{1,6})?"
                    r"|9{4}|9{6})(?P<half> ?[ap]m)?$")  # fmt: skip
_NUMERIC = {
    r"9{4}(?P<gap>[-/.])99?(?P=gap)99?": ("%Y{0}%m{0}%d",),
    r"99?(?P<gap>[-/. ])99?(?P=gap)9999": ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y"),
    r"99?(?P<gap>[-/. ])99?(?P=gap)99": ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d"),
    r"(?P<gap>)9{8}": ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    r"(?P<gap>)9{6}": ("%y%m%d", "%d%m%y", "%m%d%y"),
    r"(?P<gap>)99?\.9{6}": ("%d.%m%Y",),
    r"9{4}-(?P<gap> )99?- 99?": ("%Y-{0}%m-{0}%d",),
    r"(?P<gap>)9{4}年99?月99?日": ("%Y年%m月%d日",),
    r"9{4}년(?P<gap> ?)99?월(?P=gap)99?일": ("%Y년{0}%m월{0}%d일",),
    r"(?P<gap>)9{12}": ("%Y%m%d%H%M",),
    r"(?P<gap>)9{14}": ("%Y%m%d%H%M%S",),
}
_NAMED = {
    rf"9{{1,2}}(?P<gap>[-/. ]?){_MONTH}(?P<end>[-/. ,]*)(?P<year>9{{4}}|99)": "%d{gap}{month}{end}",
    rf"{_MONTH}(?P<gap>[-/. ]*)9{{1,2}}(?P<end>[-/. ,]+)(?P<year>9{{4}}|99)": "{month}{gap}%d{end}",
    rf"(?P<year>9{{4}})(?P<gap>[-/. ]?){_MONTH}(?P<end>[-/. ]?)9{{1,2}}": "%Y{gap}{month}{end}%d",
}


@cache
def _zones() -> set[str]:
    return available_timezones()  # which looks through folders each time


@lru_cache(maxsize=4_096)
def looks_like_time(text: str) -> bool:
    """Whether a cell holds a date, or a time that is more than one of the day."""
    mask = re.sub("[0-9]", "9", text.strip())
    return any(name != EXCEL for name in formats_of(mask))


@lru_cache(maxsize=4_096)
def formats_of(mask: str) -> tuple[str, ...]:
    """The formats that a time could have, whose digits are written as nines."""
    if _ISO.fullmatch(mask):
        return (ISO_8601,)
    whole = re.sub(r"\.9*$", "", mask)
    if set(whole) == {"9"}:
        if len(whole) == 5:
            return (EXCEL,)
        for name, lengths in _EPOCHS.items():
            if len(whole) in lengths:
                return (*_dates(whole), name)
    return tuple(_with_parts(mask))


def _with_parts(mask: str) -> Iterator[str]:
    """Formats of a date, perhaps with a weekday before it, and a time of day and a zone behind."""
    rest, before = mask, ""
    if weekday := _WEEKDAY.match(mask):
        before = ("%A" if weekday[2] else "%a") + weekday[3]
        rest = mask[weekday.end() :]
    ways = [(rest, "")]
    zone = _ZONE.search(rest)
    if zone and (zone["name"] or zone["offset"] or zone["area"] in _zones()):
        name = zone["area"] or (zone["name"] or "") + ("%z" if zone["offset"] else "")
        ways.append((rest[: zone.start()], zone["gap"] + name))
    for text, behind in ways:
        if not behind.endswith("%z"):  # a year after a hyphen looks like one
            yield from (f"{before}{date}{behind}" for date in _dates(text))
        if clock := _CLOCK.search(text):
            time = clock["gap"] + _clock_format(clock)
            dates = _dates(text[: clock.start()])
            yield from (f"{before}{date}{time}{behind}" for date in dates)


def _clock_format(clock: re.Match[str]) -> str:
    if ":" not in clock["clock"]:
        return "%H%M%S" if len(clock["clock"]) == 6 else "%H%M"
    text = "%H:%M" if not clock["half"] else "%I:%M"
    text += (":%S" if clock["seconds"] else "") + (".%f" if clock["part"] else "")
    return text + (clock["half"].replace(clock["half"].strip(), "%p") if clock["half"] else "")


def _dates(mask: str) -> Iterator[str]:
    for pattern, formats in _NUMERIC.items():
        if match := re.fullmatch(pattern, mask):
            yield from (name.format(match["gap"]) for name in formats)
    for pattern, shape in _NAMED.items():
        if match := re.fullmatch(pattern, mask, re.IGNORECASE):
            word = match["month"].lower()
            months = ["%b"] if word in _MONTHS else ["%B"]
            months += ["%B"] if word == "may" else []
            year = "%Y" if len(match["year"]) == 4 else "%y"
            for month in months:
                text = shape.format(gap=match["gap"], month=month, end=match["end"])
                yield text if text.startswith("%Y") else text + year
