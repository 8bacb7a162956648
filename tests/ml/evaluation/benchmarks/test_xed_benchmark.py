"""XED's protocol on a small table: every film is scored once, by what did not see it."""

from pathlib import Path

import numpy as np
import pytest

from corpus.terms import EMOTIONS, FeelmError
from ml.evaluation.benchmarks import run_benchmark, xed

TELLING = {"good": 5, "bad": 1, "odd": 0}
"""XED's numbers for joy, anger and neutral."""


def write_table(path: Path, films: range, lines: int = 12, label_shift: int = 0) -> Path:
    drawn, words = np.random.default_rng(films.start), list(TELLING)
    rows = ["text\tlabels\tyear\timdb_id"]
    for film in films:
        for _ in range(lines + film % 3):
            word = int(drawn.integers(0, 3))
            label = TELLING[words[(word + label_shift) % 3]]
            rows.append(f"{drawn.choice(['the', 'a'])} {words[word]} {drawn.choice(['dog', 'cat'])} , ran home !\t{label}\t1990\t{film}")
    rows += ["both\t1,5\t1990\t1", "no place\t2\t1990\t1"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "xed_en_with_film.tsv", range(1, 9))


def test_every_single_label_line_is_scored_once_by_folds_of_other_films(table: Path, options):
    found = run_benchmark("xed", table.parent, None, options())
    assert found.metrics["accuracy"] >= 0.9 > found.baselines["majority"]["accuracy"] + 0.2
    assert found.protocol.n_scored == found.protocol.n_train == sum(12 + film % 3 for film in range(1, 9))
    assert found.protocol.trained_on == "the films of four of 5 folds of 8 films, each film in one fold"
    assert {name for name, one in found.per_class.items() if one.n} == {"joy", "anger", "neutral"}
    assert found.protocol.classes == EMOTIONS
    assert "only anticipation or trust, which have no place among the seven: 1 rows" in found.protocol.notes


def test_no_film_trains_what_scores_it(table: Path):
    own = xed._read(table, None)
    answered = []
    for _, train, to in own.parts():
        assert not {own.film[row] for row in train} & {own.film[row] for row in to}
        assert sorted([*train, *to]) == list(range(len(own.label)))
        answered += to.tolist()
    assert sorted(answered) == list(range(len(own.label)))


def test_lines_are_tidied_of_the_spaces_that_tell_an_emotional_one(table: Path):
    own = xed._read(table, None)
    assert all(text.endswith(", ran home!") and " ," not in text for text in own.lines.texts)


def test_a_test_tables_films_are_scored_by_all_the_others(table: Path, tmp_path: Path, options):
    test = write_table(tmp_path / "test" / "mine.tsv", range(20, 23), label_shift=1)
    found = run_benchmark("xed", table, test.parent, options())
    assert found.metrics["accuracy"] <= 0.1 and found.protocol.scored_on == "the test file's films"
    assert found.protocol.n_scored == sum(12 + film % 3 for film in range(20, 23))
    own = xed._read(table, test)
    (_, fold_train, _), (name, train, to) = own.parts()
    assert name == "test" and set(own.fold[to].tolist()) == {-1} and sorted(own.fold[train]) == sorted(own.fold[own.fold >= 0])
    assert not (own.fold[fold_train] < 0).any()


def test_a_film_on_both_sides_is_refused_and_named(table: Path, tmp_path: Path, options):
    test = write_table(tmp_path / "test.tsv", range(7, 10))
    with pytest.raises(FeelmError, match=r"leak: the test has films that the training data has too, such as xed-tt0000007 \(2 in all\)"):
        run_benchmark("xed", table, test, options())


def test_too_few_films_are_refused(tmp_path: Path, options):
    with pytest.raises(FeelmError, match="single-label lines of 4 films: at least 5 are needed"):
        run_benchmark("xed", write_table(tmp_path / "few.tsv", range(1, 5)), None, options())


def test_fine_tuned_folds_are_gathered_for_each_seed(table: Path, options):
    found = run_benchmark("xed", table, None, options(fine_tunes=True))
    assert found.protocol.system == "fine_tuned_and_frozen"
    assert {name for name in found.seconds if name.startswith("fine")} == {f"fine-tuned-fold{k}-1" for k in range(5)}
    assert np.isfinite(list(found.variants["fine_tuned"].values())).all()
