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
from typing import TYPE_CHECKING

from assets.ancestry import ACCEPTED, CORPUS_SOURCE, DELIVERY, SOURCE, Stamp, Thing, origins, products, settings
from assets.history import HISTORY_FILE, BatchFacts, FilmRights, History, RaterShare, read_history
from assets.versions import CARD_PART, REPORT_PART, ModelVersion, list_versions
from assets.workspace import Workspace
from corpus.contracts import RATERS
from ml.models.grounds import Ground, GroundKind
from pages.cards.model import read_card_grounds

if TYPE_CHECKING:
    from ml.models.registry import RegisteredVersion

NOT_KNOWN = "origin not known"
DATA_REVISION, TRAINING_SET, CODE = "feelm.data_revision", "feelm.training_set", "feelm.code_sha256"
"""Tags of a model's run in MLflow."""


class Kind(StrEnum):
    """What a node is."""

    MODEL = "model"
    ARTIFACT = "artifact"
    FILM = "film"
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
    """Nodes by id, and edges in the order in which they were read."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)

    def add(self, node: Node) -> str:
        """Add a node, or what it tells to the one that is there; its id."""
        known = self.nodes.get(node.id)
        self.nodes[node.id] = node if known is None else known.telling(node.facts)
        return node.id

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
        return Graph({node_id: self.nodes[node_id] for node_id in self.nodes if node_id in kept}, edges)


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
class Known:
    """All that is remembered: the home's own history, the registered versions, and by version what was kept beside it, where it was."""

    present: History
    versions: list[ModelVersion]
    kept: dict[int, History | None]

    @property
    def histories(self) -> list[History]:
        """Every history, the present first."""
        return [self.present, *(history for history in self.kept.values() if history is not None)]


def read_known(workspace: Workspace) -> Known:
    """Read the home's history, and those that its registry keeps."""
    from ml.models import registry

    folders = {one.registered.version: registry.version_folder(workspace.home, one.registered) for one in registry.records(workspace.home)}
    kept = {version: History.read(folder / HISTORY_FILE) for version, folder in folders.items()}
    return Known(read_history(workspace), list_versions(workspace.home), kept)


def build_graph(workspace: Workspace, known: Known) -> Graph:
    """Everything that is remembered as one graph."""
    taken = {history.learned.version: set(history.learned.films) for history in known.histories if history.learned is not None}
    building = _Building(workspace, taken)
    for history in known.histories:
        building.history(history, is_present=history is known.present)
    building.films()
    building.raters()
    building.models(known)
    building.champion(known)
    building.unknown()
    return building.graph


