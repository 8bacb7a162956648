"""What `feelm lineage` can be asked about, as nodes of the graph: a model, film, rater, prediction, batch or file.

Each has roots whose origins are shown, and roots whose consequences are: a film's origins are those of its features, its consequences those
of its bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assets.ancestry import ACCEPTED, CORPUS_SOURCE, DELIVERY, EVERYTHING, FILM_OUTPUTS, SOURCE, WHOLE_OUTPUTS, Part, Thing
from assets.lineage import NOT_KNOWN, Graph, Kind, Known, Node, build_graph, film_node, model_node, rater_node, read_known
from assets.many_films import ManyFilms, read_many
from assets.workspace import Workspace
from corpus.contracts import EXPLANATIONS, GOLD_LABELS, PREDICTIONS, UNITS, UTTERANCES, VOTES
from corpus.datasets.registry import OUTPUTS
from corpus.films.catalogue.sources import ROLES
from corpus.paths import Home
from corpus.terms import FUSED, PROBABILITY_COLUMNS, ExplainedPart, FeelmError

FILM_ENDS = ("face_features", "voice_features", "text_features", "scene_features", "scenes", "dialogue", "shots", "film")
"""A film's own artifacts, the last made first."""


@dataclass(frozen=True)
class Target:
    """What was asked about: nodes to look back from and ahead from; `kind` and `subject` say which film, rater or other thing it is."""

    behind: list[str]
    ahead: list[str]
    kind: Kind
    subject: str
    notes: list[str]


@dataclass(frozen=True)
class Lineage:
    """Where something comes from: its nodes and everything before them; of films that are told together no nodes, but `films`."""

    what: str
    roots: list[str]
    graph: Graph
    notes: list[str]
    films: ManyFilms | None = None

    def as_json(self) -> dict[str, Any]:
        """The whole graph for programs; `unknown` lists the nodes of which nothing is remembered."""
        return {
            "what": self.what,
            "roots": self.roots,
            "notes": self.notes,
            "unknown": [node.id for node in self.graph.nodes.values() if NOT_KNOWN in node.facts],
            "nodes": [asdict(node) for node in self.graph.nodes.values()],
            "edges": [asdict(edge) for edge in self.graph.edges.values()],
        }


def read_lineage(home: Home, what: str) -> Lineage:
    """Everything behind `what` (`model:champion`, `film:ID`, ...).

    Raises:
        FeelmError: there is no such thing.
    """
    return _behind(ask(home, what, _part_behind(what)), what)


def read_lineage_briefly(home: Home, what: str, few: int) -> Lineage:
    """As `read_lineage`; the films of a model are told together where there are more than a `few`.

    Raises:
        FeelmError: there is no such thing.
    """
    if not what.startswith("model:") or len(Workspace(home).film_ids) <= few:
        return read_lineage(home, what)
    asked = ask(home, what, Part(frozenset(), pages=False, named=True))
    told = _behind(asked, what)
    films = _films_behind(asked, told.graph)
    return replace(told, films=films) if films is not None and films.n_films > few else read_lineage(home, what)


def _behind(asked: Asked, what: str) -> Lineage:
    behind = asked.graph.part(asked.graph.reached(asked.target.behind, upstream=True))
    return Lineage(what, asked.target.behind, behind, asked.target.notes)


def _films_behind(asked: Asked, behind: Graph) -> ManyFilms | None:
    """The films behind a model; None where something of them was not kept beside it."""
    version = next(one for one in asked.known.versions if str(one.number) == asked.target.subject)
    read: dict[str, dict[str, None]] = defaultdict(dict)
    for node_id, versions in behind.films.items():
        for film_id, content in versions.items():
            read[film_id][f"{behind.nodes[node_id].name}@{content}"] = None
    return read_many(version.folder, {film_id: list(wanted) for film_id, wanted in read.items()}, asked.workspace.rights_today)


@dataclass(frozen=True)
class Asked:
    """What was asked about, in the graph of everything that its home remembers."""

    workspace: Workspace
    known: Known
    graph: Graph
    target: Target


def ask(home: Home, what: str, part: Part) -> Asked:
    """Read what a home remembers, of films what the part holds, and find WHAT in it.

    Raises:
        FeelmError: there is no such thing.
    """
    workspace = Workspace(home)
    known = read_known(workspace, part)
    graph = build_graph(workspace, known)
    return Asked(workspace, known, graph, find_target(workspace, known, graph, what))


