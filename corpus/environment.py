"""Which environment this is and where its databases are, told by environment variables alone.

`FEELM_ENV` is dev (the default: files under FEELM_HOME, nothing to set), staging or prod. Those two keep what Dagster and MLflow know in
Postgres, at the server that FEELM_PG_* names; the code is the same. The password is read where a connection is made: it stands in no
repr, no message and no file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from corpus.terms import FeelmError

ENVIRONMENT = "FEELM_ENV"
HOST, PORT, USER, PASSWORD = "FEELM_PG_HOST", "FEELM_PG_PORT", "FEELM_PG_USER", "FEELM_PG_PASSWORD"
DAGSTER_DATABASE, MLFLOW_DATABASE = "FEELM_PG_DAGSTER_DB", "FEELM_PG_MLFLOW_DB"
GUIDE = "docs/deployment.md lists the variables"


Choice = TypeVar("Choice", bound=StrEnum)


def chosen(variable: str, usual: Choice, guide: str) -> Choice:
    """What a variable chooses of the kind that `usual` is of, which it is where nothing is set.

    Raises:
        FeelmError: it names none; the message lists them, and ends with the guide.
    """
    named = os.environ.get(variable) or usual
    try:
        return type(usual)(named)
    except ValueError:
        raise FeelmError(f"{variable}={named}: there are {', '.join(type(usual))}; {guide}") from None


class Environment(StrEnum):
    """Where Feelm runs; staging and prod differ in nothing but what their variables say."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"

    @classmethod
    def current(cls) -> Environment:
        """FEELM_ENV's environment, dev where it is not set.

        Raises:
            FeelmError: it names none.
        """
        return chosen(ENVIRONMENT, cls.DEV, GUIDE)


@dataclass(frozen=True)
class Postgres:
    """A server, who connects to it, and the two databases: a pair of databases belongs to one home."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dagster_database: str
    mlflow_database: str

    @classmethod
    def from_environment(cls) -> Postgres | None:
        """The server of this environment; None in dev, which has none.

        Raises:
            FeelmError: a variable is missing or no port; the message names it.
        """
        environment = Environment.current()
        if environment is Environment.DEV:
            return None
        missing = [name for name in (HOST, USER, PASSWORD) if not os.environ.get(name)]
        if missing:
            raise FeelmError(f"{ENVIRONMENT}={environment} keeps its storage in Postgres: set {', '.join(missing)}; {GUIDE}")
        named = os.environ
        databases = named.get(DAGSTER_DATABASE) or "dagster", named.get(MLFLOW_DATABASE) or "mlflow"
        return cls(named[HOST], _port(named.get(PORT) or "5432"), named[USER], named[PASSWORD], *databases)

    def unreachable(self, database: str, error: Exception) -> FeelmError:
        """What to say, in one line, when no connection to a database comes about."""
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        where = f"the database {database} at {self.host}:{self.port}"
        told = (said[-1] if said else type(error).__name__).replace(self.password, "***")
        return FeelmError(f"{where} cannot be used as {self.user}: {told}; check FEELM_PG_* ({GUIDE})")


def _port(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise FeelmError(f"{PORT}={value} is no port: a number from 1 to 65535; {GUIDE}")
    return int(value)
