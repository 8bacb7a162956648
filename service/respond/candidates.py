"""Candidate replies from a domain's templates: some for each of the likeliest ways of answering, in the person's language.

A template that was said in this talk already is not said again, and the order is drawn by the talk itself, so that the same talk has the
same candidates and another one others. A feeling is acknowledged first where it is strong, as people do before they ask or advise.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from service.domains.profile import Profile, Slot, Strategy, general
from service.respond.choose import Choice
from service.respond.wording import Said, fill

WAYS = 3
"""Ways of answering that candidates are written for."""

EACH = 4
"""Candidates of a way."""

ACKNOWLEDGED = ("anger", "fear", "sadness", "disgust")
ACKNOWLEDGED_FROM = 0.4
"""Emotions that are acknowledged before anything else is said, from this intensity (0..1) on."""

OPENED = (Strategy.QUESTION, Strategy.SUGGESTION, Strategy.INFORMATION, Strategy.OTHER)


@dataclass(frozen=True)
class Candidate:
    """A reply that might be given: its text, how it answers, who wrote it (templates, film, endpoint), and a film line's `source`."""

    text: str
    strategy: Strategy
    writer: str
    source: str | None = None


def written(profile: Profile, choice: Choice, said: Said, earlier: Sequence[str]) -> list[Candidate]:
    """Candidates of the likeliest ways; `earlier` are the replies given in this talk. Never empty."""
    rng = random.Random(hashlib.sha256("\n".join([profile.name, *earlier, said.text]).encode()).digest())
    ways = sorted(choice.shares, key=lambda way: -choice.shares[way])[:WAYS]
    return [Candidate(text, way, "templates") for way in ways for text in _of_way(profile, way, said, earlier, rng)]


def fixed(profile: Profile, language: str) -> list[str]:
    """What the profile may say in a language whatever the person says: worth reading before anybody asks."""
    return [one.text for one in profile.templates if one.language == language and not one.slots]


def _of_way(profile: Profile, way: Strategy, said: Said, earlier: Sequence[str], rng: random.Random) -> list[str]:
    """EACH at most, one of them in the person's own words where a template can be filled with them: two would say the same clause twice."""
    texts = _filled(profile, way, said)
    fresh = {text: own for text, own in texts.items() if not any(text in reply for reply in earlier)} or texts
    order = rng.sample(list(fresh), len(fresh))
    own, others = [text for text in order if fresh[text]][:1], [text for text in order if not fresh[text]]
    chosen = rng.sample(kept := [*own, *others][:EACH], len(kept))
    opening = _opening(profile, way, said, earlier, rng)
    opened = [f"{opening} {text}" for text in others[: EACH // 2] if opening and len(f"{opening} {text}".split()) <= profile.most_words]
    return [*chosen, *opened]


OWN_WORDS = {Slot.SAID, Slot.TOPIC}
"""Slots that are filled with what nobody has said before."""


def _filled(profile: Profile, way: Strategy, said: Said) -> dict[str, bool]:
    """What the way's templates say, those for this very emotion first, and whether in the person's own words; in English where the language
    lacks the way.
    """
    own = [template for template in profile.templates if template.strategy is way and template.language == said.language]
    fit = [template for template in own if said.emotion in template.emotions] + [template for template in own if not template.emotions]
    told = ((fill(template, said), not OWN_WORDS.isdisjoint(template.slots)) for template in fit or general(profile.templates, way))
    return {text: own_words for text, own_words in told if text is not None}


def _opening(profile: Profile, way: Strategy, said: Said, earlier: Sequence[str], rng: random.Random) -> str | None:
    if way not in OPENED or said.emotion not in ACKNOWLEDGED or said.intensity < ACKNOWLEDGED_FROM:
        return None
    texts = [
        text
        for text, own_words in _filled(profile, Strategy.REFLECTION, said).items()
        if not own_words and not any(text in reply for reply in earlier) and "?" not in text
    ]
    return rng.choice(texts) if texts else None
