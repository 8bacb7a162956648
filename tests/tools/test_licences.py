"""Every licence is known and accepted, and told in docs/licences.md; what is not is refused with its name."""

from importlib.metadata import distributions
from pathlib import Path

import pytest

from corpus.datasets.registry import CORPORA
from corpus.weights import WEIGHTS
from tests.conftest import REPOSITORY
from tools.licences import ACCEPTED, Row, direct, holds, main, material_rows, package_rows, spdx, table, untold

TEXT = (REPOSITORY / "docs" / "licences.md").read_text(encoding="utf-8")
PYPROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def row_of(folder: Path, name: str, *lines: str) -> Row:
    """The report's line on an installed package with these lines in its metadata."""
    information = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("\n".join(("Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, "")))
    (row,) = (row for row in package_rows(distributions(path=[str(folder)])) if row.kind == "package" and row.name.startswith(name))
    return row


def test_everything_that_is_here_is_accepted_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    code = main()
    report = capsys.readouterr().out
    assert code == 0, [line for line in report.splitlines() if line.startswith("refused")]
    assert "pysrt 1.1.2" in report
    assert "feelm 0" not in report
    assert all(f" {name} " in report for name in [*CORPORA, *(weight.name for weight in WEIGHTS)])


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("License: Ask the author",),
        ("License-Expression: MIT-ish",),
        ("Classifier: License :: OSI Approved",),
        ("License: UNKNOWN", "Classifier: License :: Free For Educational Use"),
        ("License: A text\n        of some lines",),
    ],
)
def test_a_licence_that_is_not_known_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    row = row_of(tmp_path, "new-thing", *lines)
    assert row.licence == "unknown"
    assert row.fault.startswith("new-thing has no licence that is known (")


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (("License-Expression: AGPL-3.0-or-later",), "AGPL-3.0-or-later"),
        (("License-Expression: GPL-3.0-or-later",), "GPL-3.0-or-later"),
        (("License-Expression: MIT AND CC-BY-NC-4.0",), "MIT AND CC-BY-NC-4.0"),
        (("License: MIT", "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"), "MIT AND GPL-3.0-only"),
        (("License: Apache 2.0", "Classifier: License :: Other/Proprietary License"), "Apache-2.0 AND LicenseRef-Proprietary"),
    ],
)
def test_a_licence_that_is_not_accepted_is_refused(tmp_path: Path, lines: tuple[str, ...], licence: str) -> None:
    row = row_of(tmp_path, "new-thing", *lines)
    assert row.licence == licence
    assert row.fault.startswith(f"new-thing is under {licence}, which is not accepted")


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (("License-Expression: mit",), "MIT"),
        (("License: Apache License, Version 2.0",), "Apache-2.0"),
        (("License: BSD 3-Clause License", "Classifier: License :: OSI Approved :: BSD License"), "BSD-3-Clause"),
        (("License: A text\n        of some lines", "Classifier: License :: OSI Approved :: MIT License"), "MIT"),
        (("License: Dual License", "Classifier: License :: OSI Approved :: Apache Software License"), "Apache-2.0"),
        (("License-Expression: Apache-2.0 OR GPL-2.0-or-later",), "Apache-2.0 OR GPL-2.0-or-later"),
    ],
)
def test_what_packages_call_their_licence_is_brought_into_spdx(tmp_path: Path, lines: tuple[str, ...], licence: str) -> None:
    row = row_of(tmp_path, "new-thing", *lines)
    assert (row.licence, row.fault) == (licence, "")


def test_a_copyleft_licence_is_accepted_of_the_package_that_is_excepted_alone(tmp_path: Path) -> None:
    assert not row_of(tmp_path, "pysrt", "License: GPLv3").fault
    assert row_of(tmp_path, "pysrt2", "License: GPLv3").fault
    assert row_of(tmp_path, "krippendorff", "License-Expression: AGPL-3.0-only").fault
    assert not row_of(tmp_path, "nvidia-nvtx", "License: Apache 2.0", "Classifier: License :: Other/Proprietary License").fault


def test_an_expression_holds_by_one_side_of_an_or_and_by_both_of_an_and() -> None:
    assert holds("MPL-2.0 AND (GPL-3.0-only OR MIT)", ACCEPTED)
    assert not holds("MIT AND (GPL-3.0-only OR (Apache-2.0 AND GPL-2.0-only))", ACCEPTED)
    assert holds("GPL-2.0-only OR MIT AND ISC", ACCEPTED)
    assert not holds("GPL-2.0-only WITH GCC-exception-2.0", ACCEPTED)
    assert all(spdx(word) == word for word in ACCEPTED)


def test_a_direct_dependency_without_a_row_is_refused() -> None:
    told = table(TEXT, "Packages")
    assert untold(direct(PYPROJECT), told) == []
    more = PYPROJECT.replace('"pytest>=9",', '"pytest>=9", "Left_Pad[all]>=1; python_version>\'3\'",')
    assert untold(direct(more), told) == ["left-pad has no row in docs/licences.md"]
    without = "\n".join(line for line in TEXT.splitlines() if not line.startswith("| dvc |"))
    assert untold(direct(PYPROJECT), table(without, "Packages")) == ["dvc has no row in docs/licences.md"]


def test_a_weight_or_a_data_set_without_a_row_or_with_another_licence_is_refused() -> None:
    assert not [row.fault for row in material_rows(TEXT) if row.fault]
    without = "\n".join(line for line in TEXT.splitlines() if not line.startswith(("| minilm |", "| XED |")))
    assert [row.fault for row in material_rows(without) if row.fault] == [
        "minilm has no row in docs/licences.md",
        "xed has no row in docs/licences.md",
    ]
    (weight,) = (line for line in TEXT.splitlines() if line.startswith("| swift-f0 |"))
    wider = TEXT.replace(weight, weight.replace("research", "commercial"))
    assert [row.fault for row in material_rows(wider) if row.fault] == ["its row in docs/licences.md lacks research: swift-f0"]
