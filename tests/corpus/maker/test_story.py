"""Plots, kinds of lines, words, and the ceilings that follow from them."""

from collections import Counter, defaultdict
from dataclasses import astuple

import numpy as np
import pytest

from corpus.maker.channels import AMBIGUOUS, KIND_SHARES, MASKS, UNSEEN, Kind, ceilings, expected_ceilings, joint_table
from corpus.maker.phrases import phrasebook
from corpus.maker.story import REACTIONS, Line, Story, Transition, plan_stories
from corpus.terms import FeelmError
from tests.emotions import WRITTEN


def _lines(stories: list[Story]) -> list[Line]:
    return [line for story in stories for line in story.lines]


def test_every_emotion_has_at_least_eight_percent_of_lines(many_stories):
    lines = _lines(many_stories)
    counts = Counter(line.emotion for line in lines)
    assert min(counts[emotion] for emotion in WRITTEN) >= 0.08 * len(lines)


def test_twelve_films_have_240_lines_for_any_seed():
    assert all(len(_lines(plan_stories(12, seed))) >= 240 for seed in (0, 5))


def test_shares_of_misleading_lines_are_as_stated(many_stories):
    lines = _lines(many_stories)
    share = {kind: sum(line.kind is kind for line in lines) / len(lines) for kind in Kind}
    assert 0.15 <= share[Kind.FACE_MISLEADS] + share[Kind.VOICE_MISLEADS] <= 0.25
    assert 0.15 <= share[Kind.WORDS_MISLEAD] <= 0.25
    assert 0.10 <= share[Kind.CONTEXT_ONLY] <= 0.15
    assert all(abs(share[kind] - KIND_SHARES[kind]) < 0.02 for kind in Kind)


def test_kinds_say_which_channels_are_right(many_stories):
    for line in _lines(many_stories):
        right = {channel for channel, shown in vars(line.shown).items() if shown == line.emotion}
        if line.kind is Kind.CONSISTENT:
            assert right == {"face", "voice", "text"}
        elif line.kind is Kind.FACE_MISLEADS:
            assert "text" in right and "face" not in right
        elif line.kind is Kind.VOICE_MISLEADS:
            assert right == {"face", "text"}
        else:
            assert "text" not in right and right


def test_lines_that_need_context_never_open_a_scene(many_stories):
    for story in many_stories:
        opening = [line for i, line in enumerate(story.lines) if i == 0 or story.lines[i - 1].scene != line.scene]
        assert all(line.kind is not Kind.CONTEXT_ONLY for line in opening)


def test_a_film_does_not_depend_on_how_many_follow_it():
    assert plan_stories(2, 3) == plan_stories(4, 3)[:2]


def test_a_film_needs_a_line_for_each_scene():
    with pytest.raises(FeelmError, match="at least 4"):
        plan_stories(1, 3, lines=3)


def test_films_have_a_cut_a_fade_and_a_dissolve_between_scenes(many_stories):
    bridges = {Transition.CUT, Transition.FADE, Transition.DISSOLVE}
    assert all({scene.transition for scene in story.scenes[1:]} == bridges for story in many_stories)


def test_sentences_are_many_and_not_repeated_within_twelve_films():
    book = phrasebook()
    assert all(len(set(book.sentences[emotion])) >= 40 for emotion in WRITTEN)
    words = [line.text for line in _lines(plan_stories(12, 4)) if line.shown.text != AMBIGUOUS]
    assert len(set(words)) == len(words)


def test_listeners_react_to_what_is_said_as_the_weights_say(many_stories):
    reactions = defaultdict(Counter)
    for line in _lines(many_stories):
        reactions[line.emotion][line.listener_emotion] += 1
    for emotion, weights in REACTIONS.items():
        likeliest = max(weights, key=lambda other: weights[other])
        assert reactions[emotion][likeliest] / reactions[emotion].total() > 1.5 / len(WRITTEN)


def test_the_next_line_follows_from_what_the_listener_feels(many_stories):
    pairs = [(a, b) for s in many_stories for a, b in zip(s.lines, s.lines[1:], strict=False) if a.scene == b.scene]
    answered = [a.listener_emotion == b.emotion for a, b in pairs if b.speaker == a.addressee]
    assert np.mean(answered) > 0.5


def test_masks_and_joint_table_are_probabilities():
    assert all(sum(masks.values()) == pytest.approx(1) and emotion not in masks for emotion, masks in MASKS.items())
    assert joint_table().sum(axis=(1, 2, 3)) == pytest.approx(1)


def test_expected_ceilings_are_those_the_design_asks_for():
    stated = expected_ceilings()
    assert max(stated.face, stated.voice, stated.text) <= 0.82
    assert stated.fused == pytest.approx(0.95, abs=0.01)


def test_ceilings_agree_with_counting_what_emotion_each_view_had(many_stories):
    """Of 70 films, the commonest emotion of each symbol that a channel shows is right as often as the ideal observer is."""
    stories = many_stories + plan_stories(40, 12)
    lines = _lines(stories)
    stated = ceilings([story.lines for story in stories])
    for channel in ("face", "voice", "text"):
        seen = [UNSEEN if channel == "face" and not line.speaker_seen else getattr(line.shown, channel) for line in lines]
        counts = defaultdict(Counter)
        for symbol, line in zip(seen, lines, strict=True):
            counts[symbol][line.emotion] += 1
        counted = sum(max(c.values()) for c in counts.values()) / len(lines)
        assert getattr(stated, channel) == pytest.approx(counted, abs=0.025)
    assert all(abs(a - b) < 0.03 for a, b in zip(astuple(stated), astuple(expected_ceilings()), strict=True))