@dataclass
class _Building:
    """A graph in the making; what is added first is what is told."""

    workspace: Workspace
    taken: dict[str, set[str]]
    """The films that a training set took, by its version."""

    graph: Graph = field(default_factory=Graph)
    now: dict[tuple[str, str], str] = field(default_factory=dict)
    """Version of each artifact that stands there now, by name and key."""

    in_use: dict[str, str] = field(default_factory=dict)
    """The decision by which the content of a batch came into use, by that content's id."""

    def history(self, history: History, is_present: bool) -> None:
        """Add what one history knows."""
        for batch in history.batches:
            self._batch(batch, history.stamps)
        for stamp in history.stamps:
            self._stamp(stamp, is_present)
        for film in history.films:
            self._film(film, history.stamps)
        if history.learned is not None and (left_out := history.learned.left_out):
            told = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
            self._tell(Thing("training_set", "", history.learned.version).id, {"left out": told})

    def _stamp(self, stamp: Stamp, is_present: bool) -> None:
        facts = {"code": stamp.code, **_told(stamp)}
        things = [] if stamp.stage == "champion" else self._taught(stamp)
        read = [self._thing(thing) for thing in things]
        if is_present:
            self.now |= {(thing.name, thing.key): thing.version for thing in things if thing.name == SOURCE}
        for product in products(stamp):
            made = self.graph.add(_artifact(product).telling(facts))
            if is_present:
                self.now[product.name, product.key] = product.version
            for origin in read:
                self.graph.link(origin, made)

    def _taught(self, stamp: Stamp) -> list[Thing]:
        """What was read; of the films that a training set looked at only those that it took."""
        read = origins(stamp)
        if stamp.stage != "training_set":
            return read
        taken = self.taken.get(stamp.outputs["training_set"])
        return [thing for thing in read if taken is None or thing.name in ("gold_labels", "corpus", "text", "voice") or thing.key in taken]

    def _thing(self, thing: Thing) -> str:
        """The node of something that was read; sources are nodes by themselves, artifacts get theirs by their stamps."""
        if thing.name == ACCEPTED:
            return self.in_use.get(thing.id, thing.id)
        if thing.name == SOURCE:
            film_id, _, role = thing.key.partition("/")
            node = self.graph.add(Node(thing.id, Kind.SOURCE, role, film_id, thing.version))
            self.graph.link(film_node(film_id), node)
            return node
        if thing.name == DELIVERY:
            return self.graph.add(Node(thing.id, Kind.DELIVERY, "file", thing.key, thing.version))
        if thing.name == CORPUS_SOURCE:
            return self.graph.add(Node(thing.id, Kind.CORPUS, "corpus", thing.key, thing.version))
        return thing.id

    def _batch(self, batch: BatchFacts, stamps: list[Stamp]) -> None:
        """The decision with its verdict, who judged in the file, and by which decision content is in use."""
        told = {"verdict": batch.verdict, "delivery": str(batch.sequence)}
        decision = self.graph.add(_artifact(Thing("annotation_decisions", batch.batch_id, batch.decision_version)).telling(told))
        folder = Thing("annotation_batches", batch.batch_id, batch.version)
        read = next((stamp for stamp in stamps if folder in products(stamp)), None)
        file = self._delivery(batch, read) if read is not None else folder.id
        self._judged(batch.raters, file)
        if batch.content_version is None:
            return
        content = Thing(ACCEPTED, batch.batch_id, batch.content_version)
        if batch.of_this_delivery:
            self.in_use.setdefault(content.id, decision)
        else:
            earlier = "an earlier delivery under this name, whose file was replaced by one that was not accepted"
            self._judged(batch.raters_in_use, self.graph.add(_artifact(content).telling({"content": earlier})))

    def _delivery(self, batch: BatchFacts, read: Stamp) -> str:
        path, version = self.workspace.inbox.get(batch.batch_id), read.inputs["file"]
        lies_there = path is not None and self.workspace.versions.of(path) == version
        facts = {"file": path.name if path is not None and lies_there else "that is not in the inbox any more"}
        facts |= {"tool": batch.tool} if batch.tool else {}
        facts |= {"sha256 without names": ", ".join(batch.source_sha256)} if batch.source_sha256 else {}
        node = Node(Thing(DELIVERY, batch.batch_id, version).id, Kind.DELIVERY, "file", batch.batch_id, version)
        return self.graph.add(node.telling(facts))

    def _judged(self, raters: list[RaterShare], where: str) -> None:
        for share in raters:
            rater = self.graph.add(Node(rater_node(share.annotator_id), Kind.RATER, "annotator", share.annotator_id))
            self.graph.link(rater, where, f"{share.judgements} judgements")

    def _film(self, film: FilmRights, stamps: list[Stamp]) -> None:
        """Rights as they were when the film was taken in, and the digests of its files."""
        rights = {"title": film.title, "rights": film.rights, "declared use": film.declared_use}
        rights |= {name: value for name, value in (("rights_ref", film.rights_ref), ("attribution", film.attribution)) if value}
        artifact = Thing("film", film.film_id, film.version)
        self.graph.add(_artifact(artifact).telling(rights))
        stamp = next((stamp for stamp in stamps if artifact in products(stamp)), None)
        for file in film.files if stamp is not None else ():
            if (version := stamp.inputs.get(file.role) if stamp else None) is not None:
                source = Node(Thing(SOURCE, f"{film.film_id}/{file.role}", version).id, Kind.SOURCE, file.role, film.film_id, version)
                self.graph.add(source.telling({"sha256": file.sha256, "bytes": str(file.n_bytes)}))

    def films(self) -> None:
        """The films themselves, with what the catalogue says of them today and where their files lie."""
        named = {node.key for node in self.graph.nodes.values() if node.kind is Kind.SOURCE}
        for film_id in sorted(named | set(self.workspace.films)):
            film = self.workspace.films.get(film_id)
            facts = {"catalogue": "no longer in the catalogue"} if film is None else {"title": film.title, "rights": film.rights.value}
            self.graph.add(Node(film_node(film_id), Kind.FILM, "film", film_id).telling(facts))
            for role in ("video", "subtitles", "screenplay") if film is not None else ():
                self._place(film_id, role)

    def _place(self, film_id: str, role: str) -> None:
        path, version = self.workspace.source_path(film_id, role), self.now.get((SOURCE, f"{film_id}/{role}"))
        if path is not None and version is not None:
            self._tell(Thing(SOURCE, f"{film_id}/{role}", version).id, {"path": str(path)})

    def _tell(self, node_id: str, facts: Mapping[str, str]) -> None:
        """Facts of a node, if it is there."""
        if node_id in self.graph.nodes:
            self.graph.nodes[node_id] = self.graph.nodes[node_id].telling(facts)

    def raters(self) -> None:
        """What the gold that stands there thinks of each rater."""
        path = self.workspace.home.artifact("gold_labels") / "raters.parquet"
        for row in RATERS.read(path).itertuples() if path.is_file() else ():
            facts = {"weight in gold": f"{row.weight:.2f}"} | ({"flagged": str(row.reason)} if row.flagged else {})
            self._tell(rater_node(str(row.annotator_id)), facts)

    def models(self, known: Known) -> None:
        """The registered versions, each after its model, its report and its card."""
        from ml.models import registry

        home = self.workspace.home
        there = {record.registered.version: record.registered for record in registry.records(home)}
        for version in known.versions:
            registered = there[version.version]
            tags, folder = registry.run_tags(home, registered), registry.version_folder(home, registered)
            node = self.graph.add(_model(version, registered, tags))
            model = Thing("emotion_model", "", version.content_version)
            self.graph.link(model.id, node)
            for part, artifact in ((REPORT_PART, "validation_report"), (CARD_PART, "model_card")):
                if (folder / part).is_dir():
                    self.graph.link(Thing(artifact, "", self.workspace.versions.of(folder / part)).id, node)
            self._grounds(node, model, read_card_grounds(folder / CARD_PART), tags.get(TRAINING_SET))

    def _grounds(self, node: str, model: Thing, grounds: list[Ground], training_set: str | None) -> None:
        """The weights of a model; and of one whose stamps are lost, the films and corpora that its card names."""
        for ground in grounds:
            if ground.kind is GroundKind.WEIGHT:
                facts = {"licence": ground.licence, "declared use": ground.declared_use, "from": ground.credit}
                self.graph.link(self.graph.add(Node(f"weight:{ground.name}", Kind.WEIGHT, "weights", ground.name).telling(facts)), node)
        if model.id in self.graph.nodes or training_set is None:
            return
        taught = Thing("training_set", "", training_set)
        self.graph.link(taught.id, self.graph.add(_artifact(model)))
        if taught.id in self.graph.nodes:
            return
        self.graph.add(_artifact(taught).telling({NOT_KNOWN: "raters and files of this version were not kept; its card names the rest"}))
        for ground in grounds:
            if ground.kind is not GroundKind.WEIGHT:
                self.graph.link(self.graph.add(_ground(ground)), taught.id, "by the model's card")

    def champion(self, known: Known) -> None:
        """The champion's folder holds a registered version, which need not be the one that was judged last."""
        version = self.now.get(("champion", ""))
        in_use = next((one.version for one in known.versions if one.in_use), None)
        if version is not None and in_use is not None:
            self.graph.link(model_node(in_use), Thing("champion", "", version).id)

    def unknown(self) -> None:
        """A node for whatever was read and is not remembered."""
        named = dict.fromkeys(node_id for ends in self.graph.edges for node_id in ends)
        for node_id in [one for one in named if one not in self.graph.nodes]:
            thing = _parsed(node_id)
            now = self.now.get((thing.name, thing.key))
            told = "no stamp of this version is left" + (f"; {now} stands there now" if now else "")
            self.graph.add(_artifact(thing).telling({NOT_KNOWN: told}))


