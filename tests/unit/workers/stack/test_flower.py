from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from pipeline.settings import load_settings
from workers.stack.flower import flower_argv, flower_environment, run_flower


def test_it_is_on_loopback_read_only_and_keeps_its_state_in_the_home_folder(home: Path) -> None:
    argv = flower_argv(load_settings(home=home))
    assert {"--address=127.0.0.1", "--read_only=true", f"--db={home / 'flower.db'}"} <= set(argv)


def test_its_port_is_the_stated_one_then_that_of_its_url_then_a_free_one(home: Path) -> None:
    assert "--port=5001" in flower_argv(load_settings(home=home, flower_port=5001, flower_url="http://x:5002"))
    assert "--port=5002" in flower_argv(load_settings(home=home, flower_url="http://x:5002"))
    assert "--port=0" in flower_argv(load_settings(home=home))


@pytest.mark.parametrize("password", ["", "a,b"])
def test_a_password_flower_would_misread_is_refused(password: str) -> None:
    with pytest.raises(EnvironmentFault, match="CALLSHEET_FLOWER_PASSWORD"):
        flower_environment(password)


def test_it_never_runs_without_a_password(home: Path) -> None:
    with pytest.raises(EnvironmentFault, match="needs a password"):
        run_flower(load_settings(home=home))
