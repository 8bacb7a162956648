"""The model card says what made the model, what it is worth and what is forbidden; hubs can read it; foreign text stays text."""

import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from corpus.paths import Home, file_digest, write_json
from corpus.terms import EMOTIONS, FeelmError
from corpus.weights import WEIGHTS
from ml.evaluation.report import Interval, ValidationReport
from ml.models.grounds import Ground, GroundKind, weight_grounds
from pages.cards.document import markdown
from pages.cards.model import ModelCard, Origin, build_model_card, model_card, read_card_grounds
from pages.cards.sources import SourceSet
from pages.render import render
from tests.pages.cards.conftest import CREDIT
from tests.pages.outline import Outline
from tests.pages.sample import HOSTILE, sample_report

FILM = Ground("made-1-01", GroundKind.FILM, "cc0", "commercial", f"The cup {HOSTILE}", "The studio", "en")


def sample(report: ValidationReport | None = None, grounds: tuple[Ground, ...] = (FILM, *weight_grounds("minilm", "small"))) -> ModelCard:
    origin = Origin("abc.dir", "c0de", 3, "research", ("face", "voice", "text"))
    sources = (SourceSet(f"1 film: {HOSTILE}", "CC0", "commercial", f"credit {HOSTILE}", 20, 12),)
    return ModelCard(report or sample_report(), origin, grounds, sources, 0.83)


@pytest.fixture(scope="module")
def text() -> str:
    return markdown(model_card(sample()))


@pytest.fixture(scope="module")
def front(text: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return loaded


def test_hubs_find_task_language_and_results(front: dict[str, object]) -> None:
    assert front["pipeline_tag"] == "video-classification"
    assert front["language"] == ["en"]
    assert front["license"] == "other" and front["license_name"] == "declared-for-research-use"
    (index,) = front["model-index"]
    films = next(result for result in index["results"] if result["dataset"]["name"] == "films")
    fused = sample_report().corpora[0].scores[0]
    told = {metric["name"]: metric["value"] for metric in films["metrics"]}
    assert told["Accuracy"] == round(fused.accuracy.value, 4)
    assert told["UAR (macro recall)"] == round(fused.uar.value, 4)


def test_hugging_faces_own_reader_reads_it(text: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(text).data
    assert {result.dataset_name for result in data.eval_results} == {"films", "xed"}
    assert data.license == "other"


def test_every_weight_stands_with_licence_origin_and_declared_use() -> None:
    page = Outline(render("card.html", model_card(sample()))).words
    for weight in WEIGHTS:
        if weight.name not in ("multilingual-e5", "efficientnet-lite0"):
            assert weight.name in page and weight.origin in page
    assert "intfloat/multilingual-e5" not in page and "ImageNet" not in page
    assert "efficientnet-lite0" in {ground.name for ground in weight_grounds("minilm", "lite0")}
    assert "Declared for research use because of: weights expression-fer (research)" in page


def test_scores_stand_beside_baselines_the_human_ceiling_and_every_film() -> None:
    page = Outline(render("card.html", model_card(sample()))).words
    report = sample_report()
    human = next(score for score in report.corpora[0].scores if score.kind == "human")
    assert "human ceiling" in page and f"{human.accuracy.value:.3f}" in page
    assert "Most frequent emotion" in page
    for film, accuracy in report.corpora[0].scores[0].by_film.items():
        assert film in page and f"{accuracy:.3f}" in page
    assert all(emotion in page for emotion in EMOTIONS)
    assert "Expected calibration error" in page


def test_forbidden_uses_name_the_article_and_it_never_claims_to_feel(text: str) -> None:
    assert "Article 5(1)(f)" in text
    assert "It recognises and responds; it never feels" in text


def test_data_version_code_and_seed_are_told() -> None:
    page = Outline(render("card.html", model_card(sample()))).words
    assert all(words in page for words in ("abc.dir", "c0de", "3f1c9a"))


def test_no_rater_is_named(text: str) -> None:
    assert "rater-4" not in text
    assert "One rater was set aside" in text


def test_foreign_text_is_text_in_markdown_and_html(text: str) -> None:
    body = text.split("---\n", 2)[2]
    assert "<script" not in MarkdownIt("commonmark").enable("table").render(body)
    html = render("card.html", model_card(sample()))
    assert HOSTILE not in html and "&lt;script&gt;" in html


def test_a_group_that_the_report_measured_is_shown() -> None:
    @dataclasses.dataclass(frozen=True)
    class Group:
        name: str
        n_units: int
        accuracy: Interval
        uar: Interval
        ece: Interval
        human: float | None
        false_distress: float | None

    group = Group("language: fr", 40, Interval(0.66), Interval(0.61, 0.5, 0.7), Interval(0.09), 0.72, None)
    report = sample_report()
    object.__setattr__(report.corpora[0], "groups", [group])
    assert "| language: fr | 40 | 0.660 | 0.610 (0.50 to 0.70) | 0.090 | 0.720 | – |" in markdown(model_card(sample(report)))
    assert "not measured by group" not in markdown(model_card(sample(report)))
    object.__setattr__(report.corpora[0], "groups", [])
    assert "not measured by group" in markdown(model_card(sample(report)))


def test_films_that_feelm_made_are_told_to_say_nothing_about_films_of_people() -> None:
    assert model_card(sample()).notice is not None
    real = dataclasses.replace(FILM, name="sintel")
    assert model_card(sample(grounds=(FILM, real))).notice is None


def test_a_model_of_words_alone_is_a_text_model() -> None:
    card = dataclasses.replace(sample(), origin=Origin("a", "b", 0, "internal", ("text",)))
    assert model_card(card).front["pipeline_tag"] == "text-classification"


def test_it_is_written_from_what_the_stages_left(taught: Home, tmp_path: Path) -> None:
    summary = build_model_card(taught, "data.dir", "c0de", tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert summary.declared_use == "research"
    assert summary.model_version == file_digest(taught.artifact("emotion_model") / "manifest.json")[:12]
    assert "lines" in summary.narrowed_by and "expression-fer" in summary.narrowed_by
    assert CREDIT in text and "The studio; contract 7" in text and "Title of film-00" in text
    assert {ground.name for ground in read_card_grounds(tmp_path)} >= {"film-00", "lines", "minilm"}
    assert set(json.loads((tmp_path / "summary.json").read_text())["accuracy"]) == {"films", "lines"}


def test_without_a_tested_model_it_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write_json(home.artifact("training_set") / "manifest.json", {})
    with pytest.raises(FeelmError, match="feelm run"):
        build_model_card(home, "v", "c", tmp_path / "out")


def test_disturbed_films_have_their_table_and_the_worst_is_a_limit(text: str) -> None:
    section = text.partition("On disturbed films")[2].partition("\n## ")[0]
    row = next(line for line in section.splitlines() if "as loud as the film" in line)
    assert "Noise" in row and "−12.3 points" in row and "Voice alone −40.0 points" in row and "0.790" in row
    assert "it loses most by this: noise, as loud as the film: −12.3 points" in text.partition("## Limits")[2]


def test_what_was_not_measured_is_a_limit() -> None:
    told = markdown(model_card(sample(dataclasses.replace(sample_report(), robustness=None))))
    assert "On disturbed films" not in told and "was not measured" in told.partition("## Limits")[2]