def _part_behind(what: str) -> Part:
    """What lies behind WHAT at most: a film's features rest on no other film, deliveries and raters on none."""
    kind, _, name = what.partition(":")
    match kind:
        case "film":
            return Part(frozenset({name}), pages=False)
        case "annotator" | "batch":
            return Part(frozenset(), pages=False)
    return EVERYTHING


def part_ahead(what: str) -> Part:
    """What may have been made from WHAT: of other films than itself only their pages, by way of a model."""
    kind, _, name = what.partition(":")
    match kind:
        case "film":
            return Part(frozenset({name}))
        case "annotator" | "batch" | "model":
            return Part(frozenset())
    return EVERYTHING


def find_target(workspace: Workspace, known: Known, graph: Graph, what: str) -> Target:
    """The nodes of WHAT; a prediction gets its node here.

    Raises:
        FeelmError: it is none of these, or nothing is known of it; the message says how to name one.
    """
    kind, _, name = what.partition(":")
    if kind not in _FINDERS or not name:
        raise FeelmError(f"{what!r} names nothing: ask about {', '.join(f'{one}:...' for one in _FINDERS)}, such as model:champion")
    return _FINDERS[kind](workspace, known, graph, name)


def _model(workspace: Workspace, known: Known, graph: Graph, name: str) -> Target:
    named = {str(one.number): one.number for one in known.versions}
    named |= {alias: one.number for one in known.versions for alias in one.record.aliases}
    named |= next(({"champion": one.number} for one in known.versions if one.in_use), {})
    if name not in named:
        raise FeelmError(f"there is no model {name!r}: there are {', '.join(named) or 'none: `feelm run` trains one'}")
    return _one(model_node(named[name]), Kind.MODEL, str(named[name]))


def _one(node_id: str, kind: Kind, subject: str, notes: Sequence[str] = ()) -> Target:
    """A thing whose origins and consequences begin at one node."""
    return Target([node_id], [node_id], kind, subject, list(notes))


def _film(workspace: Workspace, known: Known, graph: Graph, name: str) -> Target:
    if film_node(name) not in graph.nodes:
        raise FeelmError(f"no film {name!r} is known, in the catalogue or before: see `feelm films list`")
    made = {stamp.stage: stamp for stamp in known.present.stamps if stamp.key == name}
    things = [Thing(output, name, version) for stamp in made.values() for output, version in stamp.outputs.items()]
    ends = [thing.id for thing in things if thing.name in FILM_ENDS[:4]]
    ends = ends or [thing.id for end in FILM_ENDS for thing in things if thing.name == end][:1]
    return Target(ends or [film_node(name)], [film_node(name)], Kind.FILM, name, [])


def _rater(workspace: Workspace, known: Known, graph: Graph, name: str) -> Target:
    node_id = rater_node(name)
    if node_id not in graph.nodes:
        there = ", ".join(node.key for node in graph.nodes.values() if node.kind is Kind.RATER) or "none"
        raise FeelmError(f"no rater {name!r} is known: there are {there} (pseudonyms; names are not kept with the data)")
    judged = [(edge.note, graph.nodes[edge.downstream]) for edge in graph.edges.values() if edge.upstream == node_id]
    notes = [f"{note} in {where.facts.get('file', where.name)}, batch {where.key}" for note, where in judged]
    return _one(node_id, Kind.RATER, name, notes)


def _batch(workspace: Workspace, known: Known, graph: Graph, name: str) -> Target:
    of_batch = ("annotation_batches", "annotation_decisions", ACCEPTED, DELIVERY)
    every = [node.id for node in graph.nodes.values() if node.key == name and node.name in (*of_batch, "file")]
    if not every:
        there = ", ".join(sorted({node.key for node in graph.nodes.values() if node.kind is Kind.DELIVERY})) or "none"
        raise FeelmError(f"no batch {name!r} is known: there are {there}")
    made = {stamp.stage: stamp for stamp in known.present.stamps if stamp.key == name}
    last = next((made[stage] for stage in ("annotation_gate", "annotation_batches") if stage in made), None)
    behind = [Thing(output, name, version).id for output, version in last.outputs.items()] if last is not None else every
    return Target(behind, every, Kind.DELIVERY, name, [])


