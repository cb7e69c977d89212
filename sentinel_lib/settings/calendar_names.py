"""The calendars that an asset may name."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sentinel_lib.errors import nearest

CONTINUOUS = "24/7"
WEEKDAYS = "weekdays"
CURRENCIES = "24/5"
"""That of currencies. exchange_calendars has another calendar of this name, which is not used."""

ENDLESS = (CONTINUOUS, WEEKDAYS, CURRENCIES)
"""Those that know every day, and need no building."""
SETTLED_YEARS = (2020, 2029)
"""A decade of which every exchange is known, and that most runs are about."""


def known_calendar(name: str) -> str:
    """``name``, if it is that of a calendar; raises ``ValueError`` with the nearest one if not."""
    if name in (*ENDLESS, *_exchanges()):
        return name
    # Other names (NYSE for XNYS) only the library knows, and importing it imports pandas.
    import exchange_calendars

    names = [WEEKDAYS, *exchange_calendars.get_calendar_names()]
    if name in names:
        return name
    raise ValueError(
        f"'{name}' is not a calendar: write {CONTINUOUS}, {CURRENCIES}, {WEEKDAYS} or an "
        f"exchange_calendars name such as XNYS, XLON, XTKS{nearest(name, names)}"
    )


@cache
def _exchanges() -> frozenset[str]:
    """The exchanges to which exchange_calendars gives a module each."""
    spec = find_spec("exchange_calendars")
    folder = Path(spec.origin or "").parent if spec else Path()
    modules = folder.glob("exchange_calendar_*.py")
    return frozenset(module.stem.removeprefix("exchange_calendar_").upper() for module in modules)
