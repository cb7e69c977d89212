"""The library of `10_ingest`: what the sources gave, kept as it came."""