def _prediction(workspace: Workspace, known: Known, graph: Graph, unit_id: str) -> Target:
    film_id = _film_of(workspace, unit_id)
    place = Thing("film_report", film_id, "") if film_id else Thing("emotion_model", "", "")
    folder = workspace.home.artifact(place.name, film_id)
    table = folder / "predictions.parquet"
    rows = PREDICTIONS.read(table) if table.is_file() else PREDICTIONS.empty()
    row = rows[(rows["unit_id"] == unit_id) & (rows["system"] == FUSED)]
    if row.empty:
        raise FeelmError(f"nothing is predicted of a unit {unit_id!r}: {table} lists those that are")
    facts = _predicted(row.iloc[0].to_dict()) | (_unit(workspace, film_id, unit_id) if film_id else {})
    node = Node(f"prediction:{unit_id}", Kind.PREDICTION, "prediction", unit_id, facts=facts)
    made = Thing(place.name, place.key, _version_now(known, place.name, place.key))
    graph.link(made.id, graph.add(node))
    return _one(node.id, Kind.PREDICTION, unit_id, _disk_note(workspace, folder, made))


def _film_of(workspace: Workspace, unit_id: str) -> str | None:
    head = unit_id.rpartition(".")[0]
    return head if head in workspace.film_ids else None


def _predicted(row: Mapping[str, object]) -> dict[str, str]:
    """The emotion, how sure, and by which networks."""
    column = max(PROBABILITY_COLUMNS, key=lambda name: float(str(row[name])))
    fold = int(str(row["fold"]))
    by = "the final networks" if fold < 0 else f"networks of fold {fold}, which never saw this film"
    return {"says": f"{column.removeprefix('p_')}, probability {float(str(row[column])):.2f}", "by": by}


def _unit(workspace: Workspace, film_id: str, unit_id: str) -> dict[str, str]:
    """The unit's place in the film, its words as delivered, its gold and the raters' votes."""
    home = workspace.home
    units = UNITS.read(home.artifact("scenes", film_id) / "units.parquet").set_index("unit_id")
    unit = units.loc[unit_id]
    facts = {"time": f"{int(unit['start_ms'])} to {int(unit['end_ms'])} ms"}
    said = UTTERANCES.read(home.artifact("dialogue", film_id) / "utterances.parquet").set_index("utterance_id")
    if unit_id in said.index:
        line = said.loc[unit_id]
        facts |= {"line": str(line["raw_text"]), "words from": str(line["source"])}
        facts |= {"screenplay line": str(int(line["script_line"]))} if line["script_line"] == line["script_line"] else {}
    return facts | _why(workspace, film_id, unit_id) | _judged(workspace, unit_id)


def _why(workspace: Workspace, film_id: str, unit_id: str) -> dict[str, str]:
    """What the prediction rests on: the modalities' shares, and the picture that spoke most for it."""
    path = workspace.home.artifact("film_report", film_id) / "explanations.parquet"
    parts = EXPLANATIONS.read(path) if path.is_file() else EXPLANATIONS.empty()
    parts = parts[parts["unit_id"] == unit_id]
    shares = parts[parts["part"] == ExplainedPart.MODALITY].sort_values("share", ascending=False)
    frames = parts[(parts["part"] == ExplainedPart.FRAME) & parts["t_ms"].notna()].sort_values("log_odds", ascending=False)
    told = {"rests on": ", ".join(f"{row.name_} {row.share:+.2f}" for row in shares.rename(columns={"name": "name_"}).itertuples())}
    told |= {"strongest picture": f"at {int(frames['t_ms'].iloc[0])} ms"} if len(frames) else {}
    return {name: words for name, words in told.items() if words}


def _judged(workspace: Workspace, unit_id: str) -> dict[str, str]:
    folder = workspace.home.artifact("gold_labels")
    if not (folder / "votes.parquet").is_file():
        return {}
    gold = GOLD_LABELS.read(folder / "gold.parquet")
    gold = gold[gold["unit_id"] == unit_id]
    votes = VOTES.read(folder / "votes.parquet")
    votes = votes[votes["unit_id"] == unit_id].sort_values(["perspective", "annotator_id"])
    labels = [f"{row.label if row.status == 'gold' else row.status} ({row.perspective})" for row in gold.itertuples()]
    cast = [f"{row.annotator_id} {row.label} ({row.weight:.2f})" for row in votes.itertuples()]
    return {"gold": ", ".join(labels) or "nobody judged it"} | ({"votes (weight)": ", ".join(cast)} if cast else {})


