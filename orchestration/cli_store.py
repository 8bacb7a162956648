"""`feelm store`: artifacts in the store that FEELM_STORE names, and how much of them stays on this machine."""

from dataclasses import asdict
from typing import Annotated

import typer

from assets.workspace import Workspace
from corpus.terms import FeelmError
from orchestration.console import Json, rows_table, show

store_app = typer.Typer(
    no_args_is_help=True, help="Artifacts in a store elsewhere (FEELM_STORE), and how much stays here (FEELM_CACHE_GB)."
)


@store_app.command("status")
def store_status(as_json: Json = False) -> None:
    """How much is in the store, here, and in the store alone, as it was noted here; the store is not asked."""
    from assets.store.standing import standing

    found = standing(Workspace.from_environment())
    rows = [[name.replace("_", " "), _told(name, value)] for name, value in asdict(found).items()]
    show(found, rows_table("Store", ["what", "how much"], rows), as_json)


@store_app.command("push")
def store_push(as_json: Json = False) -> None:
    """Send every artifact that the store has not; links do so themselves when they are made."""
    from assets.store.objects import Store
    from assets.store.pushing import push

    done = push(Workspace.from_environment(), Store.required())
    rows = [[name, "sent"] for name in done.artifacts] + [[name, f"stays here: {why}"] for name, why in done.held_back.items()]
    rows += [[name, "altered by hand, not sent: `feelm run` makes it again"] for name in done.altered]
    show(done, rows_table(f"Sent {_mb(done.sent_bytes)}", ["artifact", "what"], rows), as_json)


@store_app.command("fetch")
def store_fetch(
    film: Annotated[list[str] | None, typer.Option(help="Only these films' artifacts.")] = None,
    as_json: Json = False,
) -> None:
    """Bring back what lies in the store alone; links do so themselves with what they read."""
    from assets.store.objects import Store
    from assets.store.standing import fetch_all

    fetched = fetch_all(Workspace.from_environment(), Store.required(), film or None)
    show(fetched, rows_table("Fetched", ["artifact"], [[name] for name in fetched]), as_json)


@store_app.command("verify")
def store_verify(
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its digest, not only its size.")] = False,
    as_json: Json = False,
) -> None:
    """Find what is missing, cut short or damaged in the store and mend it from what lies here; exit code 1 where something cannot be."""
    from assets.store.audit import audit
    from assets.store.objects import Store

    found = audit(Workspace.from_environment(), Store.required(), deep)
    rows = [[f"{one.artifact} {one.file}".strip(), one.wrong, "mended" if one.mended else "LOST"] for one in found.faults]
    rows += [[path, "unfinished upload", "ended"] for path in found.ended_uploads]
    title = f"{found.n_artifacts} artifacts, {found.n_files} files, {_mb(found.n_bytes)}; {found.n_unclaimed} files of cut-off uploads"
    show(found, rows_table(title, ["what", "wrong", "done"], rows), as_json)
    if lost := found.lost:
        raise FeelmError(
            f"{len(lost)} files in the store cannot be mended from here: verify from a home that has them, or make them again (feelm run)"
        )


@store_app.command("evict")
def store_evict(
    to_gb: Annotated[float | None, typer.Option(min=0, help="Come down to so many GB; FEELM_CACHE_GB where it is left out.")] = None,
    as_json: Json = False,
) -> None:
    """Remove the longest unused of what is safe in the store, and pieces of finished work, down to a bound."""
    from assets.store.cache import CACHE_GB, bound_bytes, evict

    bound = int(to_gb * 1e9) if to_gb is not None else bound_bytes()
    if bound is None:
        raise FeelmError(f"how much may stay? Set {CACHE_GB}, or give --to-gb")
    done = evict(Workspace.from_environment(), bound)
    rows = [[name, "evicted"] for name in done.artifacts] + [[name, f"stays: {why}"] for name, why in done.kept.items()]
    title = f"{_mb(done.freed_bytes)} freed ({done.n_pieces} pieces of finished work among it), {_mb(done.left_bytes)} left"
    show(done, rows_table(title, ["artifact", "what"], rows), as_json)


def _told(name: str, value: object) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return _mb(value)
    return "-" if value is None else str(value)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
