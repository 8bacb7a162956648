"""`feelm lineage`: what something came from, what it touched; `feelm openlineage`: the same for other systems.

The tree is for people: films are gathered at its end, what was told once is named only, and of many things of a kind the first are named.
`--json` gives the whole graph.
"""

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    from assets.lineage_targets import Lineage
    from assets.many_films import ManyFilms

SHORT = 12
"""Characters of a digest that are shown."""

SOME = 16
"""Things of one kind that are told one by one; of more the first are named."""

OF_A_FILM = ("title", "rights", "declared use", "rights_ref", "today")
OF_AN_ARTIFACT = ("code", "Dagster run", "verdict", "delivery")
OF_A_FILE = ("file", "sha256", "sha256 without names", "tool", "bytes", "path")
BESIDE = (*OF_A_FILM, *OF_AN_ARTIFACT, *OF_A_FILE, "weight in today's gold", "licence", "from", "credit")
"""Facts that stand in a node's first line, or with its film."""


def lineage(
    what: Annotated[
        str, typer.Argument(help="model:champion, model:3, film:ID, annotator:PSEUDONYM, prediction:UNIT_ID, batch:ID or file:PATH.")
    ],
    impact: Annotated[bool, typer.Option("--impact", help="The other way: what it touched, and which models learned from it.")] = False,
    as_json: Json = False,
) -> None:
    """Show what something came from, back to film bytes, rights and raters' files; nothing is guessed."""
    from assets.impact import read_impact
    from assets.lineage_targets import read_lineage, read_lineage_briefly

    gc.freeze()  # modules are no garbage: to look them through again and again was a third of the time
    home = Home.from_environment()
    if impact:
        found = read_impact(home, what)
        show(found, impact_tables(found), as_json)
    else:
        told = read_lineage(home, what) if as_json else read_lineage_briefly(home, what, SOME)
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
    printing = _Printing(told.graph, told.films)
    parts: list[RenderableType] = [printing.tree(root) for root in told.roots]
    if printing.gathered:
        parts.append(printing.films())
    return Group(*parts, *map(Text, told.notes[:SOME]), *([Text(f"and {len(told.notes) - SOME} more")] if told.notes[SOME:] else []))


@dataclass
class _Printing:
    """A graph being printed: what was told already, and the films that are told at the end."""

    graph: "Graph"
    together: "ManyFilms | None"
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
        here, films, again = self.graph.nodes[node_id], [], []
        groups: dict[str, list[Edge]] = defaultdict(list)
        for edge in sorted(self.upstream.get(node_id, ()), key=lambda edge: not edge.upstream.startswith("champion@")):
            other = self.graph.nodes[edge.upstream]
            if _is_gathered(here, other):
                films.append(other)
            elif not (here.kind == "source" and other.kind == "film"):  # title and rights stand with the artifact already
                groups[other.name].append(edge)
        for edges in groups.values():
            again += self._grow_group(tree, edges)
        if films:
            tree.add(self._gather(films))
        if again:
            tree.add(Text(f"{_some(map(_name, again))}: told above", style="dim"))

    def _grow_group(self, tree: Tree, edges: "list[Edge]") -> "list[Node]":
        """Edges of one kind, each with all before it, or many in one line; those that were told already."""
        fresh, again = [edge for edge in edges if edge.upstream not in self.told], []
        if len(fresh) > SOME:
            self._grow_some(tree, fresh)
            return [self.graph.nodes[edge.upstream] for edge in edges if edge not in fresh]
        for edge in edges:
            node = self.graph.nodes[edge.upstream]
            if node.id in self.told:
                again.append(node)
            else:
                self.told.add(node.id)
                self._grow(tree.add(label(node, edge.note)), node.id)
        return again

    def _grow_some(self, tree: Tree, edges: "list[Edge]") -> None:
        """Many of a kind in one line, and below it who judged in them."""
        ids = [edge.upstream for edge in edges]
        nodes = [self.graph.nodes[node_id] for node_id in ids]
        branch = tree.add(_counted(nodes))
        behind = self.graph.reached(ids, upstream=True)
        self.told.update(behind)
        raters = [node for node in map(self.graph.nodes.__getitem__, behind) if node.kind == "rater"]
        if raters and nodes[0].kind != "rater":
            branch.add(_counted(raters))

    def _gather(self, nodes: "list[Node]") -> Text:
        films = dict.fromkeys(film_id for node in nodes for film_id in self.graph.films.get(node.id, (node.key,)))
        self.gathered |= films
        names = ", ".join(dict.fromkeys(node.name for node in nodes if node.kind != "film")) or "units"
        return Text(f"{names} of {_many(len(films), 'film')}: told below", style="dim")

    def films(self) -> Tree:
        """The films that the trees rest on: one branch each, or where there are many by their rights."""
        if self.together is not None:
            return _films_together(self.together.n_films, self.together.code, self.together.alike)
        by_film: dict[str, list[Node]] = defaultdict(list)
        code: dict[str, set[str]] = defaultdict(set)
        for node in self.graph.nodes.values():
            if (film_id := _film_of(node)) in self.gathered:
                by_film[film_id].append(node)
                if "code" in node.facts:
                    code[node.name].add(node.facts["code"])
        if len(by_film) > SOME:
            return _films_together(len(by_film), code, _by_rights(by_film))
        tree = _films_head(len(by_film), code)
        for film_id, nodes in by_film.items():
            _film(tree, film_id, nodes)
        return tree


