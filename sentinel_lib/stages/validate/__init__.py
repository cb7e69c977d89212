"""The library of `20_validate`: every row judged, every asset given a verdict."""
