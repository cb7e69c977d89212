"""Where things are kept: tables, payloads, artifacts and the records of runs."""
