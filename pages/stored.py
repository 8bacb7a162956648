"""What the stages left as JSON, read for showing; what is not there is empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from corpus.paths import Home


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no file."""
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def raters_agreement(home: Home) -> dict[str, Any]:
    """How far the raters agree, as it stands beside the gold labels (corpus.annotations.gold.Agreement)."""
    return read_json(home.artifact("gold_labels") / "agreement.json")


def film_title(home: Home, film_id: str) -> str:
    """The catalogue's title, else the id."""
    return str(read_json(home.artifact("film", film_id) / "film.json").get("title") or film_id)
