"""The graph of what came from what, over everything that a home and its registered models remember.

A node is a thing in one version, named by its content, so that what the home knows today and what was kept beside each older model join
into one graph by themselves. An edge leads from what was read to what was made of it. What nothing is known of has a node too, and says
so: no edge is inferred.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from assets.ancestry import ACCEPTED, CORPUS_SOURCE, DELIVERY, EVERYTHING, SOURCE, Part, Stamp, Thing, of_other_films, origins, products
from assets.history import BatchFacts, FilmRights, History, Learned, RaterShare, read_history
from assets.many_films import GONE
from assets.versions import CARD_PART, CODE, COMMIT, DATA_REVISION, REPORT_PART, TRAINING_SET, version_in_use, withdrawn_versions
from assets.workspace import ABSENT, Workspace
from corpus.contracts import RATERS
from corpus.datasets.registry import CORPORA
from ml.models.grounds import Ground, GroundKind
from ml.models.training_set import Manifest
from pages.cards.model import read_card_grounds

if TYPE_CHECKING:
    from ml.models.registry import VersionRecord

NOT_KNOWN = "origin not known"


class Kind(StrEnum):
    """What a node is."""

    MODEL = "model"
    ARTIFACT = "artifact"
    FILM = "film"
    FILMS = "films"
    """One artifact of many films."""

    SOURCE = "source"
    DELIVERY = "delivery"
    RATER = "rater"
    CORPUS = "corpus"
    WEIGHT = "weight"
    PREDICTION = "prediction"


@dataclass(frozen=True)
class Node:
    """A thing in one version; `key` is its film, batch or corpus, '' where it is about the whole; `facts` are words by what they tell."""

    id: str
    kind: Kind
    name: str
    key: str = ""
    version: str | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, thing: Thing, facts: Mapping[str, str] | None = None) -> Node:
        """An artifact."""
        return cls(thing.id, Kind.ARTIFACT, thing.name, thing.key, thing.version, dict(facts or {}))

    def telling(self, facts: Mapping[str, str]) -> Node:
        """The node with more facts; what is known already stays."""
        return dataclasses.replace(self, facts={**facts, **self.facts})


@dataclass(frozen=True)
class Edge:
    """`downstream` was made of `upstream`; `note` says how, where there is more to say."""

    upstream: str
    downstream: str
    note: str | None = None


@dataclass
class Graph:
    """Nodes by id, and edges in the order in which they were read; `films` are what a node of many films stands for, version by film."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)
    films: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, node: Node) -> str:
        """Add a node, or what it tells to the one that is there; its id."""
        known = self.nodes.get(node.id)
        self.nodes[node.id] = node if known is None else known.telling(node.facts)
        return node.id

    def tell(self, node_id: str, facts: Mapping[str, str]) -> None:
        """Facts of a node, if it is there."""
        if node_id in self.nodes:
            self.nodes[node_id] = self.nodes[node_id].telling(facts)

    def link(self, upstream: str, downstream: str, note: str | None = None) -> None:
        """Add an edge, unless it is there."""
        self.edges.setdefault((upstream, downstream), Edge(upstream, downstream, note))

    def neighbours(self, *, upstream: bool) -> dict[str, list[Edge]]:
        """Edges by the node that they lead away from, up or down."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges.values():
            found.setdefault(edge.downstream if upstream else edge.upstream, []).append(edge)
        return found

    def reached(self, roots: Iterable[str], *, upstream: bool) -> list[str]:
        """Ids of the roots and of everything before them (or after them), each once, the nearest first."""
        steps, order = self.neighbours(upstream=upstream), dict.fromkeys(roots)
        waiting = list(order)
        for node_id in waiting:
            for edge in steps.get(node_id, ()):
                other = edge.upstream if upstream else edge.downstream
                if other not in order:
                    order[other] = None
                    waiting.append(other)
        return list(order)

    def part(self, ids: Iterable[str]) -> Graph:
        """The graph of these nodes alone."""
        kept = set(ids)
        edges = {ends: edge for ends, edge in self.edges.items() if kept.issuperset(ends)}
        films = {node_id: films for node_id, films in self.films.items() if node_id in kept}
        return Graph({node_id: self.nodes[node_id] for node_id in self.nodes if node_id in kept}, edges, films)


def film_node(film_id: str) -> str:
    """Id of a film, whatever its bytes."""
    return f"film:{film_id}"


def rater_node(annotator_id: str) -> str:
    """Id of a rater."""
    return f"annotator:{annotator_id}"


def model_node(version: int) -> str:
    """Id of a registered model."""
    return f"model:{version}"


@dataclass(frozen=True)
class KnownVersion:
    """A registered model: its files, the tags of its run, whether it answers, why it was withdrawn, and what was kept of its past."""

    record: VersionRecord
    folder: Path
    tags: dict[str, str]
    in_use: bool
    withdrawn: str | None
    history: History | None

    @property
    def number(self) -> int:
        """MLflow's version number."""
        return self.record.registered.version

    @property
    def state(self) -> str:
        """Its aliases, and whether it is in use or withdrawn; empty where it is none of these."""
        more = (("in use", self.in_use), ("withdrawn", self.withdrawn is not None))
        return ", ".join([*self.record.aliases, *(word for word, holds in more if holds)])