def _artifact(thing: Thing) -> Node:
    return Node(thing.id, Kind.ARTIFACT, thing.name, thing.key, thing.version)


def _parsed(node_id: str) -> Thing:
    """The thing of an artifact's node id."""
    place, _, version = node_id.rpartition("@")
    name, _, key = place.partition("/")
    return Thing(name, key, version)


def _told(stamp: Stamp) -> dict[str, str]:
    """The settings of a run in words, and the recogniser that it would have taken for subtitles."""
    told = "; ".join(f"{section} {json.dumps(value, sort_keys=True)}" for section, value in stamp.params.items())
    recogniser = {label: value for label, value in settings(stamp).items() if label == "recogniser"}
    return ({"settings": told} if told else {}) | recogniser


def _ground(ground: Ground) -> Node:
    facts = {"title": ground.about, "rights": ground.licence, "declared use": ground.declared_use, "attribution": ground.credit}
    if ground.kind is GroundKind.FILM:
        return Node(film_node(ground.name), Kind.FILM, "film", ground.name).telling(facts)
    return Node(f"corpus:{ground.name}", Kind.CORPUS, "corpus", ground.name).telling(facts)


def _model(version: ModelVersion, registered: RegisteredVersion, tags: Mapping[str, str]) -> Node:
    facts = {
        "state": ", ".join([*version.aliases, *(["in use"] if version.in_use else []), *(["withdrawn"] if version.withdrawn else [])]),
        "registered": version.created_at,
        "promoted": version.promoted_at or "never",
        "MLflow run": registered.run_id,
        "DVC revision": tags.get(DATA_REVISION, "not noted"),
        "source code": tags.get(CODE, "not noted"),
    }
    node = Node(model_node(version.version), Kind.MODEL, "model", str(version.version), version.content_version)
    return node.telling({name: value for name, value in facts.items() if value})
