import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline.settings import PREFIX, Settings
from workers.cli import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OWN_VARIABLES = {"CALLSHEET_READY_FILE", "CALLSHEET_SANDBOX_KEYS"}
"""Read by the parts themselves, not through the settings."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def dockerfile() -> list[list[str]]:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in text.splitlines() if line.strip() and line[0] != "#"]


def ours(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in compose["services"].items() if service["image"] == "callsheet"}


def test_every_service_of_ours_runs_a_command_there_is(compose: dict[str, Any]) -> None:
    known = set(getattr(get_command(app), "commands", {}))
    started = {service["command"][0] for service in ours(compose).values() if "entrypoint" not in service}
    assert started <= known
    assert started == {"api", "worker", "sweeper", "flower", "sandbox"}


def test_every_variable_of_ours_is_a_setting(compose: dict[str, Any]) -> None:
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {name for service in ours(compose).values() for name in service.get("environment", {})}
    assert {name for name in given if name.startswith(PREFIX)} <= settings | OWN_VARIABLES


def test_nothing_listens_beyond_the_hosts_loopback(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["network_mode"] == "host", name
        assert "ports" not in service, name
        assert "0.0.0.0" not in str(service), name


def test_services_name_what_the_file_declares(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(compose["volumes"]), name
        assert {config["source"] for config in service.get("configs", [])} <= set(compose["configs"]), name


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    for name, default in re.findall(r"\$\{(\w+):?-([^}]*)\}", str(compose)):
        assert not (default and re.search("PASSWORD|KEY|SECRET", name)), name


def test_the_worker_is_given_the_time_to_end_a_clone(compose: dict[str, Any]) -> None:
    grace = float(compose["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["clone_timeout_seconds"].default


def test_answers_to_paid_calls_outlive_the_containers_that_keep_and_drain_them(
    compose: dict[str, Any], dockerfile: list[list[str]]
) -> None:
    assert [compose["services"][name]["volumes"] for name in ("worker", "sweeper")] == [["spool:/data"]] * 2
    assert any("CALLSHEET_HOME=/data" in line for line in dockerfile if line[0] == "ENV")


def test_what_the_image_copies_exists_and_is_not_ignored(dockerfile: list[list[str]]) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in dockerfile if line[0] == "COPY" and "--from" not in line[1] for source in line[1:-1]}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_installs_by_hash_and_builds_nothing_of_others(dockerfile: list[list[str]]) -> None:
    installs = [" ".join(line) for line in dockerfile if line[0] == "RUN" and "install" in line and "pip" in str(line)]
    locked, own = installs
    assert "--require-hashes --only-binary :all: -r requirements/run.lock" in locked
    assert "--no-deps --no-build-isolation ." in own


def test_the_image_runs_as_a_user_without_rights(dockerfile: list[list[str]]) -> None:
    users = [line[1] for line in dockerfile if line[0] == "USER"]
    assert users == ["callsheet"]


def test_no_two_pages_of_metrics_share_a_port(compose: dict[str, Any]) -> None:
    given = [service.get("environment", {}) for service in ours(compose).values()]
    ports = {
        name: value for environment in given for name, value in environment.items() if name.endswith("METRICS_PORT")
    }
    assert set(ports) == {"CALLSHEET_WORKER_METRICS_PORT", "CALLSHEET_SWEEPER_METRICS_PORT"}
    assert len(set(ports.values())) == len(ports)
