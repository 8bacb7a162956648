"""`feelm lineage`: what something came from, what it touched; `feelm openlineage`: the same for other systems.

The tree is for people: films are gathered at its end, and what was told once is named only. `--json` gives the whole graph.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.console import Json, err, rows_table, show

if TYPE_CHECKING:
    from assets.impact import Impact, Predicted, Teaching
    from assets.lineage import Edge, Graph, Node
    from orchestration.lineage import Lineage

SHORT = 12
"""Characters of a digest that are shown."""

OF_A_FILM = ("title", "rights", "declared use", "rights_ref", "catalogue")
OF_AN_ARTIFACT = ("code", "Dagster run", "verdict", "delivery")
OF_A_FILE = ("file", "sha256", "sha256 without names", "tool", "bytes", "path")
BESIDE = (*OF_A_FILM, *OF_AN_ARTIFACT, *OF_A_FILE, "weight in gold", "licence", "from")
"""Facts that stand in a node's first line, or with its film."""


def lineage(
    what: Annotated[
        str, typer.Argument(help="model:champion, model:3, film:ID, annotator:PSEUDONYM, prediction:UNIT_ID, batch:ID or file:PATH.")
    ],
    impact: Annotated[bool, typer.Option("--impact", help="The other way: what it touched, and which models learned from it.")] = False,
    as_json: Json = False,
) -> None:
    """Show what something came from, back to film bytes, rights and raters' files; nothing is guessed."""
    from orchestration.lineage import read_impact, read_lineage

    home = Home.from_environment()
    if impact:
        found = read_impact(home, what)
        show(asdict(found), impact_tables(found), as_json)
    else:
        told = read_lineage(home, what)
        show(told.as_json(), lineage_tree(told), as_json)


def openlineage(
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the events here, one a line; else they are printed.")] = None,
    url: Annotated[str | None, typer.Option(help="Post the events to this address of an OpenLineage server.")] = None,
) -> None:
    """Give the runs that Dagster remembers as OpenLineage events, with schemas, versions and column lineage."""
    from orchestration.openlineage import post, read_events, write_events

    if out_file is not None and url is not None:
        raise FeelmError("the events go to a file or to a server: give --out or --url, not both")
    events = read_events(Home.from_environment())
    if url is not None:
        post(events, url)
    elif out_file is not None:
        write_events(events, out_file)
    else:
        for event in events:
            typer.echo(event)
    if out_file is not None or url is not None:
        err.print(f"{len(events)} events: {url or out_file}", highlight=False, soft_wrap=True)


def lineage_tree(told: "Lineage") -> RenderableType:
    """What was asked about as a tree of its origins, then the films."""
    printing = _Printing(told.graph)
    parts: list[RenderableType] = [printing.tree(root) for root in told.roots]
    if (films := printing.films()) is not None:
        parts.append(films)
    parts += map(Text, told.notes)
    return Group(*parts)


