"""`feelm serve`: the service on this home over HTTP, and the API keys of those who may ask it."""

import logging
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.console import Json, err, out, rows_table, show

if TYPE_CHECKING:
    from service.api.settings import Settings

BEGAN_S = time.monotonic()
HEADER_BYTES = 64 << 10
"""Where the connection itself gives up; the service refuses with a problem long before."""

GRACE_S = 30
BURST_S = 4
"""So many seconds' worth of requests may come at once."""

KEEP_ALIVE_S = 15
LARGEST_MESSAGE = 1 << 20

serve_app = typer.Typer(invoke_without_command=True, help="Serve detection, prediction and replies over HTTP.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys: where there is one, nobody is let in without.")
serve_app.add_typer(keys_app, name="keys")


@serve_app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on; any but loopback asks for an API key to be there.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes, each with a champion of its own.")] = 1,
    allow_host: Annotated[list[str] | None, typer.Option(help="A further name by which it may be asked.")] = None,
    keep: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keep media here where a request asks for it; else none is kept.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second of one key or address, in the long run.")] = 50.0,
    closed_health: Annotated[bool, typer.Option("--closed-health", help="Ask for a key at /health too.")] = False,
    closed_metrics: Annotated[bool, typer.Option("--closed-metrics", help="Ask for a key at /metrics too.")] = False,
) -> None:
    """Serve this home's champion until stopped; what is asked meanwhile is answered before it ends."""
    if context.invoked_subcommand is not None:
        return
    from service.api.settings import Limits, Settings

    settings = Settings(
        home=Home.from_environment(),
        host=host,
        port=port,
        workers=workers,
        allowed_hosts=tuple(allow_host or ()),
        keep=None if keep is None else keep.resolve(),
        open_health=not closed_health,
        open_metrics=not closed_metrics,
        limits=Limits(rate=rate, burst=max(1, int(BURST_S * rate))),
    )
    _run(settings)


@keys_app.command("add")
def keys_add(name: Annotated[str, typer.Argument(help="Who it is for.")], as_json: Json = False) -> None:
    """Make an API key and show it, once."""
    from service.api.keys import KeyRing

    made = KeyRing(_folder()).add(name)
    show(made, Text(f"{made.key}\nthis is the key of {made.name}; it is not kept and not shown again"), as_json)


@keys_app.command("list")
def keys_list(as_json: Json = False) -> None:
    """Show whose keys there are, never the keys."""
    from service.api.keys import KeyRing

    found = KeyRing(_folder()).keys()
    value = [{"name": key.name, "created_at": key.created_at} for key in found]
    show(value, rows_table("API keys", ["name", "made"], [[key.name, key.created_at] for key in found]), as_json)


@keys_app.command("revoke")
def keys_revoke(name: str) -> None:
    """Take a key back; it is refused from the next request on."""
    from service.api.keys import KeyRing

    KeyRing(_folder()).revoke(name)
    out.print(Text(f"the key of {name} is revoked"))


def _folder() -> Path:
    from service.api.settings import Settings

    return Settings(Home.from_environment()).folder


def _run(settings: "Settings") -> None:
    """Serve until stopped.

    Raises:
        FeelmError: the port is taken, or others could reach the service and there is no key.
    """
    from service.api.keys import KeyRing
    from service.api.settings import check_reach

    check_reach(settings, bool(KeyRing(settings.folder).keys()))
    listening = _listen(settings)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("feelm").setLevel(logging.INFO)
    # The server hands a signal on once all is answered: that then ends the command as it would have ended by itself.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    with listening:
        err.print(Text(f"Feelm listens on {_address(settings)} for the home {settings.home.root}"), soft_wrap=True)
        if settings.workers > 1:
            _run_several(settings, listening)
        else:
            _run_one(settings, listening)
    err.print("Feelm has stopped; everything that was asked is answered")


def _run_one(settings: "Settings", listening: socket.socket) -> None:
    import asyncio

    import uvicorn

    from service.api.app import create_app
    from service.api.state import Service
    from service.threads import share_heaps

    share_heaps()
    app = create_app(settings)
    service: Service = app.state.service

    class Server(uvicorn.Server):
        """Tells when the champion answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.told = asyncio.create_task(self._tell())

        async def _tell(self) -> None:
            while service.engine.standing is None:
                await asyncio.sleep(0.05)
            err.print(Text(f"Feelm is ready after {time.monotonic() - BEGAN_S:.1f} s: {_address(settings)}/v1/docs; Ctrl-C stops it"))

    Server(uvicorn.Config(app, **_options())).run(sockets=[listening])


def _run_several(settings: "Settings", listening: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from service.api.app import TOLD_BY
    from service.api.metrics import SHARED_FOLDER

    figures = settings.folder / "figures"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir(parents=True)
    os.environ |= {TOLD_BY: settings.to_json(), SHARED_FOLDER: str(figures)}
    config = uvicorn.Config("service.api.app:from_environment", factory=True, workers=settings.workers, **_options())
    Multiprocess(config, sockets=[listening]).run()


def _options() -> dict[str, Any]:
    """How every process listens: forwarded addresses are not believed, since anybody can send them."""
    return {
        "http": "h11",  # it bounds the headers
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "ws_max_size": LARGEST_MESSAGE,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": GRACE_S,
        "timeout_worker_healthcheck": GRACE_S,
    }


def _listen(settings: "Settings") -> socket.socket:
    """The socket, taken before anything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        told = f"cannot listen on port {settings.port} of {settings.host} ({error.strerror}): choose another with --port or --host"
        raise FeelmError(told) from error
    listening.set_inheritable(True)
    return listening


def _address(settings: "Settings") -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