@dataclass(frozen=True)
class Known:
    """All that is remembered of a part: the home's history, the registered versions, and by training set what it took or left out."""

    present: History
    versions: list[KnownVersion]
    taken: dict[str, Learned | Manifest]
    part: Part

    @property
    def histories(self) -> list[History]:
        """Every history, the present first."""
        return [self.present, *(version.history for version in self.versions if version.history is not None)]


def read_known(workspace: Workspace, part: Part = EVERYTHING) -> Known:
    """Read the home's history, and those that its registry keeps."""
    versions = _read_versions(workspace, part)
    kept = [version.history.learned for version in versions if version.history is not None]
    taken: dict[str, Learned | Manifest] = {learned.version: learned for learned in kept if learned is not None}
    folder = workspace.home.artifact("training_set")
    if (folder / "manifest.json").is_file():
        taken[workspace.versions.of(folder)] = Manifest.read(folder)
    return Known(read_history(workspace, part), versions, taken, part)


def _read_versions(workspace: Workspace, part: Part) -> list[KnownVersion]:
    from ml.models import registry

    home, in_use, withdrawn = workspace.home, version_in_use(workspace.home), withdrawn_versions(workspace.home)
    found = []
    for record in registry.records(home):
        registered, folder = record.registered, registry.version_folder(home, record.registered)
        tags, why = registry.run_tags(home, registered), withdrawn.get(registered.content_version)
        found.append(KnownVersion(record, folder, tags, registered.version == in_use, why, History.read(folder, part)))
    return found


def build_graph(workspace: Workspace, known: Known) -> Graph:
    """Everything that is remembered as one graph."""
    building = _Building(workspace, known)
    for history in known.histories:
        building.history(history)
    building.films()
    building.raters()
    building.models()
    building.unknown()
    return building.graph