@dataclass
class _Printing:
    """A graph being printed: what was told already, and the films that are told at the end."""

    graph: "Graph"
    told: set[str] = field(default_factory=set)
    gathered: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.upstream = self.graph.neighbours(upstream=True)

    def tree(self, node_id: str) -> Tree:
        """The node with everything before it."""
        tree = Tree(label(self.graph.nodes[node_id], None))
        self.told.add(node_id)
        self._grow(tree, node_id)
        return tree

    def _grow(self, tree: Tree, node_id: str) -> None:
        here, edges = self.graph.nodes[node_id], self.upstream.get(node_id, [])
        films = [edge for edge in edges if self._is_gathered(here, self.graph.nodes[edge.upstream])]
        known = [edge for edge in edges if edge not in films and edge.upstream in self.told]
        for edge in edges:
            other = self.graph.nodes[edge.upstream]
            if edge not in films and edge.upstream not in self.told and not _is_own_film(here, other):
                self.told.add(other.id)
                self._grow(tree.add(label(other, edge.note)), other.id)
        if films:
            tree.add(self._gather(films))
        if named := [_name(self.graph.nodes[edge.upstream]) for edge in known if not _is_own_film(here, self.graph.nodes[edge.upstream])]:
            tree.add(Text(f"{', '.join(named)}: told above", style="dim"))

    def _is_gathered(self, here: "Node", other: "Node") -> bool:
        """Whether `other` is of a film and `here` of none."""
        return here.kind != "prediction" and other.kind in ("artifact", "film") and _film_of(other) is not None and _film_of(here) is None

    def _gather(self, edges: "list[Edge]") -> Text:
        nodes = [self.graph.nodes[edge.upstream] for edge in edges]
        films = dict.fromkeys(node.key for node in nodes)
        self.gathered |= films
        names = ", ".join(dict.fromkeys(node.name for node in nodes if node.kind != "film")) or "units"
        return Text(f"{names} of {_many(len(films), 'film')}: told below", style="dim")

    def films(self) -> Tree | None:
        """The films that the trees rest on, one branch each."""
        if not self.gathered:
            return None
        tree = Tree(Text.assemble((_many(len(self.gathered), "film"), "bold"), self._film_code()))
        for film_id in self.gathered:
            self._film(tree, [node for node in self.graph.nodes.values() if _film_of(node) == film_id])
        return tree

    def _film_code(self) -> str:
        """The code that made the films' artifacts, where there is one for all."""
        code: dict[str, set[str]] = {}
        for node in self.graph.nodes.values():
            if node.kind == "artifact" and _film_of(node) is not None and "code" in node.facts:
                code.setdefault(node.name, set()).add(_short(node.facts["code"]))
        told = [f"{name} {found.pop() if len(found) == 1 else f'{len(found)} versions'}" for name, found in code.items()]
        return f"  code: {', '.join(told)}" if told else ""

    def _film(self, tree: Tree, nodes: "list[Node]") -> None:
        facts = {name: node.facts[name] for node in nodes for name in OF_A_FILM if name in node.facts}
        branch = tree.add(_line(nodes[0].key, list(facts.values())))
        made = [f"{node.name} {_short(node.version)}" for node in nodes if node.kind == "artifact"]
        runs = dict.fromkeys(node.facts["Dagster run"] for node in nodes if "Dagster run" in node.facts)
        if made:
            branch.add(Text(", ".join(made)))
        if runs:
            branch.add(Text(f"Dagster run {', '.join(_short(run) for run in runs)}", style="dim"))
        if sources := [_short_source(node) for node in nodes if node.kind == "source"]:
            branch.add(Text(", ".join(sources)))


def _film_of(node: "Node") -> str | None:
    """The film that a film, a source or an artifact of a film is of."""
    from assets.ancestry import FILM_OUTPUTS

    return node.key if node.kind in ("film", "source") or node.name in FILM_OUTPUTS else None


def _is_own_film(here: "Node", other: "Node") -> bool:
    """A source's film: its title and rights stand with the artifact already."""
    return here.kind == "source" and other.kind == "film"


def label(node: "Node", note: str | None) -> Text:
    """A node in one line, and what else is known of it in the lines below."""
    head, details = _LINES.get(node.kind, _artifact)(node)
    line = _line(head, [*details, note or ""])
    for name, value in node.facts.items():
        if name not in BESIDE:
            line.append(f"\n{name}: {value}", style="dim")
    return line


def _line(head: str, details: Sequence[str]) -> Text:
    told = " · ".join(detail for detail in details if detail)
    return Text.assemble((head, "bold"), f"  {told}" if told else "")


def _artifact(node: "Node") -> tuple[str, list[str]]:
    made = [_labelled("code", node.facts.get("code")), _labelled("Dagster run", node.facts.get("Dagster run"))]
    told = [node.facts.get(name, "") for name in (*OF_A_FILM, "verdict")]
    return _name(node), [_short(node.version), *made, *told, _labelled("delivery", node.facts.get("delivery"))]


