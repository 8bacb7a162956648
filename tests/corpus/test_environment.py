"""Which environment it is, and what is said when its variables are not enough."""

import pytest

from corpus.environment import Environment, Postgres
from corpus.terms import FeelmError
from tests.storage import VARIABLES


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_variables_it_is_dev_which_has_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Environment.current() is Environment.DEV
    assert Postgres.from_environment() is None
    monkeypatch.setenv("FEELM_PG_HOST", "db")
    assert Postgres.from_environment() is None


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_the_others_name_their_server(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    for name, value in {"FEELM_ENV": environment, "FEELM_PG_HOST": "db", "FEELM_PG_USER": "u", "FEELM_PG_PASSWORD": "secret"}.items():
        monkeypatch.setenv(name, value)
    assert Postgres.from_environment() == Postgres("db", 5432, "u", "secret", "dagster", "mlflow")
    assert "secret" not in repr(Postgres.from_environment())


def test_every_missing_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_ENV", "prod")
    monkeypatch.setenv("FEELM_PG_USER", "u")
    with pytest.raises(FeelmError, match=r"FEELM_ENV=prod .* set FEELM_PG_HOST, FEELM_PG_PASSWORD; docs/deployment.md"):
        Postgres.from_environment()


def test_an_unknown_environment_and_a_port_that_is_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_ENV", "production")
    with pytest.raises(FeelmError, match="FEELM_ENV=production: there are dev, staging, prod"):
        Postgres.from_environment()
    for name, value in {"FEELM_ENV": "prod", "FEELM_PG_HOST": "db", "FEELM_PG_USER": "u", "FEELM_PG_PASSWORD": "p"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FEELM_PG_PORT", "70000")
    with pytest.raises(FeelmError, match="FEELM_PG_PORT=70000 is no port"):
        Postgres.from_environment()


def test_what_a_server_repeats_of_a_password_is_not_told() -> None:
    told = Postgres("db", 5432, "u", "secret", "d", "m").unreachable("d", RuntimeError("first line\nno such user secret"))
    assert (
        str(told)
        == "the database d at db:5432 cannot be used as u: no such user ***; check FEELM_PG_* (docs/deployment.md lists the variables)"
    )