@dataclass
class _Building:
    """A graph in the making; what is added first is what is told."""

    workspace: Workspace
    known: Known
    graph: Graph = field(default_factory=Graph)
    added: dict[tuple[str, str], list[Stamp]] = field(default_factory=dict)
    """Stamps by link and key: most are the same in many histories."""

    in_use: dict[str, str] = field(default_factory=dict)
    """The decision by which the content of a batch came into use, by that content's id."""

    def __post_init__(self) -> None:
        made = (thing for stamp in self.known.present.stamps for thing in products(stamp))
        self.now = {(thing.name, thing.key): thing.version for thing in made}
        """Version of each artifact that stands there now, by name and key."""

    def history(self, history: History) -> None:
        """Add what one history knows."""
        makers = {
            product: stamp for stamp in history.stamps if stamp.stage in ("film", "annotation_batches") for product in products(stamp)
        }
        for batch in history.batches:
            self._batch(batch, makers)
        for stamp in history.stamps:
            same = self.added.setdefault((stamp.stage, stamp.key), [])
            if stamp not in same:
                same.append(stamp)
                self._stamp(stamp)
        for film in history.films:
            self._film(film, makers)

    def _stamp(self, stamp: Stamp) -> None:
        facts = _told(stamp)
        if (taken := self.known.taken.get(stamp.outputs.get("training_set", ""))) is not None and taken.left_out:
            facts["left out"] = "; ".join(f"{name} ({reason})" for name, reason in taken.left_out.items())
        read = [] if stamp.stage == "champion" else [self._thing(thing) for thing in self._taught(stamp)]
        read += self._other_films(stamp) if self.known.part.named else []
        for product in products(stamp):
            made = self.graph.add(Node.of(product, facts))
            for origin in read:
                self.graph.link(origin, made)

    def _taught(self, stamp: Stamp) -> list[Thing]:
        """What was read; of the films that a training set looked at only those that it took."""
        read = origins(stamp, self.known.part)
        taken = self.known.taken.get(stamp.outputs.get("training_set", ""))
        return (
            read
            if taken is None
            else [thing for thing in read if thing.name in ("gold_labels", "corpus", "text", "voice") or thing.key in taken.films]
        )

    def _other_films(self, stamp: Stamp) -> list[str]:
        """A node for each artifact of which those of many films were read."""
        taken, found = self.known.taken.get(stamp.outputs.get("training_set", "")), []
        for name, versions in of_other_films(stamp, self.known.part).items():
            films = {film_id: version for film_id, version in versions.items() if taken is None or film_id in taken.films}
            found.append(self.graph.add(Node(f"{name} of films before {products(stamp)[0].id}", Kind.FILMS, name)))
            self.graph.films[found[-1]] = films
        return found

    def _thing(self, thing: Thing) -> str:
        """The node of something that was read; sources are nodes by themselves, artifacts get theirs by their stamps."""
        if thing.name == SOURCE:
            film_id, _, role = thing.key.partition("/")
            self.graph.link(film_node(film_id), self.graph.add(Node(thing.id, Kind.SOURCE, role, film_id, thing.version)))
        elif thing.name == DELIVERY:
            self.graph.add(Node(thing.id, Kind.DELIVERY, "file", thing.key, thing.version))
        elif thing.name == CORPUS_SOURCE:
            self.graph.add(Node(thing.id, Kind.CORPUS, "corpus", thing.key, thing.version, self._terms(thing.key)))
        return self.in_use.get(thing.id, thing.id)

    def _terms(self, corpus: str) -> dict[str, str]:
        """Under which licence a public corpus lies, and where it is read from."""
        path = self.workspace.corpora.get(corpus)
        told = {"path": str(path)} if path is not None else {}
        if corpus in CORPORA:
            terms = CORPORA[corpus].terms
            told |= {"licence": terms.licence, "declared use": terms.declared_use.value, "credit": terms.credit}
        return told

    def _batch(self, batch: BatchFacts, makers: Mapping[Thing, Stamp]) -> None:
        """The decision with its verdict, who judged in the file, and by which decision content is in use."""
        told = {"verdict": batch.verdict, "delivery": str(batch.sequence)}
        decision = self.graph.add(Node.of(Thing("annotation_decisions", batch.batch_id, batch.decision_version), told))
        folder = Thing("annotation_batches", batch.batch_id, batch.version)
        file = self._delivery(batch, makers[folder]) if folder in makers else folder.id
        self._judged(batch.raters, file)
        if batch.content_version is None:
            return
        content = Thing(ACCEPTED, batch.batch_id, batch.content_version)
        if batch.of_this_delivery:
            self.in_use.setdefault(content.id, decision)
        else:
            earlier = "an earlier delivery under this name, whose file was replaced by one that was not accepted"
            self._judged(batch.raters_in_use, self.graph.add(Node.of(content, {"content": earlier})))

    def _delivery(self, batch: BatchFacts, read: Stamp) -> str:
        path, version = self.workspace.inbox.get(batch.batch_id), read.inputs["file"]
        lies_there = path is not None and self.workspace.versions.of(path) == version
        facts = {"file": path.name if path is not None and lies_there else "that is not in the inbox any more"}
        facts |= {"tool": batch.tool} if batch.tool else {}
        facts |= {"sha256 without names": ", ".join(batch.source_sha256)} if batch.source_sha256 else {}
        return self.graph.add(Node(Thing(DELIVERY, batch.batch_id, version).id, Kind.DELIVERY, "file", batch.batch_id, version, facts))

    def _judged(self, raters: list[RaterShare], where: str) -> None:
        for share in raters:
            rater = self.graph.add(Node(rater_node(share.annotator_id), Kind.RATER, "annotator", share.annotator_id))
            self.graph.link(rater, where, f"{share.judgements} judgements")

    def _film(self, film: FilmRights, makers: Mapping[Thing, Stamp]) -> None:
        """Rights as they were when the film was taken in, and the digests of its files."""
        rights = {"title": film.title, "rights": film.rights, "declared use": film.declared_use}
        rights |= {name: value for name, value in (("rights_ref", film.rights_ref), ("attribution", film.attribution)) if value}
        artifact = Thing("film", film.film_id, film.version)
        self.graph.add(Node.of(artifact, rights))
        inputs = makers[artifact].inputs if artifact in makers else {}
        for file in film.files:
            source = Thing(SOURCE, f"{film.film_id}/{file.role}", inputs.get(file.role, ""))
            self.graph.tell(source.id, {"sha256": file.sha256, "bytes": str(file.n_bytes)})

    def films(self) -> None:
        """The films themselves, with what the catalogue says of them today and where their files lie."""
        asked = self.known.part.films
        here = set(self.workspace.film_ids) if asked is None else asked & set(self.workspace.film_ids)
        for film_id in sorted({node.key for node in self.graph.nodes.values() if node.kind is Kind.SOURCE} | here):
            film = self.workspace.find_film(film_id) if film_id in here else None
            facts = {"today": GONE} if film is None else {"title": film.title, "today": film.rights.value}
            self.graph.add(Node(film_node(film_id), Kind.FILM, "film", film_id, facts=facts))
        for stamp in self.known.present.stamps:
            for source in origins(stamp) if stamp.stage == "film" and stamp.key in here else ():
                path = self.workspace.source_path(stamp.key, source.key.partition("/")[2])
                self.graph.tell(source.id, {"path": str(path)} if path is not None else {})

    def raters(self) -> None:
        """What the gold that stands there thinks of each rater."""
        path = self.workspace.home.artifact("gold_labels") / "raters.parquet"
        for row in RATERS.read(path).itertuples() if path.is_file() else ():
            facts = {"weight in today's gold": f"{row.weight:.2f}"} | ({"flagged": str(row.reason)} if row.flagged else {})
            self.graph.tell(rater_node(str(row.annotator_id)), facts)

    def models(self) -> None:
        """The registered versions, each after its model, its report and its card; the champion's folder after the version that it holds."""
        for version in self.known.versions:
            node = self.graph.add(_model(version))
            model = Thing("emotion_model", "", version.record.registered.content_version)
            self.graph.link(model.id, node)
            for part, artifact in ((REPORT_PART, "validation_report"), (CARD_PART, "model_card")):
                if (version.folder / part).is_dir():
                    self.graph.link(Thing(artifact, "", self.workspace.versions.of(version.folder / part)).id, node)
            self._grounds(node, model, read_card_grounds(version.folder / CARD_PART), version.tags.get(TRAINING_SET))
            if version.in_use and ("champion", "") in self.now:
                self.graph.link(node, Thing("champion", "", self.now["champion", ""]).id)

    def _grounds(self, node: str, model: Thing, grounds: list[Ground], training_set: str | None) -> None:
        """The weights of a model; and of one whose stamps are lost, the films and corpora that its card names."""
        for ground in grounds:
            if ground.kind is GroundKind.WEIGHT:
                facts = {"licence": ground.licence, "declared use": ground.declared_use, "from": ground.credit}
                self.graph.link(self.graph.add(Node(f"weight:{ground.name}", Kind.WEIGHT, "weights", ground.name, facts=facts)), node)
        if model.id in self.graph.nodes or training_set is None:
            return
        taught = Thing("training_set", "", training_set)
        self.graph.link(taught.id, self.graph.add(Node.of(model)))
        if taught.id in self.graph.nodes:
            return
        self.graph.add(Node.of(taught, {NOT_KNOWN: "raters and files of this version were not kept; its card names the rest"}))
        for ground in grounds:
            if ground.kind is not GroundKind.WEIGHT:
                self.graph.link(self.graph.add(_ground(ground)), taught.id, "by the model's card")

    def unknown(self) -> None:
        """A node for whatever was read and is not remembered."""
        named = dict.fromkeys(node_id for ends in self.graph.edges for node_id in ends)
        for node_id in [one for one in named if one not in self.graph.nodes]:
            place, _, version = node_id.rpartition("@")
            name, _, key = place.partition("/")
            now = self.now.get((name, key))
            told = "no stamp of this version is left" + (f"; {now} stands there now" if now else "")
            self.graph.add(Node.of(Thing(name, key, version), {NOT_KNOWN: told}))