def _source(node: "Node") -> tuple[str, list[str]]:
    size = f"{int(node.facts['bytes']):,} bytes" if "bytes" in node.facts else ""
    return node.name, [_digest(node), size, node.facts.get("path", "")]


def _short_source(node: "Node") -> str:
    path = Path(node.facts["path"]).name if "path" in node.facts else ""
    return " ".join(part for part in (node.name, path, _digest(node)) if part)


def _digest(node: "Node") -> str:
    return _labelled("sha256", node.facts.get("sha256")) or _labelled("md5", node.version)


def _delivery(node: "Node") -> tuple[str, list[str]]:
    facts = node.facts
    without = _labelled("sha256 without names", facts.get("sha256 without names"))
    return f"file {facts.get('file', 'not known')}", [_labelled("md5", node.version), without, facts.get("tool", "")]


def _rater(node: "Node") -> tuple[str, list[str]]:
    weight = node.facts.get("weight in gold")
    return _name(node), [f"weight in gold {weight}" if weight is not None else ""]


def _plain(node: "Node") -> tuple[str, list[str]]:
    return _name(node), [
        _short(node.version),
        *(node.facts.get(name, "") for name in ("licence", "title", "rights", "declared use", "catalogue")),
    ]


_LINES: dict[str, Callable[["Node"], tuple[str, list[str]]]] = {
    "source": _source,
    "delivery": _delivery,
    "rater": _rater,
    "corpus": _plain,
    "weight": _plain,
    "prediction": lambda node: (_name(node), []),
    "film": _plain,
    "model": lambda node: (f"model version {node.key}", [_short(node.version)]),
}


def _name(node: "Node") -> str:
    return f"{node.name} {node.key}".strip()


def _labelled(name: str, value: str | None) -> str:
    return f"{name} {_short(value)}" if value else ""


def _short(digest: str | None) -> str:
    """A digest's first characters, folders marked by DVC's `.dir` like files; of a run's id what Dagster shows."""
    text = (digest or "").removesuffix(".dir")
    return text[: 8 if text[8:9] == "-" else SHORT]


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def impact_tables(found: "Impact") -> RenderableType:
    """Which models learned from it, then what else it touched."""
    models = [[str(model.version), model.state, _learned(model), model.why] for model in found.models]
    touched = ", ".join(f"{name} {count}" if count > 1 else name for name, count in found.artifacts.items())
    rows = [["artifacts made from it", touched or "none"]]
    if found.gold_units is not None:
        rows.insert(0, ["gold units", f"{len(found.gold_units)} (--json names them)"])
    rows += [["predictions", words] for words in _predicted(found)] or [["predictions", "none"]]
    rows += [[f"report of version {model.version}", model.report] for model in found.models if model.report]
    rows.append(["pages", _pages(found.pages)])
    return Group(
        rows_table(f"{found.what}: models", ["version", "state", "learned from it", "why"], models),
        rows_table("What else it touched", ["what", "which"], rows),
        *map(Text, found.notes),
    )


def _learned(model: "Teaching") -> str:
    return "not known" if model.learned is None else "yes" if model.learned else "no"


def _predicted(found: "Impact") -> list[str]:
    """Films told together where the reason is the same."""
    by_why: dict[str, list[Predicted]] = {}
    for one in found.predictions:
        by_why.setdefault(one.why, []).append(one)
    return [f"{sum(one.n_units for one in films)} units {why}: {', '.join(one.film_id for one in films)}" for why, films in by_why.items()]


def _pages(pages: list[str]) -> str:
    """Pages in the folder that holds them all."""
    if not pages:
        return "none"
    folder = os.path.commonpath([Path(page).parent for page in pages])
    return f"in {folder}: {', '.join(Path(page).relative_to(folder).as_posix() for page in pages)}"
