"""The moments of a film that its raters dispute, as lines to read and to go to.

Which they are is decided as for the annotators' page: by the entropy of the votes that count, in the perspective that the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from corpus.annotations.agreement import Dispute, disputed
from pages.charts import distribution
from pages.lines import Line, perspective, shown_units
from pages.material import Material

MOST_DISPUTED = 6


@dataclass(frozen=True)
class DisputedLine:
    """A line and how its raters divide over it."""

    line: Line
    dispute: Dispute

    @property
    def bar(self) -> Markup:
        """The parts of the vote as a thin bar."""
        return distribution(self.dispute.shares)


def disputed_lines(material: Material, lines: Sequence[Line]) -> tuple[DisputedLine, ...]:
    """The lines over which raters divide most, the most divided first; none where nobody or one alone judged."""
    units = shown_units(material.units)
    if units is None or material.gold is None or material.votes is None:
        return ()
    by_unit = dict(zip(units["unit_id"].astype(str), lines, strict=True))
    asked = perspective(material.gold)
    found = [one for one in disputed(material.gold, material.votes, units) if one.perspective == asked and one.unit_id in by_unit]
    return tuple(DisputedLine(by_unit[one.unit_id], one) for one in found[:MOST_DISPUTED])
