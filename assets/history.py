"""How the artifacts of a home came to be, as it was noted down: stamps, films with their rights, batches with their raters, what taught.

`read_history` reads it off the home as it is; the gate keeps what lies before a model beside it, with what taught it, so that a later
version, another film or a withdrawn rater changes nothing of what an older model is known to rest on. Only what was noted is told: a field
is null where it is not known.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.ancestry import EVERYTHING, FILM_LINKS, Part, Stamp, ancestors, read_stamps
from assets.workspace import Workspace
from corpus.annotations.decisions import Decision, accepted_folder, decision_folder, read_decisions
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, TRAINING_UNITS, VOTES
from corpus.paths import Home, write_json, write_text
from ml.evaluation.typed import typed
from ml.models.training_set import FILMS, Manifest, one_perspective

if TYPE_CHECKING:
    import pandas as pd

HISTORY_PART = "history"
"""The folder beside a model that holds its history: `whole.json`, and `films.jsonl` with what is about one film in one line."""

WHOLE_FILE, FILMS_FILE = "whole.json", "films.jsonl"
BEFORE_PARTS = "history.json"
"""The history of a model that was registered when all of it stood in one file."""


@dataclass(frozen=True)
class SourceFile:
    """A file as a film came by it: `role` is video, subtitles or screenplay."""

    role: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class FilmRights:
    """What was known of a film and its rights when the artifact `film` of that content version was made."""

    film_id: str
    version: str
    title: str
    rights: str
    rights_ref: str | None
    attribution: str | None
    declared_use: str
    files: list[SourceFile]


@dataclass(frozen=True)
class RaterShare:
    """How many judgements (and traces) of a rater a delivery holds."""

    annotator_id: str
    judgements: int


@dataclass(frozen=True)
class BatchFacts:
    """A delivery as it was decided on; its file's name is not kept, for it may be a rater's.

    `content_version` is of what is in use of the batch, null where nothing is; `of_this_delivery` is false where that is the content of an
    earlier one. `raters` judged in the delivery, `raters_in_use` in the content that is in use.
    """

    batch_id: str
    version: str
    tool: str | None
    verdict: str
    sequence: int
    decision_version: str
    content_version: str | None
    of_this_delivery: bool
    source_sha256: list[str]
    raters: list[RaterShare]
    raters_in_use: list[RaterShare]


@dataclass(frozen=True)
class Learned:
    """Units of a training set with a soft label: all of them, and how many bear on a film, a rater's counted vote, or a batch.

    `raters` and `batches` are null where the gold or the judgements of that time are not there any more.
    """

    version: str
    n_units: int
    films: dict[str, int]
    left_out: dict[str, str]
    corpora: dict[str, int]
    raters: dict[str, int] | None
    batches: dict[str, int] | None


@dataclass(frozen=True)
class History:
    """What is known of how the artifacts came to be; `learned` is kept beside a model alone."""

    stamps: list[Stamp] = field(default_factory=list)
    films: list[FilmRights] = field(default_factory=list)
    batches: list[BatchFacts] = field(default_factory=list)
    learned: Learned | None = None

    @classmethod
    def read(cls, beside: Path, part: Part = EVERYTHING) -> History | None:
        """What was kept beside a model, of films what the part holds; None where nothing was."""
        folder, older = beside / HISTORY_PART, beside / BEFORE_PARTS
        if not folder.is_dir():
            return typed(cls, json.loads(older.read_text(encoding="utf-8"))) if older.is_file() else None
        whole = typed(cls, json.loads((folder / WHOLE_FILE).read_text(encoding="utf-8")))
        films = [_one_film(line) for line in film_lines(beside, part)]
        stamps = [stamp for film in films for stamp in film.stamps]
        return dataclasses.replace(whole, stamps=[*whole.stamps, *stamps], films=[rights for film in films for rights in film.films])

    def write(self, folder: Path) -> None:
        """Fill the folder that is kept beside a model."""
        folder.mkdir(parents=True, exist_ok=True)
        of_films: dict[str, History] = defaultdict(History)
        for stamp in self.stamps:
            if stamp.stage in FILM_LINKS:
                of_films[stamp.key].stamps.append(stamp)
        for rights in self.films:
            of_films[rights.film_id].films.append(rights)
        whole = [stamp for stamp in self.stamps if stamp.stage not in FILM_LINKS]
        write_json(folder / WHOLE_FILE, dataclasses.asdict(dataclasses.replace(self, stamps=whole, films=[])))
        write_text(folder / FILMS_FILE, "".join(_line(film_id, one) for film_id, one in sorted(of_films.items())))


def _line(film_id: str, history: History) -> str:
    """What is about a film; the line begins with its id, by which it is found without reading the others."""
    told = dataclasses.asdict(history)
    return json.dumps({"film_id": film_id, "stamps": told["stamps"], "films": told["films"]}, ensure_ascii=False) + "\n"


def film_lines(beside: Path, part: Part = EVERYTHING) -> Iterator[str]:
    """The lines that were kept beside a model of the films that the part holds, in order of id; none where nothing was kept so."""
    path = beside / HISTORY_PART / FILMS_FILE
    content = path.read_text(encoding="utf-8") if path.is_file() else ""
    if part.films is None:
        yield from content.split("\n")[:-1]  # a title may hold what Python else takes for the end of a line
        return
    for film_id in sorted(part.films):
        head = json.dumps({"film_id": film_id}, ensure_ascii=False).removesuffix("}")
        at = 0 if content.startswith(head + ",") else content.find(f"\n{head},") + 1
        if content.startswith(head + ",", at):
            yield content[at : content.index("\n", at)]


@cache
def _one_film(line: str) -> History:
    """Most films are the same in most histories: they are read once."""
    raw = json.loads(line)
    return typed(History, {"stamps": raw["stamps"], "films": raw["films"]})


def read_history(workspace: Workspace, part: Part = EVERYTHING) -> History:
    """The history of what lies in the home now, of films what the part holds."""
    stamps = list(read_stamps(workspace.home, part))
    return History(stamps, list(_films(workspace, stamps)), [_batch(workspace, one) for one in read_decisions(workspace.home)])


def history_before(workspace: Workspace, *outputs: str) -> History:
    """What is kept beside a model: the stamps that lead to these artifacts, the films and batches that they name, and what taught it."""
    stamps = ancestors(read_stamps(workspace.home), *outputs)
    batches = {stamp.key for stamp in stamps if stamp.stage == "annotation_gate"}
    return History(
        stamps=stamps,
        films=list(_films(workspace, stamps)),
        batches=[_batch(workspace, decision) for decision in read_decisions(workspace.home) if decision.batch_id in batches],
        learned=read_learned(workspace, stamps),
    )


def _films(workspace: Workspace, stamps: list[Stamp]) -> Iterator[FilmRights]:
    """Of every film whose artifact is as its stamp says."""
    for stamp in stamps:
        folder = workspace.home.artifact("film", stamp.key) if stamp.stage == "film" else None
        if folder is not None and workspace.versions.of(folder) == stamp.outputs["film"]:
            yield _film(folder, stamp.outputs["film"])


def _film(folder: Path, version: str) -> FilmRights:
    raw = json.loads((folder / "film.json").read_text(encoding="utf-8"))
    return FilmRights(
        film_id=raw["film_id"],
        version=version,
        title=raw.get("title", raw["film_id"]),
        rights=raw["rights"],
        rights_ref=raw.get("rights_ref"),
        attribution=raw.get("attribution"),
        declared_use=raw["declared_use"],
        files=[SourceFile(role, source["sha256"], source["bytes"]) for role, source in sorted(raw["sources"].items())],
    )


def _batch(workspace: Workspace, decision: Decision) -> BatchFacts:
    folder = workspace.home.batch(decision.batch_id)
    in_use = accepted_folder(folder) if decision.in_use_sequence is not None else None
    as_decided = workspace.versions.of(folder) == decision.batch_version
    used = _judged(in_use) if in_use is not None else _Judged()
    judged = used if decision.accepted else _judged(folder) if as_decided else _Judged()
    return BatchFacts(
        batch_id=decision.batch_id,
        version=decision.batch_version,
        tool=json.loads((folder / "summary.json").read_text(encoding="utf-8"))["tool"] if as_decided else None,
        verdict=decision.verdict,
        sequence=decision.sequence,
        decision_version=workspace.versions.of(decision_folder(folder)),
        content_version=workspace.versions.of(in_use) if in_use is not None else None,
        of_this_delivery=decision.accepted,
        source_sha256=judged.source_sha256,
        raters=judged.raters,
        raters_in_use=used.raters,
    )


@dataclass(frozen=True)
class _Judged:
    """Who judged how much in a batch's tables, and the digests of the files that they were read from."""

    raters: list[RaterShare] = field(default_factory=list)
    source_sha256: list[str] = field(default_factory=list)