def _films_head(n_films: int, code: Mapping[str, Iterable[str]]) -> Tree:
    """How many films, and by which code each artifact of theirs was made."""
    short = {name: {_short(digest) for digest in digests} for name, digests in code.items()}
    told = [f"{name} {found.pop() if len(found) == 1 else f'{len(found)} versions'}" for name, found in short.items()]
    return Tree(Text.assemble((_many(n_films, "film"), "bold"), f"  code: {', '.join(told)}" if told else ""))


def _films_together(n_films: int, code: Mapping[str, Iterable[str]], alike: Mapping[tuple[str, str, str], Sequence[str]]) -> Tree:
    """Many films by rights, declared use and the rights of today, which are told where they differ."""
    tree = _films_head(n_films, code)
    for (rights, use, today), films in alike.items():
        now = [f"today: {today}"] if today not in ("", rights) else []
        tree.add(_line(_many(len(films), "film"), [rights, use, *now, _some(films)]))
    tree.add(Text("`feelm lineage film:ID` tells each, --json all", style="dim"))
    return tree


def _by_rights(by_film: "dict[str, list[Node]]") -> dict[tuple[str, str, str], list[str]]:
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for film_id, nodes in by_film.items():
        facts = {name: node.facts[name] for node in nodes for name in OF_A_FILM if name in node.facts}
        alike[facts.get("rights", ""), facts.get("declared use", ""), facts.get("today", "")].append(film_id)
    return alike


def _film(tree: Tree, film_id: str, nodes: "list[Node]") -> None:
    branch = tree.add(_line(film_id, list(_film_facts(nodes).values())))
    if made := [f"{node.name} {_short(node.version)}" for node in nodes if node.kind == "artifact"]:
        branch.add(Text(", ".join(made)))
    if runs := dict.fromkeys(_short(node.facts["Dagster run"]) for node in nodes if "Dagster run" in node.facts):
        branch.add(Text(f"Dagster run {', '.join(runs)}", style="dim"))
    if sources := [_short_source(node) for node in nodes if node.kind == "source"]:
        branch.add(Text(", ".join(sources)))


def _film_facts(nodes: "list[Node]") -> dict[str, str]:
    """Title and rights as they were when the film was taken in, and those of today where they differ."""
    facts = {name: node.facts[name] for node in nodes for name in OF_A_FILM if name in node.facts}
    if (today := facts.pop("today", None)) not in (None, facts.get("rights")):
        facts["today"] = f"today: {today}"
    return facts


def _film_of(node: "Node") -> str | None:
    """The film that a film, a source or an artifact of a film is of."""
    from assets.ancestry import FILM_OUTPUTS

    return node.key if node.kind in ("film", "source") or node.name in FILM_OUTPUTS else None


def _is_gathered(here: "Node", other: "Node") -> bool:
    """Whether `other` is of a film and `here` of none."""
    is_of_film = other.kind == "films" or (other.kind in ("artifact", "film") and _film_of(other) is not None)
    return here.kind != "prediction" and is_of_film and _film_of(here) is None


def _some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    named = list(names)
    return ", ".join(named[:SOME]) + (f" and {len(named) - SOME:,} more" if named[SOME:] else "")


def _counted(nodes: "list[Node]") -> Text:
    """Many nodes of one kind in a line; raters that were flagged by name."""
    flagged = [node.key for node in nodes if "flagged" in node.facts]
    return _line(f"{len(nodes):,} {nodes[0].name}", [_some(node.key for node in nodes), f"flagged: {_some(flagged)}" if flagged else ""])


def label(node: "Node", note: str | None) -> Text:
    """A node in one line, and what else is known of it in the lines below."""
    head, details = _LINES.get(node.kind, _artifact)(node)
    line = _line(head, [*details, note or ""])
    for name, value in node.facts.items():
        if name not in BESIDE:
            line.append(f"\n{name}: {_some(value.split('; ')) if name == 'left out' else value}", style="dim")
    return line


def _line(head: str, details: Sequence[str]) -> Text:
    told = " · ".join(detail for detail in details if detail)
    return Text.assemble((head, "bold"), f"  {told}" if told else "")


def _artifact(node: "Node") -> tuple[str, list[str]]:
    made = [_labelled(name, node.facts.get(name)) for name in ("code", "Dagster run")]
    told = [*_film_facts([node]).values(), node.facts.get("verdict", "")]
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
    without = _labelled("sha256 without names", node.facts.get("sha256 without names"))
    return f"file {node.facts.get('file', 'not known')}", [_labelled("md5", node.version), without, node.facts.get("tool", "")]


def _rater(node: "Node") -> tuple[str, list[str]]:
    weight = node.facts.get("weight in today's gold")
    return _name(node), [f"weight in today's gold {weight}" if weight is not None else ""]


def _plain(node: "Node") -> tuple[str, list[str]]:
    told = [node.facts.get(name, "") for name in ("licence", "path")]
    return _name(node), [_short(node.version), told[0], *_film_facts([node]).values(), told[1]]


_LINES: dict[str, Callable[["Node"], tuple[str, list[str]]]] = {
    "source": _source,
    "delivery": _delivery,
    "rater": _rater,
    "corpus": _plain,
    "weight": _plain,
    "film": _plain,
    "prediction": lambda node: (_name(node), []),
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
    by_why: dict[str, list[Predicted]] = defaultdict(list)
    for one in found.predictions:
        by_why[one.why].append(one)
    return [f"{sum(one.n_units for one in films):,} units {why}: {_some(one.film_id for one in films)}" for why, films in by_why.items()]


def _pages(pages: list[str]) -> str:
    """Pages in the folder that holds them all."""
    if not pages:
        return "none"
    folder = os.path.commonpath([Path(page).parent for page in pages])
    return f"in {folder}: {_some(Path(page).relative_to(folder).as_posix() for page in pages)}"
