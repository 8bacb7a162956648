"""What a team's deployment must be, whatever else is changed in it: one door, no secret written down, nobody root, everybody watched."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"prepare"}
"""Services that end."""

CHECK = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

SECRET = re.compile("PASSWORD|SECRET|KEY|HASH|TOKEN")


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SERVICES[request.param]


def test_there_are_the_servers_that_a_team_needs() -> None:
    assert set(SERVICES) == {"postgres", "prepare", "code", "webserver", "daemon", "mlflow", "proxy"}


def test_only_the_proxy_has_a_port_and_that_on_loopback_until_somebody_opens_it() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["${FEELM_LISTEN:-127.0.0.1}:443:8443"]}
    assert not any(service.get("network_mode") or service.get("privileged") for service in SERVICES.values())


def test_nobody_is_root_or_may_become_it(service: dict[str, Any]) -> None:
    user, _, group = str(service["user"]).partition(":")
    assert int(user) > 0 and int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_nothing_writes_into_its_image_and_everything_is_bounded(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])


def test_the_compose_specification_takes_both_files() -> None:
    files = [str(DEPLOY / name) for name in ("compose.yaml", "compose.gpu.yaml")]
    checked = subprocess.run([*CHECK, *files], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    wrong = subprocess.run([*CHECK, str(DEPLOY / "workspace.yaml")], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1 and "load_from" in wrong.stdout


def test_every_server_is_watched_and_starts_again() -> None:
    for name in set(SERVICES) - ONCE:
        assert SERVICES[name]["healthcheck"]["test"], name
        assert SERVICES[name]["restart"] == "unless-stopped", name


def test_nothing_starts_before_what_it_needs() -> None:
    waits = {
        name: {needed: how["condition"] for needed, how in service.get("depends_on", {}).items()} for name, service in SERVICES.items()
    }
    done, well = "service_completed_successfully", "service_healthy"
    assert waits == {
        "postgres": {},
        "prepare": {"postgres": well},
        "code": {"prepare": done},
        "mlflow": {"prepare": done},
        "webserver": {"code": well},
        "daemon": {"code": well},
        "proxy": {"webserver": well, "mlflow": well},
    }


def test_secrets_come_from_the_environment_and_stand_in_no_command(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if SECRET.search(name):
            assert re.fullmatch(r"\$\{[A-Z_]+:[-?][^}]*\}", value), name
            assert not re.fullmatch(r"\$\{[A-Z_]+:-.+\}", value), f"{name} has a default that everybody knows"
    assert not any(SECRET.search(str(word)) for word in service.get("command", []))


def test_images_are_pinned(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z]+:\d[\d.]*|\$\{FEELM_IMAGE:-feelm:latest\}", service["image"])


def test_only_what_computes_and_the_proxy_reach_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"code", "proxy"}
    assert all("inside" in service["networks"] for service in SERVICES.values())


def test_mlflow_has_one_worker_and_no_jobs() -> None:
    assert SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert SERVICES["mlflow"]["command"][:3] == ["feelm", "models", "ui"], "it passes --workers 1 and no address with a password"


def used(path: Path) -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", path.read_text()))


def test_the_example_names_every_variable_and_no_secret() -> None:
    lines = [line.partition("=") for line in (DEPLOY / "env.example").read_text().splitlines() if line and line[0] != "#"]
    named = {name: value.strip("'") for name, _, value in lines}
    assert used(DEPLOY / "compose.yaml") - set(named) == {"FEELM_IMAGE", "FEELM_PG_DAGSTER_DB", "FEELM_PG_MLFLOW_DB"}
    assert not [name for name, value in named.items() if SECRET.search(name) and value]
    assert "deploy/.env" in (REPOSITORY / ".gitignore").read_text().splitlines()
    assert "deploy/.env" in (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_the_proxy_lets_nobody_through_unasked() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    sites = re.findall(r"^https://\{\$(\w+)\} \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in sites} == {"FEELM_SITE", "FEELM_MLFLOW_SITE"}
    for name, body in sites:
        assert body.index("import signed_in") < body.index("reverse_proxy"), name
    assert text.count("reverse_proxy") == len(sites)
    assert set(re.findall(r"\{\$(\w+)\}", text)) <= set(SERVICES["proxy"]["environment"])


def test_the_image_runs_as_the_user_that_compose_says_and_sends_nobody_word() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == SERVICES["code"]["user"] == "10001:10001"
    assert "MLFLOW_DISABLE_TELEMETRY=true" in text
    assert "PASSWORD" not in text and "ARG" not in text


def test_webserver_and_daemon_ask_the_code_server() -> None:
    ((kind, server),) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"][0].items()
    command = SERVICES["code"]["command"]
    assert (kind, server["host"], str(server["port"])) == ("grpc_server", "code", command[command.index("--port") + 1])
    for name in ("webserver", "daemon"):
        assert SERVICES[name]["command"][-2:] == ["--workspace", "deploy/workspace.yaml"]
