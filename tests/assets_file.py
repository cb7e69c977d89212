"""The assets of a configuration folder, as a run resolves them."""

from pathlib import Path

from sentinel_lib.settings.assets import Asset, read_assets


def load_assets(config: Path, source=None, options=None) -> dict[str, Asset]:
    file, document = read_assets(config)
    return file.resolve(document, source, options)
