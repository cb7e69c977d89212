"""What a column is made of, told from its bytes: the same as a look at each of its values tells."""

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.ingestion.dialects.alphabets import (
    has_character,
    values_beyond,
    values_of_another_form,
)

VALUES = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from(["", "1.5", "2024-01-31", "2024-02-30", "24-01-31", "err", "٣", "1,5"]),
        st.text(alphabet="019.-,eé", max_size=6),
    )
)


def column_of(values: list[str | None], cut: int) -> pa.ChunkedArray:
    """``values`` in two chunks, both of them a part of a larger array."""
    whole = pa.array(["before", *values, "behind"], pa.string())
    return pa.chunked_array([whole.slice(1, cut), whole.slice(1 + cut, len(values) - cut)])


@settings(deadline=None)
@given(VALUES, st.data())
def test_values_with_another_character(values: list[str | None], data: st.DataObject) -> None:
    column = column_of(values, data.draw(st.integers(0, len(values))))
    beyond = [value for value in values if value is not None and not set(value) <= set("0123.-")]
    assert values_beyond(column, "0123.-").to_pylist() == beyond
    assert has_character(column, ".") == any("." in (value or "") for value in values)


@settings(deadline=None)
@given(VALUES, st.data())
def test_values_of_another_form(values: list[str | None], data: st.DataObject) -> None:
    column = column_of(values, data.draw(st.integers(0, len(values))))
    for form in ("9999-99-99", "9.9", ""):
        others = [
            value
            for value in values
            if value is not None and (not form or re.sub("[0-9]", "9", value) != form)
        ]
        assert values_of_another_form(column, form).to_pylist() == others
