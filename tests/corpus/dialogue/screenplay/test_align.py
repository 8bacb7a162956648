"""Alignment of screenplay and subtitles: speakers right where words agree, silence where they do not."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.screenplay import score, trials
from benchmarks.screenplay_noise import HARD, MILD, Level
from corpus.dialogue.screenplay.align import align
from corpus.dialogue.screenplay.following import AD_LIB, TEMPER, Walk, follow
from corpus.dialogue.screenplay.read import Speech
from corpus.dialogue.subtitles.read import Cue, read_subtitles

THINGS = ("garden", "window", "lighthouse", "river")
VERBS = ("opens", "sleeps", "wanders", "burns")

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


def test_a_scene_that_stands_elsewhere_in_the_screenplay_is_found_there():
    texts = [
        f"The {colour} {thing} {verb} slowly" for colour in ("red", "green", "blue") for thing, verb in zip(THINGS, VERBS, strict=True)
    ]
    script = tuple(Speech(f"P{n % 3}", text, n, "INT.", n // 4) for n, text in enumerate(texts))
    order = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7]
    found = align(cues(*(texts[n] for n in order)), script)
    assert [match.speech for match in found.matches] == order


def test_a_cue_that_holds_the_words_of_two_is_told_as_theirs_and_less_sure():
    shared, alone = (
        align(cues("Who is there? I can hear you breathing.", text, "You scared me half to death."), SCRIPT).matches[1]
        for text in ("It's only me, I forgot my keys again. You scared me", "It's only me, I forgot my keys again.")
    )
    assert (shared.speech, shared.also) == (1, 2) and (alone.speech, alone.also) == (1, None)
    assert shared.confidence < alone.confidence


def test_misspelt_and_inflected_words_still_meet():
    found = align(cues("Hoo is their? I can heer you breathin", "The gardens are ful of frogs tonigt"), SCRIPT)
    assert speakers(found) == {0: "ANNA", 1: "CARA"}


def test_a_short_line_is_placed_by_its_neighbours():
    script = (*SCRIPT[:2], Speech("CARA", "Okay.", 14, "INT.", 0), SCRIPT[2], SCRIPT[3], Speech("BEN", "Okay.", 30, "EXT.", 1))
    texts = ["It's only me. I forgot my keys", "Okay.", "You scared me half to death", "The garden is full of frogs tonight", "Okay."]
    assert speakers(align(cues(*texts), script), script) == {0: "BEN", 1: "CARA", 2: "ANNA", 3: "CARA", 4: "BEN"}


def test_more_cues_and_speeches_than_a_film_has_are_refused_at_once():
    found = align(cues("Hello")[:1] * 5000, (Speech("ANNA", "Hello", 1, None, None),) * 5000)
    assert found.verdict == "refused" and "more than a film has" in str(found.reason)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(THINGS + VERBS + ("...", "我", "don't")), max_size=6).map(" ".join), max_size=12),
    st.lists(
        st.tuples(st.sampled_from("AB"), st.lists(st.sampled_from(THINGS + VERBS + ("?", "我")), max_size=9).map(" ".join)), max_size=9
    ),
)
def test_every_cue_and_speech_is_either_matched_or_told_as_unmatched(texts: list[str], lines: list[tuple[str, str]]):
    script = tuple(Speech(who, text, n, None, n // 3) for n, (who, text) in enumerate(lines))
    found = align(cues(*texts), script)
    matched = [match.cue for match in found.matches]
    assert matched == sorted(set(matched)) and sorted([*matched, *found.unmatched_cues]) == list(range(len(texts)))
    used = {match.speech for match in found.matches} | {match.also for match in found.matches if match.also is not None}
    assert used.isdisjoint(found.unmatched_speeches) and used | set(found.unmatched_speeches) == set(range(len(script)))
    assert all(0.5 <= match.confidence <= 1 for match in found.matches)
    assert all(match.also is None or script[match.also].character != script[match.speech].character for match in found.matches)
    assert (found.verdict == "refused") == (found.reason is not None) == (not found.matches)


def test_places_are_those_of_all_ways_through_the_screenplay_weighed():
    """Against the sum over every path, written out: each cue stands in a speech or is an ad-lib that keeps the place."""
    rng = np.random.default_rng(5)
    n_cues, n_speeches = 4, 3
    evidence = rng.normal(0, 3, (n_cues, n_speeches)).astype(np.float32)
    walk = Walk.through([5, 20, 9], np.array([True, False, True]))
    step = np.array([walk.forward(row) for row in np.eye(n_speeches)])
    first = walk.first()
    weights = np.zeros((n_cues, n_speeches))
    total = 0.0
    for path in itertools.product(range(n_speeches), [True, False], repeat=n_cues):
        places, said = path[::2], path[1::2]
        weight = first[places[0]]
        for cue in range(n_cues):
            if cue and said[cue]:
                weight *= step[places[cue - 1], places[cue]]
            elif cue:
                weight *= places[cue] == places[cue - 1]
            weight *= (1 - AD_LIB) * np.exp(TEMPER * evidence[cue, places[cue]]) if said[cue] else AD_LIB
        total += weight
        for cue in range(n_cues):
            weights[cue, places[cue]] += weight * said[cue]
    found = follow(evidence, walk)
    assert np.allclose(found.posterior, weights / total, atol=1e-5)
    assert found.evidence_nats == pytest.approx((np.log(total) - n_cues * np.log(AD_LIB)) / n_cues, rel=1e-5)


def test_a_step_back_is_the_transpose_of_a_step_forward():
    walk = Walk.through([3, 30, 8, 1, 12], np.array([True, False, True, False, True]))
    forward = np.array([walk.forward(row) for row in np.eye(5)])
    backward = np.array([walk.backward(row) for row in np.eye(5)])
    assert np.allclose(forward, backward.T)
    assert np.all(forward.sum(axis=1) <= 1 + 1e-9)


@pytest.mark.parametrize(("level", "least_precision", "least_recall"), [(MILD, 0.99, 0.95), (HARD, 0.97, 0.82)])
def test_speakers_of_a_real_film_are_found_through_cuts_moves_and_edits(
    shared_data: Path, level: Level, least_precision: float, least_recall: float
):
    scored = score(align, level, [50, 51])
    stand = [each for each in scored.outcomes if each.stands]
    right = sum(each.speaker for each in stand)
    assert right / sum(each.named for each in stand) >= least_precision
    assert right / len(stand) >= least_recall
    sure = [each for each in scored.outcomes if each.confidence > 0.9]
    assert np.mean([each.speaker for each in sure]) >= 0.97


def test_the_screenplay_of_another_film_is_refused(shared_data: Path):
    (trial,) = trials(MILD, [50])
    script = tuple(Speech(line.speaker, line.text, n, None, line.scene) for n, line in enumerate(trial.script))
    for path in (shared_data / "tears_of_steel_subs" / "TOS-en.srt", shared_data / "sintel" / "sintel_it.srt"):
        assert align(read_subtitles(path).cues, script).verdict == "refused", path.name
