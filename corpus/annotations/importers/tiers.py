"""Joins the regions of tiers into judgements, for the tools that write one tier a rater and dimension (ELAN, Praat).

A tier is named `dimension@rater`; what one rater wrote about one span in the tiers emotion, intensity, valence, arousal, dominance and note
is one judgement. Where a value may belong to more than one emotion it is refused, never given to one of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from corpus.annotations.details import note
from corpus.annotations.importers.reading import Told, UnreadableRow, dimension_of
from corpus.annotations.judgements import Judgement, Refusal

NOTE = "note"

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True)
class Region:
    """What stands in one interval, point or annotation of a tier about a dimension or NOTE.

    `character` is None where the tier names nobody. `lane` is what keeps a tier apart from others of the same rater: regions of two
    different lanes are not joined. `within` is the ref of the region that this one is a part of in the file, if any.
    """

    ref: str
    dimension: str
    text: str
    film_id: str
    annotator_id: str
    start_ms: int
    end_ms: int | None
    character: str | None = None
    lane: str = ""
    within: str | None = None

    @property
    def span(self) -> tuple[str, int, int | None]:
        """Who judged when."""
        return (self.annotator_id, self.start_ms, self.end_ms)


@dataclass
class Bundle:
    """The regions of one judgement; `first` is the emotion, or a value where no emotion was named."""

    first: Region
    refs: list[str]
    values: dict[str, float] = field(default_factory=dict)
    note: str | None = None


def tier_dimension(name: str) -> str | None:
    """The dimension, or NOTE, that a tier is about by the part of its name before `@`."""
    about = name.partition("@")[0]
    return NOTE if about.strip().casefold() == NOTE else dimension_of(about)


def untold_tier(name: str, raters: Iterable[str]) -> str:
    """How a tier that is about no dimension is told of: without the names of `raters`."""
    about = name.partition("@")[0].strip()
    for rater in sorted(filter(None, raters), key=len, reverse=True):
        about = about.replace(rater, "…")
    return f"tier {about[:80]}"


def judgements_of(regions: Sequence[Region], told: Told) -> tuple[list[Judgement], list[Refusal]]:
    """Judgements in order of their first regions, and the regions that could not be read or joined.

    Each region is named by its ref in one judgement's source_ref or in one refusal.
    """
    joining = _Joining()
    for region in sorted(regions, key=_order):
        joining.take(region)
    return [_judgement(bundle, told) for bundle in joining.bundles], joining.refusals


def _order(region: Region) -> tuple[int, bool]:
    """Emotions as they stand, then values, then notes; of these those that say of whom before those that do not."""
    if region.dimension == "category":
        return 0, False
    return 2 if region.dimension == NOTE else 1, region.character is None and not region.lane


class _Joining:
    """The bundles so far, by region and by span."""

    def __init__(self) -> None:
        self.bundles: list[Bundle] = []
        self.refusals: list[Refusal] = []
        self._of_region: dict[str, Bundle] = {}
        self._of_span: dict[tuple[str, int, int | None], list[Bundle]] = {}

    def take(self, region: Region) -> None:
        try:
            if region.dimension == "category":
                self._open(region)
            elif region.dimension == NOTE:
                self._annotate(region)
            else:
                self._value(region, number(region.text, region.dimension))
        except UnreadableRow as error:
            self.refusals.append(Refusal(region.ref, str(error)))

    def _open(self, region: Region) -> Bundle:
        bundle = Bundle(region, [])
        self.bundles.append(bundle)
        self._of_span.setdefault(region.span, []).append(bundle)
        self._add(bundle, region)
        return bundle

    def _add(self, bundle: Bundle, region: Region) -> None:
        bundle.refs.append(region.ref)
        self._of_region[region.ref] = bundle

    def _value(self, region: Region, value: float) -> None:
        bundle = self._owner(region)
        if bundle is None:
            self._open(region).values[region.dimension] = value
            return
        if region.dimension in bundle.values:
            raise UnreadableRow(f"{region.dimension} is judged twice here: {bundle.refs[0]} has one already")
        bundle.values[region.dimension] = value
        self._add(bundle, region)

    def _annotate(self, region: Region) -> None:
        bundle = self._owner(region)
        if bundle is None:
            raise UnreadableRow("a note without a judgement of the same rater and span")
        if bundle.note is not None:
            raise UnreadableRow(f"a second note: {bundle.refs[0]} has one already")
        bundle.note = note(NOTE, region.text)
        self._add(bundle, region)

    def _owner(self, region: Region) -> Bundle | None:
        """The bundle that the region is a part of, or the only one of its span that it can belong to; None where there is none.

        Raises:
            UnreadableRow: there are several.
        """
        above = self._of_region.get(region.within) if region.within is not None else None
        if above is not None and above.first.annotator_id == region.annotator_id:
            return above
        fitting = [bundle for bundle in self._of_span.get(region.span, []) if _fits(region, bundle.first)]
        emotions = [bundle for bundle in fitting if bundle.first.dimension == "category"] or fitting
        if len(emotions) > 1 and not _is_shared(region, emotions):
            raise UnreadableRow(
                f"{len(emotions)} judgements of this rater and span may have this {region.dimension}: "
                "make it a child of one of them, or name the character of each tier (in ELAN as participant)"
            )
        return emotions[0] if emotions else None


def _fits(region: Region, first: Region) -> bool:
    apart = region.lane and first.lane and region.lane != first.lane
    of_anybody = region.character is None and not region.lane
    return not apart and (of_anybody or region.character == first.character)


def _is_shared(region: Region, emotions: list[Bundle]) -> bool:
    """Valence, arousal and dominance are of the span and person, whichever of the mixed emotions they are written to."""
    one_person = len({bundle.first.character for bundle in emotions}) == 1
    return one_person and region.dimension not in ("intensity", NOTE)


def number(text: str, what: str) -> float:
    """A finite decimal number with a point.

    Raises:
        UnreadableRow: it is none.
    """
    value = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise UnreadableRow(f"{what} {text[:40]!r} is not a finite number, as 0.5 is")
    return value


def _judgement(bundle: Bundle, told: Told) -> Judgement:
    first = bundle.first
    return replace(
        told.judgement(first.film_id, first.annotator_id, ", ".join(bundle.refs)),
        start_ms=first.start_ms,
        end_ms=first.end_ms,
        character_id=first.character,
        emotion=first.text if first.dimension == "category" else None,
        values=bundle.values,
        scales={name: scale for name, scale in (told.scales or {}).items() if name in bundle.values},
        note=bundle.note,
    )
