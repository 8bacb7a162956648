"""Alignment of screenplay and subtitles: speakers right where words agree, silence where they do not."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from corpus.dialogue.align import align
from corpus.dialogue.screenplay import Speech
from corpus.dialogue.subtitles import Cue

SCRIPT = (
    Speech("ANNA", "Who is there? I can hear you breathing.", 10, "INT. KITCHEN", 0),
    Speech("BEN", "It's only me, I forgot my keys again.", 13, "INT. KITCHEN", 0),
    Speech("ANNA", "You scared me half to death.", 16, "INT. KITCHEN", 0),
    Speech("CARA", "The garden is full of frogs tonight.", 22, "EXT. GARDEN", 1),
)


def cues(*texts: str) -> list[Cue]:
    return [Cue(n, 1000 * n, 1000 * n + 900, text, text) for n, text in enumerate(texts, start=1)]


def speakers(found, script=SCRIPT) -> dict[int, str]:
    return {match.cue: script[match.speech].character for match in found.matches}


def test_split_speeches_ad_libs_and_cut_lines():
    found = align(
        cues("Who is there?", "I can hear you breathing!", "Oh boy.", "It's only me. I forgot my keys", "The garden is full of frogs"),
        SCRIPT,
    )
    assert found.verdict == "aligned"
    assert speakers(found) == {0: "ANNA", 1: "ANNA", 3: "BEN", 4: "CARA"}
    assert found.unmatched_cues == (2,) and found.unmatched_speeches == (2,)


def test_a_cue_that_matches_wholly_is_surer_than_one_that_matches_in_part():
    found = align(cues("It's only me, I forgot my keys again.", "You cat", "The garden is full of frogs tonight."), SCRIPT)
    whole, part, _ = found.matches
    assert whole.confidence > 0.95 > part.confidence


def test_another_language_is_refused():
    found = align(
        cues("Qui est là ?", "Je t'entends respirer.", "C'est moi, j'ai oublié mes clés.", "Le jardin est plein de grenouilles"), SCRIPT
    )
    assert found.verdict == "refused" and not found.matches


def test_spelling_case_and_apostrophes_do_not_matter():
    found = align(cues("IT’S ONLY ME", "i forgot my keys, again"), SCRIPT)
    assert speakers(found) == {0: "BEN", 1: "BEN"}


def test_sound_cues_are_not_aligned():
    (line,) = cues("Who is there? I can hear you breathing.")
    sound = Cue(2, 5000, 6000, "[breathing]", "[breathing]", kind="sound")
    found = align([sound, line], SCRIPT)
    assert speakers(found) == {1: "ANNA"} and found.unmatched_cues == (0,)


def test_no_words_on_either_side():
    assert align([], SCRIPT).verdict == "refused"
    assert align(cues("Hello"), ()).verdict == "refused"


def disturbed(lines: list[tuple[str, str]], rng: np.random.Generator, rate: float) -> tuple[list[Cue], list[str | None]]:
    """Cues from speeches: a share dropped, the same share of ad-libs put in and of words edited; long speeches split in two."""
    vocabulary = [word for _, text in lines for word in text.split()]
    found: list[Cue] = []
    truth: list[str | None] = []

    def add(text: str, who: str | None) -> None:
        found.append(Cue(len(found), 1000 * len(found), 1000 * len(found) + 900, text, text))
        truth.append(who)

    for who, text in lines:
        if rng.random() < rate:
            add(" ".join(rng.choice(vocabulary, rng.integers(2, 9))), None)
        if rng.random() < rate:
            continue
        said = [str(rng.choice(vocabulary)) if rng.random() < rate else word for word in text.split()]
        halves = [said[: len(said) // 2], said[len(said) // 2 :]] if len(said) > 12 else [said]
        for half in halves:
            add(" ".join(half), who)
    return found, truth


@pytest.mark.parametrize(("rate", "least_precision", "least_recall"), [(0.1, 0.99, 0.95), (0.3, 0.97, 0.82)])
def test_speakers_of_a_real_film_are_found_through_cuts_and_edits(
    shared_data: Path, rate: float, least_precision: float, least_recall: float
):
    with (shared_data / "studyforrest" / "english_dialog.csv").open(encoding="utf-8") as stream:
        rows = [(row["person"], row["text"]) for row in csv.DictReader(stream) if re.search(r"\w", row["text"])]
    script = tuple(Speech(who, text, line, "INT.", 0) for line, (who, text) in enumerate(rows, start=1))
    said, truth = disturbed(rows, np.random.default_rng(1), rate)
    found = align(said, script)
    named = speakers(found, script)
    real = [index for index, who in enumerate(truth) if who is not None]
    right = sum(named.get(index) == truth[index] for index in real)
    assert right / sum(index in named for index in real) >= least_precision
    assert right / len(real) >= least_recall
    sure = [match for match in found.matches if match.confidence > 0.9]
    assert np.mean([truth[match.cue] == script[match.speech].character for match in sure]) >= 0.97
