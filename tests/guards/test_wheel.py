"""What is published holds the two packages and nothing else of the repository."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    target = tmp_path_factory.mktemp("wheel")
    builder = wheel.WheelBuilder(str(ROOT))
    built = next(iter(builder.build(directory=str(target), versions=["standard"])))
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_the_wheel_holds_exactly_two_packages(names: list[str]) -> None:
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"pipeline", "workers"}


def test_the_wheel_holds_the_migrations_and_the_type_marker(names: list[str]) -> None:
    versions = {f"pipeline/migrations/versions/{p.name}" for p in (ROOT / "pipeline/migrations/versions").glob("*.py")}
    assert versions
    assert versions | {"pipeline/migrations/env.py", "pipeline/py.typed", "workers/py.typed"} <= set(names)
