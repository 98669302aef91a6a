"""What every test may ask for."""

import gc
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest

import pytest
from _pytest.nodeid import NodeId

from pipeline.db.engine import Database
from tests.support.databases import SERVER_URL, Maker, PostgresqlMaker, SqliteMaker, postgresql_maker

SHARED = {"stack", "weed", "natural"}
"""Fixtures of the whole session that take seconds to start and memory to run, or from which others are made long."""
MOST_PROCESSES = 4
"""Each may run a whole stack: about a gigabyte."""
SELDOM = (20_000, 20, 100)
"""How much is made before Python looks for what is of no use: 7,000 collected tests are a lot to look through."""
WAITING = "tests/acceptance/"
"""Where tests wait most of their time for whole stacks."""

gc.set_threshold(*SELDOM)


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: much of all tests' time is spent waiting for other processes.

    On two cores three processes take as long as four, and six a fifth longer.
    """
    return min((os.cpu_count() or 1) + 2, MOST_PROCESSES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say which tests stay together where several processes share them, and which groups come first."""
    if not config.getoption("loadgroup", default=False):
        return
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[_group(item)].append(item)
    for name, members in groups.items():
        for item in members:
            # pytest-xdist 3.8 writes the group where pytest 9.2 no longer looks for a test's id.
            item._id = NodeId.parse(f"{item.nodeid}@{name}")
    items[:] = [item for members in _in_order(groups.values()) for item in members]


def _in_order(groups: Iterable[list[pytest.Item]]) -> Iterator[list[pytest.Item]]:
    """Yield the long groups first, those that wait in turn with those that compute: neither cores nor time lie idle."""
    waiting, computing, short = [], [], []
    for group in groups:
        computes = any(item.get_closest_marker("computes") for item in group)
        kind = waiting if WAITING in group[0].nodeid else computing if computes else short
        kind.append(group)
    for pair in zip_longest(waiting, computing):
        yield from filter(None, pair)
    yield from short


def _group(item: pytest.Item) -> str:
    if marker := item.get_closest_marker("xdist_group"):
        return str(marker.args[0])
    if item.get_closest_marker("apart"):
        return item.nodeid
    fixtures = item._fixtureinfo.name2fixturedefs
    shared = [name for name in SHARED & fixtures.keys() if fixtures[name][-1].scope == "session"]
    return shared[0] if shared else item.nodeid.partition("::")[0]


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the settings of whoever runs the tests nor a stack that runs in the checkout reach them."""
    for name in [
        name for name in os.environ if name.startswith(("CALLSHEET_", "KYMA_", "MINIMAX_")) and name != SERVER_URL
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CALLSHEET_HOME", str(tmp_path_factory.getbasetemp() / "no-stack"))


@pytest.fixture(scope="session")
def sqlite_maker(tmp_path_factory: pytest.TempPathFactory) -> SqliteMaker:
    return SqliteMaker(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlMaker]:
    with postgresql_maker() as maker:
        yield maker


@pytest.fixture(params=["sqlite", "postgresql"])
def maker(request: pytest.FixtureRequest) -> Maker:
    named: Maker = request.getfixturevalue("sqlite_maker" if request.param == "sqlite" else "postgresql_server")
    return named


@pytest.fixture
def database(maker: Maker) -> Iterator[Database]:
    """A fresh database of each kind."""
    with maker.fresh() as fresh:
        yield fresh


@pytest.fixture
def sqlite_database(sqlite_maker: SqliteMaker) -> Iterator[Database]:
    """For what is about SQLite alone, or about no database in particular."""
    with sqlite_maker.fresh() as fresh:
        yield fresh
