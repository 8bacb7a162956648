"""What a rule finds: whether it holds, which rows break it, the figures behind it, and the worst examples in words.

Rules are plain functions from a table and parameters to a finding; Great Expectations, a test or a notebook calls them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from corpus.annotations.decisions import Example


@dataclass(frozen=True)
class Finding:
    """What a rule found: `rows` are the positions of the rows that break it, `figures` what was measured, `worst` the worst first."""

    holds: bool
    observed: str
    rows: list[int] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    worst: tuple[Example, ...] = ()


Rule = Callable[..., Finding]


def rows_where(broken: pd.Series | np.ndarray, words: str, fine: str = "all hold") -> Finding:
    """The finding that no row may be `broken`."""
    rows = np.flatnonzero(np.asarray(broken, dtype=bool)).tolist()
    return Finding(not rows, f"{len(rows)} {words}" if rows else fine, rows)
