"""The cards stand beside the report, which links to them and they to it."""

from pathlib import Path

from corpus.paths import Home, writing
from pages.cards.dataset import build_dataset_card
from pages.cards.model import build_model_card
from pages.report import build_report_page
from tests.pages.outline import Outline


def links(path: Path) -> set[str | None]:
    """Where a page's links go."""
    return {attributes.get("href") for tag, attributes in Outline(path.read_text(encoding="utf-8")).tags if tag == "a"}


def test_the_report_links_to_the_cards_and_they_to_it_and_to_each_other(taught: Home, tmp_path: Path) -> None:
    with writing(taught.artifact("model_card")) as out:
        build_model_card(taught, "v", "c", out)
    with writing(taught.artifact("dataset_card")) as out:
        build_dataset_card(taught, "v", {"cc0"}, out)
    build_report_page(taught, taught.artifact("validation_report"), ["film-00"], tmp_path)
    assert {"model_card.html", "dataset_card.html"} <= links(tmp_path / "report.html")
    assert {"report.html", "dataset_card.html", "model_card.md"} <= links(tmp_path / "model_card.html")
    assert {"report.html", "model_card.html", "dataset_card.md"} <= links(tmp_path / "dataset_card.html")
    assert (tmp_path / "model_card.md").read_text() == (taught.artifact("model_card") / "README.md").read_text()


def test_a_report_without_cards_names_none(written: Path) -> None:
    assert "model_card.html" not in links(written / "report.html")
