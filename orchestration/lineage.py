"""Reads lineage with the runs that Dagster remembers: what `feelm lineage` shows."""

from dataclasses import asdict, dataclass
from typing import Any

from assets.ancestry import Thing
from assets.impact import Impact, find_impact
from assets.lineage import NOT_KNOWN, Graph, build_graph, read_known
from assets.lineage_targets import find_target
from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.materialisations import read_materialisations, runs_by_thing


@dataclass(frozen=True)
class Lineage:
    """Where something comes from: its nodes and everything before them."""

    what: str
    roots: list[str]
    graph: Graph
    notes: list[str]

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
    workspace = Workspace(home)
    known = read_known(workspace)
    graph = build_graph(workspace, known)
    target = find_target(workspace, known, graph, what)
    behind = graph.part(graph.reached(target.behind, upstream=True))
    _tell_runs(behind, runs_by_thing(read_materialisations(workspace)))
    return Lineage(what, target.behind, behind, target.notes)


def _tell_runs(graph: Graph, runs: dict[Thing, str]) -> None:
    for node_id, node in graph.nodes.items():
        run_id = runs.get(Thing(node.name, node.key, node.version or ""))
        if run_id is not None:
            graph.nodes[node_id] = node.telling({"Dagster run": run_id})


def read_impact(home: Home, what: str) -> Impact:
    """Everything that `what` touched.

    Raises:
        FeelmError: there is no such thing.
    """
    workspace = Workspace(home)
    known = read_known(workspace)
    graph = build_graph(workspace, known)
    return find_impact(workspace, known, graph, find_target(workspace, known, graph, what))
