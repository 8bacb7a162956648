"""The public corpora by name: a new corpus is a module beside this one and an entry here.

Each brings units, gold labels and a summary; where it has words or recordings, their features are made of these and stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from corpus.datasets import crema_d_labels, emorynlp, meld, ravdess, xed
from corpus.datasets.dialogues import build_dialogues
from corpus.datasets.summary import CorpusSummary, Terms

OUTPUTS = ("corpus", "text", "voice")
"""The artifacts of every corpus; features that it cannot have are an artifact too, which says that it has none."""


@dataclass(frozen=True)
class PublicCorpus:
    """A corpus that can be added: `build` reads a source folder and fills an empty folder; `about` is one sentence for people."""

    name: str
    about: str
    terms: Terms
    build: Callable[[Path, Path], CorpusSummary]
    has_words: bool = False
    has_recordings: bool = False

    @property
    def media(self) -> str:
        """What of it a model can learn from."""
        parts = [word for word, there in (("words", self.has_words), ("recordings", self.has_recordings)) if there]
        return " and ".join(parts) or "no words and no media, so that no model trains on it"

    @property
    def assets(self) -> dict[str, str]:
        """Dagster asset by output (OUTPUTS): the corpus, and features of what it has."""
        name = self.name.replace("-", "_")
        there = {"corpus": True, "text": self.has_words, "voice": self.has_recordings}
        return {output: name if output == "corpus" else f"{name}_{output}_features" for output in OUTPUTS if there[output]}


CORPORA: dict[str, PublicCorpus] = {
    corpus.name: corpus
    for corpus in (
        PublicCorpus("xed", "Lines of 48 films' subtitles with emotions, without times or media", xed.TERMS, xed.build_xed, has_words=True),
        PublicCorpus(
            "meld",
            "Dialogue of the series Friends with speakers, times and the seven emotions, without media",
            meld.MELD.terms,
            partial(build_dialogues, meld.MELD),
            has_words=True,
        ),
        PublicCorpus(
            "emorynlp",
            "Dialogue of the first seasons of Friends with speakers, times and seven emotions, five of them the platform's, without media",
            emorynlp.EMORYNLP.terms,
            partial(build_dialogues, emorynlp.EMORYNLP),
            has_words=True,
        ),
        PublicCorpus(
            "ravdess",
            "Two sentences spoken by 24 actors in eight emotions, seven of them the platform's",
            ravdess.TERMS,
            ravdess.build_ravdess,
            has_recordings=True,
        ),
        PublicCorpus(
            "crema-d",
            "A crowd's votes on 7,442 acted clips, from voice, face and both, without the clips",
            crema_d_labels.TERMS,
            crema_d_labels.build_crema_d,
        ),
    )
}
