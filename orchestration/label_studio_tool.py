"""Label Studio as a tool of its own: its environment, its secrets and its process, all under FEELM_HOME/label-studio.

It brings Django and a hundred more packages with versions of their own, so it never shares Feelm's environment. It listens on loopback,
tells nobody of its use, lets nobody sign up without an invitation, and keeps its guard against requests into the local network.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus.annotations.label_studio_server import LabelStudio, locked
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.ui import HOST, check_port, stop

VERSION = "1.23.2"
NEED_MB = 1500
"""The environment has 1000 MB; the rest is for what pip keeps while it works."""

INSTALL_LIMIT_S = 3600
START_LIMIT_S = 900
"""The first start makes the database: 84 s on an idle machine."""

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Secrets:
    """The account that Feelm uses, and a person with the password too."""

    username: str
    password: str
    token: str


@dataclass(frozen=True)
class Places:
    """Where things of the tool lie."""

    home: Home

    @property
    def folder(self) -> Path:
        """Everything of it."""
        return self.home.root / "label-studio"

    @property
    def venv(self) -> Path:
        """Its environment."""
        return self.folder / "venv"

    @property
    def served(self) -> Path:
        """What it may read; the films lie in a folder within, because the tool refuses to serve the root itself."""
        return self.folder / "served"

    @property
    def films(self) -> Path:
        """The films' proxies."""
        return self.served / "films"

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.home.root / "logs" / "label-studio.log"


def install(home: Home, tell: Tell) -> None:
    """Make the tool's environment where it is not there yet.

    Raises:
        FeelmError: the disk is too full, or no package index gives the tool.
    """
    places = Places(home)
    done = places.folder / f"installed-{VERSION}"
    with locked(home, "install"):
        if done.is_file():
            return
        free_mb = shutil.disk_usage(places.folder).free // 1_000_000
        if free_mb < NEED_MB:
            raise FeelmError(f"the disk is too full for Label Studio: {free_mb} MB free at {places.folder}, {NEED_MB} MB are needed")
        tell(f"Installing Label Studio {VERSION} into {places.venv}: about 1 GB, some minutes, once ...")
        places.log.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(places.venv)], places.log)
        pip = [str(places.venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
        _run([*pip, f"label-studio=={VERSION}"], places.log)
        done.touch()


def _run(command: list[str], log: Path) -> None:
    with log.open("ab") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            code = child.wait(INSTALL_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop(child)
    if code != 0:
        last = next((line for line in reversed(log.read_text(errors="replace").splitlines()) if line.startswith("ERROR")), "see the log")
        raise FeelmError(
            f"Label Studio {VERSION} could not be installed ({last}; {log}): is a package index reachable? "
            "Or use one that runs somewhere, with --url"
        )


def read_secrets(home: Home) -> Secrets:
    """The secrets of this home's tool, made at random when first asked for; nobody but the owner reads them.

    Raises:
        FeelmError: the file is damaged.
    """
    path = Places(home).folder / "secrets.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    with locked(home, "secrets"):
        if not path.is_file():
            made = Secrets(f"feelm-{secrets.token_hex(4)}@localhost", secrets.token_urlsafe(18), secrets.token_hex(20))
            temporary = path.with_name(".secrets.json.tmp")
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                json.dump(asdict(made), stream)
            temporary.replace(path)
    try:
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FeelmError(f"{path} is damaged ({error}); without it nobody can log in as Feelm") from error


@contextmanager
def running(home: Home, port: int, tell: Tell) -> Iterator[tuple[LabelStudio, "subprocess.Popen[bytes]"]]:
    """This home's tool, answering on loopback, and its process; it ends with the block.

    Raises:
        FeelmError: the port is taken, or the tool did not start.
    """
    with locked(home, "serve", wait=False):
        yield from _started(home, port, tell)


def _started(home: Home, port: int, tell: Tell) -> Iterator[tuple[LabelStudio, "subprocess.Popen[bytes]"]]:
    places, known = Places(home), read_secrets(home)
    check_port(port)
    tool = LabelStudio(f"http://{HOST}:{port}", known.token)
    tell("Starting Label Studio; the first start makes its database, one to three minutes ..." if _is_new(places) else "Starting ...")
    places.films.mkdir(parents=True, exist_ok=True)
    places.log.parent.mkdir(parents=True, exist_ok=True)
    with places.log.open("ab") as log:
        child = subprocess.Popen(
            _command(places, port),
            env=_environment(places, known),
            cwd=places.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _wait_until_up(tool, child, places)
        yield tool, child
    finally:
        stop(child)


def _is_new(places: Places) -> bool:
    return not (places.folder / "data" / "label_studio.sqlite3").is_file()


def _command(places: Places, port: int) -> list[str]:
    own = ["--no-browser", "--internal-host", HOST, "--port", str(port), "--data-dir", str(places.folder / "data")]
    return [str(places.venv / "bin" / "label-studio"), "start", *own, "--enable-legacy-api-token"]


def _environment(places: Places, known: Secrets) -> dict[str, str]:
    """What the tool is told where others on the machine cannot read it, unlike a command line; nothing of Feelm's own is passed on."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {
        "HOME": str(places.folder),
        "LABEL_STUDIO_USERNAME": known.username,
        "LABEL_STUDIO_PASSWORD": known.password,
        "LABEL_STUDIO_USER_TOKEN": known.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(places.served),
        "SSRF_PROTECTION_ENABLED": "true",
        # Another page's name that is pointed to loopback is not answered.
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def _wait_until_up(tool: LabelStudio, child: "subprocess.Popen[bytes]", places: Places) -> None:
    until = time.monotonic() + START_LIMIT_S
    while not tool.is_up():
        if child.poll() is not None:
            raise FeelmError(f"Label Studio ended by itself with code {child.returncode}: {places.log} says why")
        if time.monotonic() > until:
            raise FeelmError(f"Label Studio did not answer within {START_LIMIT_S} s: {places.log} says more")
        time.sleep(0.5)
