"""Writes judgements as one EmotionML 1.0 document: an emotion for what one rater said of one span, with its categories in order of rank.

Values go to the standard's scale of 0 to 1, the seven emotions and our dimensions are vocabularies of the document itself, and what the
standard has no words for (rater, character, pass and the like) stands in the info element that it provides, in a namespace of our own. A
point in time is written as an emotion of duration 0, counted from the film's start.

Source: W3C, Emotion Markup Language 1.0 (2014).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
import pandas as pd

from corpus.annotations.details import details_of
from corpus.annotations.exporters.rows import in_our_words, judgements_of, shortest
from corpus.annotations.exporters.writing import NOT_IN_XML, Exporter, FilmMedia, Judged
from corpus.annotations.importers.emotionml import NAMESPACE, OUR_NAMESPACE, ROLES, SCALE
from corpus.annotations.judgements import VALUE_RANGES, Judgement
from corpus.terms import EMOTIONS

FILE = "annotations.emotionml"
_ROLE_OF = {perspective: role for role, perspective in ROLES.items()}
_IN_THE_STANDARDS_WORDS = ("confidence", "cues")


def write_emotionml(judged: Judged) -> dict[str, bytes]:
    """The document; the same tables give the same bytes."""
    root = Element("emotionml", {"xmlns": NAMESPACE, "xmlns:feelm": OUR_NAMESPACE, "version": "1.0"})
    root.set("category-set", "#feelm-emotions")
    root.set("dimension-set", "#feelm-dimensions")
    _vocabulary(root, "category", "feelm-emotions", EMOTIONS)
    _vocabulary(root, "dimension", "feelm-dimensions", VALUE_RANGES)
    for judgements in _emotions(judgements_of(judged.annotations)):
        _write_emotion(root, judgements, judged.films[judgements[0].film_id])
    for _, samples in judged.traces.groupby("trace_id", sort=False):
        _write_trace(root, samples, judged.films[str(samples["film_id"].iloc[0])])
    indent(root)
    return {FILE: tostring(root, encoding="utf-8", xml_declaration=True)}


def _vocabulary(root: Element, kind: str, name: str, items: Iterable[str]) -> None:
    vocabulary = SubElement(root, "vocabulary", {"type": kind, "id": name})
    for item in items:
        SubElement(vocabulary, "item", {"name": item})


def _emotions(judgements: list[Judgement]) -> Iterator[list[Judgement]]:
    """Judgements that one emotion holds: of one group with the same details, their ranks one after the other, other values on the first."""
    alike: dict[tuple[object, ...], list[Judgement]] = {}
    for judgement in map(in_our_words, judgements):
        details = {name: text for name, text in details_of(judgement).items() if name not in ("rank", "confidence")}
        alike.setdefault((*judgement.key, *details.items()), []).append(judgement)
    for group in alike.values():
        yield from _chains(sorted(group, key=lambda judgement: judgement.rank))


def _chains(by_rank: list[Judgement]) -> list[list[Judgement]]:
    chains: list[list[Judgement]] = []
    for judgement in by_rank:
        alone = judgement.emotion is None or set(judgement.values) - {"intensity"}
        fitting = None if alone else next((chain for chain in chains if _goes_on(chain, judgement)), None)
        if fitting is None:
            chains.append([judgement])
        else:
            fitting.append(judgement)
    return chains


def _goes_on(chain: list[Judgement], judgement: Judgement) -> bool:
    return chain[-1].emotion is not None and chain[-1].rank == judgement.rank - 1 and judgement.emotion not in [j.emotion for j in chain]


def _write_emotion(root: Element, judgements: list[Judgement], film: FilmMedia) -> None:
    first = judgements[0]
    emotion = SubElement(root, "emotion")
    if first.cues:
        emotion.set("expressed-through", " ".join(first.cues))
    _write_info(emotion, first)
    for judgement in judgements:
        if judgement.emotion is not None:
            _write_value(emotion, "category", judgement.emotion, judgement.values.get("intensity"), judgement.confidence)
    for name, value in first.values.items():
        if name != "intensity" or first.emotion is None:
            _write_value(emotion, "dimension", name, _on_standard_scale(value, name), first.confidence)
    _write_place(emotion, first, film)


def _write_info(emotion: Element, judgement: Judgement) -> None:
    said = {name: text for name, text in details_of(judgement).items() if name not in _IN_THE_STANDARDS_WORDS}
    if judgement.perspective in _ROLE_OF:
        said.pop("perspective", None)
    attributes = {"annotator": judgement.annotator_id} | {name: NOT_IN_XML.sub("", text) for name, text in said.items()}
    SubElement(SubElement(emotion, "info"), "feelm:judgement", attributes)


def _write_value(emotion: Element, tag: str, name: str, value: float | None, confidence: float | None) -> Element:
    element = SubElement(emotion, tag, {"name": NOT_IN_XML.sub("", name)})
    for attribute, number in (("value", value), ("confidence", confidence)):
        if number is not None:
            element.set(attribute, f"{number:.9g}")
    return element


def _on_standard_scale(value: float, name: str) -> float:
    """`value` within 0 and 1; ANNOTATIONS lets it stand a millionth outside."""
    low, high = VALUE_RANGES[name]
    return min(max((value - low) / (high - low), SCALE[0]), SCALE[1])


def _write_place(emotion: Element, judgement: Judgement, film: FilmMedia) -> None:
    uri = f"file:{quote(film.media)}"
    if judgement.start_ms is not None and judgement.end_ms is None:
        for name, value in (("time-ref-uri", uri), ("offset-to-start", str(judgement.start_ms)), ("duration", "0")):
            emotion.set(name, value)
    elif judgement.start_ms is not None and judgement.end_ms is not None:
        uri += f"#t={judgement.start_ms / 1000:.3f},{judgement.end_ms / 1000:.3f}"
    SubElement(emotion, "reference", {"role": _ROLE_OF.get(judgement.perspective, "expressedBy"), "uri": uri})


def _write_trace(root: Element, samples: pd.DataFrame, film: FilmMedia) -> None:
    """A trace on a scale with ends, sampled evenly; others are left out."""
    rate_hz = _even_rate_hz(samples)
    first: Mapping[str, object] = samples.iloc[0].to_dict()
    if rate_hz is None or not first["bounded"]:
        return
    common = _common(first, int(samples["t_ms"].iloc[0]), int(samples["t_ms"].iloc[-1]) + 1)
    low, high = VALUE_RANGES[str(first["dimension"])]
    emotion = SubElement(root, "emotion")
    _write_info(emotion, common)
    dimension = _write_value(emotion, "dimension", str(first["dimension"]), None, _one_confidence(samples["confidence"]))
    on_standard_scale = (samples["value"].to_numpy(np.float64) - low) / (high - low)
    freq = f"{rate_hz:.12f}".rstrip("0").rstrip(".")
    SubElement(dimension, "trace", {"freq": f"{freq}Hz", "samples": " ".join(f"{value:.7g}" for value in on_standard_scale)})
    _write_place(emotion, common, film)


def _common(row: Mapping[str, object], start_ms: int, end_ms: int) -> Judgement:
    return Judgement(
        str(row["film_id"]),
        str(row["annotator_id"]),
        "",
        start_ms=start_ms,
        end_ms=end_ms,
        pass_no=int(str(row["pass_no"])),
        character_id=None if pd.isna(row["character_id"]) else str(row["character_id"]),
        perspective=str(row["perspective"]),
    )


def _even_rate_hz(samples: pd.DataFrame) -> float | None:
    """The rate at which all samples lie within a millisecond of their places; None where there is none up to 1000 Hz."""
    times = samples["t_ms"].to_numpy(np.float64)
    told = samples["rate_hz"].iloc[0]
    if pd.isna(told) and len(times) < 2:
        return None
    rate = 1000 * (len(times) - 1) / (times[-1] - times[0]) if pd.isna(told) else shortest(told)
    even = times[0] + 1000 * np.arange(len(times)) / rate
    return rate if 0 < rate <= 1000 and np.abs(times - even).max() <= 1 else None


def _one_confidence(confidences: pd.Series) -> float | None:
    return shortest(confidences.iloc[0]) if confidences.notna().all() and confidences.nunique() == 1 else None


LEAVES_OUT = (
    "the word and scheme in which the rater named an emotion (its one of the seven stands), values on the rater's scale, frame numbers; "
    "control characters of notes; of traces, those that are unevenly sampled or on a scale without ends, and a confidence that changes"
)

EXPORTER = Exporter("emotionml", "EmotionML 1.0 (W3C)", write_emotionml, LEAVES_OUT)