def _judged(folder: Path) -> _Judged:
    import pandas as pd

    told = ["annotator_id", "source_file_sha256"]
    judged = pd.concat(
        pd.read_parquet(folder / f"{table}.parquet", columns=[judgement, *told]).drop_duplicates(judgement)
        for table, judgement in (("annotations", "group_id"), ("traces", "trace_id"))
    )
    counts = judged["annotator_id"].value_counts().sort_index()
    shares = [RaterShare(str(annotator_id), int(count)) for annotator_id, count in counts.items()]
    return _Judged(shares, sorted(judged["source_file_sha256"].astype(str).unique()))


def read_learned(workspace: Workspace, stamps: list[Stamp]) -> Learned | None:
    """What the training set that lies in the home teaches from whom; None where there is none."""
    home, of = workspace.home, workspace.versions.of
    folder = home.artifact("training_set")
    if not (folder / "manifest.json").is_file():
        return None
    manifest = Manifest.read(folder)
    rows = TRAINING_UNITS.read(folder / "manifest.parquet")
    taught = rows[rows["status"].notna()]
    films = taught.loc[taught["source"] == FILMS, "film_id"].value_counts()
    votes = _counted_votes(home, taught) if of(home.artifact("gold_labels")) == manifest.gold_version else None
    return Learned(
        version=of(folder),
        n_units=len(taught),
        films={film_id: int(films.get(film_id, 0)) for film_id in sorted(manifest.films)},
        left_out=manifest.left_out,
        corpora={name: int((taught["source"] == name).sum()) for name in sorted(manifest.corpora)},
        raters=_units_by(votes, "annotator_id") if votes is not None else None,
        batches=_units_by_batch(workspace, votes, stamps) if votes is not None else None,
    )


