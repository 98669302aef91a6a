import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
GROUPS = {"run.lock": (), "dev.lock": ("dev",), "bench.lock": ("dev", "bench")}
LOCKS = tuple(GROUPS)
APART = ("qa", "provenance")
"""Extras that neither the demo nor a deployment needs."""
PIN = re.compile(r"^([a-z0-9-]+)==([^ ;]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)

project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
groups: dict[str, list[str]] = project["dependency-groups"]


def text(lock: str) -> str:
    return (ROOT / "requirements" / lock).read_text()


def pins(lock: str) -> dict[str, str]:
    return {name: version for name, version, _marker in PIN.findall(text(lock))}


def asked(lock: str) -> Iterator[Requirement]:
    """What pyproject.toml asks of a lock."""
    names = [*project["project"]["dependencies"], *groups["build"]]
    names += [need for extra in extras if extra not in APART or lock != "run.lock" for need in extras[extra]]
    names += [need for group in GROUPS[lock] for need in groups[group]]
    return map(Requirement, names)


@pytest.mark.parametrize("lock", LOCKS)
def test_each_requirement_is_pinned_within_its_bounds(lock: str) -> None:
    pinned = pins(lock)
    unfit = [str(need) for need in asked(lock) if pinned.get(canonicalize_name(need.name), "") not in need.specifier]
    assert not unfit, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_hashes_and_nothing_names_an_address(lock: str) -> None:
    stanzas = re.split(r"^(?=[a-z0-9-]+==)", text(lock), flags=re.MULTILINE)[1:]
    assert len(stanzas) == len(pins(lock))
    assert all("--hash=sha256:" in stanza for stanza in stanzas)
    assert "://" not in text(lock)
    assert "--find-links" not in text(lock)


def test_the_checks_run_on_the_versions_the_product_runs_on() -> None:
    assert pins("run.lock").items() <= pins("dev.lock").items() <= pins("bench.lock").items()


def test_the_build_backend_is_locked_so_that_an_install_fetches_no_other() -> None:
    backend = [Requirement(need) for need in project["build-system"]["requires"]]
    assert all(pins("run.lock")[need.name] in need.specifier for need in backend)
