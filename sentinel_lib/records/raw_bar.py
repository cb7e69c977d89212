"""The raw bar: a row as its source wrote it, before anyone has judged it.

``line`` is where it stands in its payload: the line of a text file as an editor shows it (the
header of a CSV is line 1), the row of a Parquet file or the place in a JSON array, from 1. The
symbol, the timestamp and the values are text; a column that the payload does not have is null, an
empty cell is an empty text. ``defect`` says what is wrong with the row as a row (too few values,
for instance) and is null for a sound one. ``is_provisional`` marks a bar that the source itself
says may still change.
"""

RAW_TEXT_COLUMNS = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "adj_close")

PROVENANCE_COLUMNS = ("payload", "layout")
"""With ``line`` they name a raw row for ever: the sha256 of the bytes, and how they were read."""