def _counted_votes(home: Home, taught: pd.DataFrame) -> pd.DataFrame | None:
    """The votes that count in the soft labels that are taught; None where gold was made without noting them."""
    folder = home.artifact("gold_labels")
    if not (folder / "votes.parquet").is_file():
        return None
    used = one_perspective(GOLD_LABELS.read(folder / "gold.parquet"))
    used = used.loc[used["unit_id"].isin(taught["unit_id"]), ["unit_id", "perspective"]]
    votes = VOTES.read(folder / "votes.parquet")
    return votes[votes["weight"] > 0].merge(used, on=["unit_id", "perspective"])


def _units_by(votes: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in votes.groupby(column)["unit_id"].nunique().items()}


def _units_by_batch(workspace: Workspace, votes: pd.DataFrame, stamps: list[Stamp]) -> dict[str, int] | None:
    """By batch; None where the judgements that lie there are not those that the gold was made of."""
    folder = workspace.home.artifact("annotations")
    read = next((stamp.inputs["annotations"] for stamp in stamps if stamp.stage == "gold_labels"), None)
    if read is None or read != workspace.versions.of(folder):
        return None
    batch_of = ANNOTATIONS.read(folder / "annotations.parquet").drop_duplicates("group_id")[["group_id", "batch_id"]]
    return _units_by(votes.merge(batch_of, on="group_id"), "batch_id")
