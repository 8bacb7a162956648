import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.dialogue.duplicates import find_twins, fingerprint, twins_of
from corpus.dialogue.subtitles.read import read_subtitles
from corpus.maker.story import plan_stories


def _altered(words: list[str], share: float, rng: random.Random) -> list[str]:
    return [f"{word}x" if rng.random() < share else word for word in words]


@pytest.fixture(scope="module")
def film_words(shared_data: Path) -> list[str]:
    return " ".join(pd.read_csv(shared_data / "studyforrest" / "english_dialog.csv")["text"].dropna()).split()


@pytest.mark.parametrize(("kept", "altered"), [(1.0, 0.2), (0.5, 0.2), (0.1, 0.1), (1.0, 0.0)])
def test_the_same_film_is_known_again_however_it_was_cut_and_heard(film_words: list[str], kept: float, altered: float) -> None:
    rng = random.Random(3)
    start = rng.randrange(round(len(film_words) * (1 - kept)) + 1)
    heard = _altered(film_words[start : start + round(len(film_words) * kept)], altered, rng)
    # Cues of other lengths, with other signs between words.
    cues = [", ".join(heard[n : n + 7]).upper() for n in range(0, len(heard), 7)]
    found = find_twins({"one": fingerprint([" ".join(film_words)]), "two": fingerprint(cues)})
    assert [(twins.first, twins.second) for twins in found] == [("one", "two")]
    assert found[0].share == pytest.approx((1 - altered) ** 4, abs=0.06)


def test_made_films_are_told_apart_though_their_sentences_come_from_common_templates() -> None:
    stories = [story for seed in (7, 8) for story in plan_stories(12, seed)]
    prints = {story.film_id: fingerprint(line.text for line in story.lines) for story in stories}
    assert len(prints) == 24 and find_twins(prints) == []
    for first, second in combinations(prints.values(), 2):
        assert len(first & second) / min(len(first), len(second)) < 0.15


def test_real_films_are_told_apart_and_a_trailer_found_in_its_film(shared_data: Path) -> None:
    files = {
        "sintel": shared_data / "sintel" / "sintel.srt",
        "tears": shared_data / "tears_of_steel_subs" / "TOS-en.srt",
        "tears-de": shared_data / "tears_of_steel_subs" / "TOS-de.srt",
        "elephants": shared_data / "elephants_dream_captions" / "captions.en.vtt",
    }
    prints = {name: fingerprint(cue.text for cue in read_subtitles(path).cues) for name, path in files.items()}
    assert find_twins(prints) == []
    assert [(t.first, t.second) for t in find_twins(prints | {"again": prints["tears"]})] == [("again", "tears")]


def test_the_48_films_of_xed_are_told_apart_and_a_film_among_them_is_found(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "xed" / "xed_en_with_film.tsv", sep="\t", quoting=3, dtype=str, keep_default_na=False)
    prints = {film: fingerprint(lines) for film, lines in rows.groupby("imdb_id")["text"]}
    assert len(prints) == 48 and find_twins(prints) == []
    film, lines = next(iter(rows.groupby("imdb_id")["text"]))
    mixed = [line for pair in zip(lines, ["Somebody says something else here."] * len(lines), strict=True) for line in pair]
    assert [(t.first, t.second) for t in find_twins(prints | {"whole": fingerprint(mixed)})] == [(film, "whole")]


def test_scripts_without_spaces_are_compared_too(shared_data: Path) -> None:
    cues = [cue.text for cue in read_subtitles(shared_data / "elephants_dream_captions" / "captions.ja.vtt").cues]
    assert find_twins({"a": fingerprint(cues), "b": fingerprint(["".join(cues)])})


def test_a_few_common_words_prove_nothing() -> None:
    assert (
        find_twins({"a": fingerprint(["I do not know what to say to you"]), "b": fingerprint(["I do not know what to say to you"])}) == []
    )


def test_the_twins_of_one_film_are_those_among_all_pairs() -> None:
    rng = random.Random(5)
    words = [f"word{rng.randrange(3000)}" for _ in range(4000)]
    texts = {"one": words, "half": words[:2000], "noisy": _altered(words, 0.2, rng), "other": words[::-1], "short": words[:20], "mute": []}
    prints = {name: fingerprint([" ".join(said)]) for name, said in texts.items()}
    arrays = {name: np.sort(np.fromiter(runs, dtype=np.uint32)) for name, runs in prints.items()}
    for own in texts:
        found = dict(twins_of(arrays[own], ((name, runs) for name, runs in arrays.items() if name != own)))
        pairs = {(twins.first, twins.second): twins.share for twins in find_twins(prints) if own in (twins.first, twins.second)}
        assert found == {first if second == own else second: share for (first, second), share in pairs.items()}