def _file(workspace: Workspace, known: Known, graph: Graph, name: str) -> Target:
    path = Path(name).resolve()
    for finder in (_artifact_at, _delivery_at, _source_at, _version_at):
        if (found := finder(workspace, known, path)) is not None:
            if found.behind[0] not in graph.nodes:
                raise FeelmError(f"{path} belongs to {found.subject}, of which no stamp is left: `feelm run` makes it again")
            return found
    raise FeelmError(f"{path} is no file of {workspace.home.root}, of a film of its catalogue or of its registry")


def _artifact_at(workspace: Workspace, known: Known, path: Path) -> Target | None:
    home = workspace.home
    if path.is_relative_to(home.reports):
        return _artifact_target(workspace, known, path, home.reports, "reports", "")
    if not path.is_relative_to(home.data) or path == home.data:
        return None
    name, *rest = path.relative_to(home.data).parts
    if name == "corpora" and rest:
        corpus, output = _corpus_part(rest[0])
        return _artifact_target(workspace, known, path, home.corpus(rest[0]), output, corpus)
    if name in WHOLE_OUTPUTS:
        return _artifact_target(workspace, known, path, home.artifact(name), name, "")
    if rest and (name in FILM_OUTPUTS or name in ("annotation_batches", "annotation_decisions")):
        return _artifact_target(workspace, known, path, home.data / name / rest[0], name, rest[0])
    return None


def _corpus_part(folder: str) -> tuple[str, str]:
    """Corpus and output of a folder such as `xed` or `xed-text`."""
    output = next((one for one in OUTPUTS if folder.endswith(f"-{one}")), "corpus")
    return folder.removesuffix(f"-{output}"), output


def _artifact_target(workspace: Workspace, known: Known, path: Path, folder: Path, name: str, key: str) -> Target:
    thing = Thing(name, key, _version_now(known, name, key))
    return _one(thing.id, Kind.ARTIFACT, f"{name} {key}".strip(), _disk_note(workspace, folder, thing))


def _version_now(known: Known, name: str, key: str) -> str:
    made = (stamp for stamp in known.present.stamps if stamp.key == key)
    return next((stamp.outputs[name] for stamp in made if name in stamp.outputs), "")


def _disk_note(workspace: Workspace, folder: Path, thing: Thing) -> list[str]:
    if workspace.versions.of(folder) == thing.version:
        return []
    return [f"{folder} is not what its stamp says ({thing.version}): it was altered or deleted since, `feelm run` makes it again"]


def _delivery_at(workspace: Workspace, known: Known, path: Path) -> Target | None:
    batch_id = next((batch_id for batch_id, file in workspace.inbox.items() if file.resolve() == path), None)
    if batch_id is None:
        return None
    return _one(Thing(DELIVERY, batch_id, workspace.versions.of(path)).id, Kind.DELIVERY, batch_id)


def _source_at(workspace: Workspace, known: Known, path: Path) -> Target | None:
    for film_id, film in workspace.films.items():
        for role in ROLES:
            source: Path | None = getattr(film, role)
            if source is not None and source.resolve() == path:
                return _one(Thing(SOURCE, f"{film_id}/{role}", workspace.versions.of_source(source)).id, Kind.FILM, film_id)
    for name, folder in workspace.corpora.items():
        if path.is_relative_to(folder.resolve()):
            return _one(Thing(CORPUS_SOURCE, name, workspace.versions.of(folder)).id, Kind.CORPUS, name)
    return None


def _version_at(workspace: Workspace, known: Known, path: Path) -> Target | None:
    """A file that the registry keeps: that of the version."""
    number = next((one.number for one in known.versions if path.is_relative_to(one.folder.resolve())), None)
    return _one(model_node(number), Kind.MODEL, str(number)) if number is not None else None


_FINDERS: dict[str, Callable[[Workspace, Known, Graph, str], Target]] = {
    "model": _model,
    "film": _film,
    "annotator": _rater,
    "prediction": _prediction,
    "batch": _batch,
    "file": _file,
}
