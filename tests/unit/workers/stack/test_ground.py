import json
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from pipeline.settings import load_settings
from workers.stack.ground import Ground
from workers.stack.places import Places

Survey = Callable[..., Ground]


def write_state(home: Path, **facts: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "stack.json").write_text(json.dumps(facts))


def test_what_the_stack_wrote_itself_is_not_stated_by_the_user(ground: Survey, home: Path) -> None:
    write_state(home, broker_url="redis+socket:///here", s3_endpoint="http://127.0.0.1:1")
    assert not ground().stated("broker_url")
    assert not ground().stated("flower_url")
    assert ground(s3_endpoint="https://s3.example.com").stated("s3_endpoint")


def test_environment_and_project_file_state_a_setting(
    ground: Survey, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(home, broker_url="redis+socket:///here")
    monkeypatch.setenv("CALLSHEET_BROKER_URL", "redis://elsewhere")
    (tmp_path / "callsheet.toml").write_text('s3_endpoint = "https://s3.example.com"\n')
    assert ground().stated("broker_url")
    assert ground().stated("s3_endpoint")


def test_stack_json_keeps_what_is_not_the_stacks_and_drops_what_no_longer_runs(ground: Survey, home: Path) -> None:
    write_state(home, api_key="cs_kept", broker_url="redis+socket:///old", api_url="http://old")
    here = ground()
    here.keep({"api_url": "http://new"}, {"broker_url", "api_url"})
    assert json.loads((home / "stack.json").read_text()) == {"api_key": "cs_kept", "api_url": "http://new"}


def test_a_secret_the_user_states_is_not_copied_into_stack_json(ground: Survey, home: Path) -> None:
    here = ground(flower_password="theirs")
    here.keep({"flower_password": "theirs", "flower_url": "http://x"}, {"flower_password", "flower_url"})
    assert json.loads((home / "stack.json").read_text()) == {"flower_url": "http://x"}


def test_parts_get_stated_settings_under_the_names_they_read(
    ground: Survey, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(home, broker_url="redis+socket:///here")
    monkeypatch.setenv("KYMA_API_KEY", "ky-secret")
    monkeypatch.setenv("FLOWER_PORT", "tcp://10.0.0.1:5555")
    (tmp_path / "callsheet.toml").write_text("worker_threads = 3\n")
    found = ground(sandbox_tier="T2").environment()
    assert found["CALLSHEET_KYMA_API_KEY"] == "ky-secret"
    assert found["CALLSHEET_WORKER_THREADS"] == "3"
    assert found["CALLSHEET_SANDBOX_TIER"] == "T2"
    assert found["CALLSHEET_HOME"] == str(home)
    assert "CALLSHEET_BROKER_URL" not in found
    assert "FLOWER_PORT" not in found


def test_sockets_are_in_the_home_folder_while_its_path_is_short_and_plain(ground: Survey, home: Path) -> None:
    assert ground().sockets() == home / "run"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, with a path that leaves room for a socket's."""
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


@pytest.mark.parametrize("name", ["a" * 100, "with space", "per%20cent", "stück"])
def test_sockets_move_to_a_private_folder_where_the_path_is_long_or_strange(short: Path, name: str) -> None:
    strange = short / name / "h"
    folder = _survey(strange).sockets()
    assert folder.parent == short
    assert folder == _survey(strange).sockets()
    assert folder != _survey(strange.with_name("other")).sockets()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("trap", ["link", "file"])
def test_a_socket_folder_that_is_not_a_folder_of_ours_is_refused(short: Path, trap: str) -> None:
    here = _survey(short / ("a" * 100))
    folder = here.sockets()
    folder.rmdir()
    if trap == "link":
        folder.symlink_to(short)
    else:
        folder.touch()
    with pytest.raises(EnvironmentFault, match="not a folder of yours"):
        here.sockets()


def test_a_home_that_cannot_be_written_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="cannot be written") as caught:
        Places(tmp_path / "file" / "h").make()
    assert "CALLSHEET_HOME" in caught.value.hint


def _survey(home: Path) -> Ground:
    return Ground.survey(load_settings(home=home))
