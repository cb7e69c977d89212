"""What holds for any batch, however bad its rows are."""

from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.records.bar import Bar
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.tables import Lake

pytestmark = pytest.mark.thorough

AS_OF = "2024-02-01T12:00:00Z"
STAGES = ["ingest", "validate", "promote_silver", "build_gold"]
TABLES = {"silver.bars": KEY, "gold.daily": ["symbol", "session"], "gold.aggregates": ["symbol"]}

HEADER = "Symbol,Date,Open,High,Low,Close,Volume"
ALWAYS_GOOD = ["GOOD,2024-01-02,10,12,9,11,100", "GOOD,2024-01-03,11,12,9,10,100"]
ASSETS = {
    "GOOD": {},
    "AAPL": {"calendar": "XNYS"},
    "BTC": {},
    "OIL": {"calendar": "weekdays", "fields": "close"},
}

SYMBOLS = st.sampled_from([*ASSETS, "AAPL", "BTC", "UNKNOWN", "", " AAPL"])
SESSIONS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05T00:00:00Z", "2024-01-31"]
NO_SESSIONS = ["2024-01-06", "2024-01-15"]
NOT_FINAL = ["2024-02-01", "2024-02-09"]
NO_DATES = ["2024-02-30", "02/01/2024", "", "soon"]
DAYS = st.sampled_from([*SESSIONS, *SESSIONS, *NO_SESSIONS, *NOT_FINAL, *NO_DATES])
BAD = ["", "NaN", "inf", "-1", "0", "lots", "1e400", "11.0000000000000000004", "9" * 21]
VALUES = [
    st.sampled_from([*good, *good, *good, *BAD])
    for good in (["10", "10.0"], ["12", "1.2e1"], ["9"], ["11", "10.5"], ["100", "100.25"])
]
ROWS = st.one_of(
    st.builds(lambda *cells: ",".join(cells), SYMBOLS, DAYS, *VALUES),
    st.builds(lambda symbol, day: f"{symbol},{day},10,12,9,11,100", SYMBOLS, DAYS),
    st.sampled_from(["AAPL,2024-01-02,10", "BTC,2024-01-02,10,12,9,11,100,1,2", "BTC"]),
)
FEW_EXAMPLES = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    # An example takes seconds: what fails is shown as it is, not made small.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
BATCHES = st.lists(ROWS, min_size=20, max_size=60)


@pytest.fixture(scope="module")
def run(make_project):
    """Run the stages over files of these lines, in a fresh data folder or again in the same."""
    project = make_project()
    terms = {"path": str(project.inbox), "gaps": "warn"}
    project.assets({name: {**terms, **own} for name, own in ASSETS.items()}, source="files")
    project.rules("silver", limits={"min_rows": 1})
    numbers = count()

    def in_folder(*files, data=None, threads=1, stages=STAGES):
        for path in project.inbox.iterdir():
            path.unlink()
        for number, lines in enumerate(files):
            text = "\n".join([HEADER, *lines, ""])
            (project.inbox / f"part-{number}.csv").write_text(text)
        data = data or project.inbox.parent / f"data-{next(numbers)}"
        outcome = project.run(AS_OF, data=data, stages=stages, threads=threads)
        assert outcome.errors == {}
        return data, outcome

    return in_folder


def published(data):
    """The content of Silver and Gold."""
    lake = Lake(data)
    digests = {name: content_digest(lake.read(name), key) for name, key in TABLES.items()}
    return {**digests, "aggregates.csv": (data / "gold" / "aggregates.csv").read_bytes()}


@FEW_EXAMPLES
@given(rows=BATCHES, data=st.data())
def test_order_files_payloads_and_threads_do_not_change_what_is_published(run, rows, data):
    lines = [*rows, *ALWAYS_GOOD]
    shuffled = data.draw(st.permutations(lines))
    cuts = data.draw(st.lists(st.integers(1, len(lines) - 1), max_size=3, unique=True).map(sorted))
    parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]

    whole, _ = run(lines)
    split, _ = run(*parts, parts[-1], list(reversed(parts[0])), threads=2)

    assert published(split) == published(whole)


@FEW_EXAMPLES
@given(rows=BATCHES)
def test_the_same_batch_again_changes_nothing(run, rows):
    data, first = run([*rows, *ALWAYS_GOOD])
    before, versions = published(data), [Lake(data).version(name) for name in TABLES]
    quarantined = Lake(data).read("quarantine.bars").drop_columns(["run_id"])

    _, again = run([*rows, *ALWAYS_GOOD], data=data)

    assert published(data) == before
    assert [Lake(data).version(name) for name in TABLES] == versions
    after = Lake(data).read("quarantine.bars").drop_columns(["run_id"])
    order = [("payload", "ascending"), ("line", "ascending")]
    assert after.sort_by(order).equals(quarantined.sort_by(order))
    for symbol in ASSETS:
        one, other = first.ledger(symbol), again.ledger(symbol)
        assert (other.promoted, other.rows_in) == (0, one.rows_in)
        assert other.deduplicated >= one.deduplicated + one.promoted


@FEW_EXAMPLES
@given(rows=BATCHES)
def test_every_row_is_accounted_for_and_no_row_of_silver_breaks_the_model_of_a_bar(run, rows):
    data, outcome = run([*rows, *ALWAYS_GOOD], stages=STAGES[:3])

    bars = Lake(data).read("silver.bars").to_pylist()
    kept = Lake(data).read("bronze.bars")["symbol"].to_pylist()
    fields = {name: ASSETS[name].get("fields", "ohlcv") for name in ASSETS}
    for stage in ("ingest", "validate"):
        ledgers = outcome.records[stage].assets
        rows_in = {name: ledger.rows_in for name, ledger in ledgers.items()}
        assert {name: rows_in[name] for name in ASSETS} == {
            name: kept.count(name) for name in ASSETS
        }
        assert sum(rows_in.values()) == len(kept)
        assert {one.unexplained for one in ledgers.values()} == {0}
    assert len(kept) == len(rows) + len(ALWAYS_GOOD)
    assert len(bars) == sum(one.promoted for one in outcome.records["validate"].assets.values())
    assert len({tuple(bar[name] for name in KEY) for bar in bars}) == len(bars)
    for bar in bars:
        checked = Bar.model_validate({name: bar[name] for name in Bar.model_fields})
        assert checked.model_dump() == {name: bar[name] for name in Bar.model_fields}
        assert (checked.volume is None) == (fields[checked.symbol] == "close")
        assert checked.close > 0
