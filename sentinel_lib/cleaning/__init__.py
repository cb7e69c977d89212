"""From raw text to clean bars: typed, judged, each row accounted for. Tables in, tables out."""