def _told(stamp: Stamp) -> dict[str, str]:
    """What a run was made by: code, settings, Dagster's run; and what else it depended on that is no artifact."""
    told = {"code": stamp.code}
    if stamp.params:
        told["settings"] = "; ".join(f"{section} {json.dumps(value, sort_keys=True)}" for section, value in stamp.params.items())
    if stamp.dagster_run is not None:
        told["Dagster run"] = stamp.dagster_run
    for label in ("recogniser", "robustness"):
        if stamp.inputs.get(label, ABSENT) != ABSENT:
            told[label] = stamp.inputs[label]
    return told


def _ground(ground: Ground) -> Node:
    facts = {"title": ground.about, "rights": ground.licence, "declared use": ground.declared_use, "attribution": ground.credit}
    if ground.kind is GroundKind.FILM:
        return Node(film_node(ground.name), Kind.FILM, "film", ground.name, facts=facts)
    return Node(f"corpus:{ground.name}", Kind.CORPUS, "corpus", ground.name, facts=facts)


def _model(version: KnownVersion) -> Node:
    record = version.record
    facts = {
        "state": version.state,
        "registered": record.created_at,
        "promoted": record.promoted_at or "never",
        "MLflow run": record.registered.run_id,
        "DVC revision": version.tags.get(DATA_REVISION, "not noted"),
        "source code": version.tags.get(CODE, "not noted"),
        "git commit": version.tags.get(COMMIT, ""),
    }
    told = {name: value for name, value in facts.items() if value}
    return Node(model_node(version.number), Kind.MODEL, "model", str(version.number), record.registered.content_version, told)
