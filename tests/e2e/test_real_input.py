"""Real films and a real corpus by the same doors as made ones, trained on together."""

import json
import shutil
from pathlib import Path

import pytest

from corpus.contracts import FACE_COURSE, UNIT_FEATURES, UNITS, UTTERANCES
from corpus.paths import Home
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation.report import ValidationReport
from tests.e2e.conftest import feelm

XED_FILMS = 8
XED_LINES_A_FILM = 40


@pytest.fixture(scope="module")
def real_root(small_root: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small home with the Sintel trailer, the actress's clip and some lines of XED's films added, run once."""
    root = tmp_path_factory.mktemp("real") / "root"
    shutil.copytree(small_root, root)
    (root / "xed").mkdir()
    (root / "xed" / "xed_en_with_film.tsv").write_text(few_lines((shared_data / "xed" / "xed_en_with_film.tsv").read_text()))
    sintel = shared_data / "sintel" / "sintel_trailer-720p.mp4"
    actress = shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4"
    for arguments in (
        ("films", "add", str(sintel), "--id", "sintel-trailer", "--rights", "cc_by"),
        ("films", "add", str(actress), "--id", "actress"),
        ("corpus", "add", "xed", "xed"),
        ("run",),
    ):
        done = feelm(root, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return root


def few_lines(table: str) -> str:
    """The header and the first lines of the first films."""
    header, *lines = table.splitlines()
    films: dict[str, list[str]] = {}
    for line in lines:
        films.setdefault(line.rsplit("\t", 1)[-1], []).append(line)
    largest = sorted(films.values(), key=len, reverse=True)[:XED_FILMS]
    return "\n".join([header, *(line for lines in largest for line in lines[:XED_LINES_A_FILM])]) + "\n"


@pytest.mark.slow
def test_xed_is_scored_by_unseen_film_beside_the_majority_and_tfidf(real_root: Path) -> None:
    report = ValidationReport.read(Home(real_root / ".feelm").artifact("validation_report") / "report.json")
    xed, films = report.corpus("xed"), report.corpus("films")
    assert xed is not None and films is not None
    assert xed.n_films == XED_FILMS
    systems = {score.system: score.macro_f1.value for score in xed.scores}
    assert {"fused", "majority", "tfidf"} <= set(systems)
    assert systems["fused"] > systems["majority"]
    assert films.n_films == 3
    assert set(report.trained_on) == {"films", "xed"}


@pytest.mark.slow
def test_what_real_clips_lack_is_told(real_root: Path) -> None:
    home = Home(real_root / ".feelm")
    report = ValidationReport.read(home.artifact("validation_report") / "report.json")
    assert "actress" in report.left_out
    missing = {
        (film_id, name): json.loads((home.artifact(name, film_id) / "summary.json").read_text())["missing"]
        for film_id in ("actress", "sintel-trailer")
        for name in ("dialogue", "face_features", "voice_features", "text_features")
    }
    assert missing["actress", "dialogue"].startswith("no subtitles; ")
    assert "silence" in missing["actress", "voice_features"]
    assert missing["actress", "face_features"] is None
    assert "no voice in" in missing["sintel-trailer", "voice_features"]
    voices = UNIT_FEATURES.read(home.artifact("voice_features", "sintel-trailer") / "features.parquet")
    assert 0 < voices["present"].sum() < len(voices)
    assert len(UTTERANCES.read(home.artifact("dialogue", "sintel-trailer") / "utterances.parquet")) == 4
    assert set(UNITS.read(home.artifact("scenes", "actress") / "units.parquet")["level"]) == {"scene", "span"}


@pytest.mark.slow
def test_the_actress_is_sad_then_surprised_then_joyful(real_root: Path) -> None:
    course = FACE_COURSE.read(Home(real_root / ".feelm").artifact("face_features", "actress") / "course.parquet")
    second = course["t_ms"] // 1000
    means = course[list(PROBABILITY_COLUMNS)].groupby(second).mean()
    top = [EMOTIONS[index] for index in means.to_numpy().argmax(axis=1)]
    crying, joyful = top[:8], top[10:]
    assert crying.count("sadness") >= 6
    assert joyful.count("joy") == len(joyful)
    between = course[(course["t_ms"] >= 8000) & (course["t_ms"] < 10_000)]
    assert between["p_surprise"].mean() > course["p_surprise"].mean() * 2


@pytest.mark.slow
def test_pages_of_real_films_are_written(real_root: Path) -> None:
    pages = {path.stem for path in (real_root / ".feelm" / "reports" / "films").glob("*.html")}
    assert {"actress", "sintel-trailer"} <= pages
