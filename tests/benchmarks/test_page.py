"""The page of all results: it shows what the results say, names what it cannot show, and lets no markup in."""

from pathlib import Path

import pytest

from benchmarks.common import RESULTS
from benchmarks.page import PLOTS, Bars, build_page, tables, value_of

SPEEDS = """# Voice

2026-11-27 · somewhere

## Speed

|  | rate over openSMILE's |
| --- | --- |
| here | 2.39 (2.21 to 2.65) |
| openSMILE | 1.00 (1.00 to 1.00) |

It is quick. <script>alert(1)</script>
"""


def test_every_plot_finds_its_table_in_the_results_that_are_kept() -> None:
    page = build_page(RESULTS)

    assert "No plot of" not in page and page.count("data:image/svg+xml") == len(PLOTS)
    assert all(f'id="{path.stem}"' in page for path in RESULTS.glob("*.md"))


def test_a_plot_without_its_table_is_named_and_text_stays_text(tmp_path: Path) -> None:
    (tmp_path / "voice.md").write_text(SPEEDS)

    page = build_page(tmp_path)

    assert "No plot of Faces: speed" in page and page.count("data:image/svg+xml") == 1
    assert "<script>alert" not in page and "<td>2.39 (2.21 to 2.65)</td>" in page


def test_tables_are_read_with_their_heading() -> None:
    (found,) = tables(SPEEDS)

    assert found.heading == "Speed" and found.head == ("", "rate over openSMILE's")
    assert found.rows == (("here", "2.39 (2.21 to 2.65)"), ("openSMILE", "1.00 (1.00 to 1.00)"))


def test_bars_tell_in_words_what_they_show() -> None:
    told, picture = Bars("Speed", "", "voice", "rate over openSMILE's", "^here").draw(SPEEDS)

    assert told == "here: 2.39; openSMILE: 1" and picture.startswith(b"<?xml")


@pytest.mark.parametrize(
    ("cell", "figures"),
    [
        ("2.39 (2.21 to 2.65)", (2.39, 2.21, 2.65)),
        ("0.732 ± 0.013", (0.732, 0.719, 0.745)),
        ("**0.998** (0.997) · 1.000 · 0.008", (0.998, 0.997, 0.998)),
        ("79.3 (78.7, 79.0, 82.1)", (79.3, 78.7, 82.1)),
        ("1,193", (1193, 1193, 1193)),
    ],
)
def test_a_cell_s_figure_is_read_with_its_spread(cell: str, figures: tuple[float, float, float]) -> None:
    found = value_of(cell)

    assert found is not None and (found.middle, found.low, found.high) == pytest.approx(figures)


@pytest.mark.parametrize("cell", ["-", "", "crashes", "none of 3"])
def test_a_cell_without_a_figure_has_none(cell: str) -> None:
    assert value_of(cell) is None
