import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline.errors import ExitCode
from pipeline.flow import FLOW
from pipeline.settings import PREFIX, Settings
from workers.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "deploy" / "README.md", *sorted(DOCS.rglob("*.md"))]
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z0-9_]+\b")
READ_BY_PARTS = {"CALLSHEET_READY_FILE", "CALLSHEET_SANDBOX_KEYS"}
LINK = re.compile(r"\]\((?!https?:|say:|#)([^)#]+)")

commands: dict[str, object] = getattr(get_command(app), "commands", {})
generated: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", generated)
def test_a_page_made_from_the_code_is_as_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text() == generated[name], "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in (DOCS / "settings.md").read_text()


@pytest.mark.parametrize("name", commands)
def test_every_command_is_in_the_readme_and_in_the_reference(name: str) -> None:
    assert re.search(rf"callsheet {name}\b", (ROOT / "README.md").read_text())
    assert f"## callsheet {name}\n" in (DOCS / "commands.md").read_text()


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_readme(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \|", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_every_event_and_its_task_are_on_the_page_of_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text()
    missing = [name for pair in FLOW.items() for name in pair if f"`{name}`" not in text]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_settings_commands_and_files_there_are(page: Path) -> None:
    text = page.read_text()
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(VARIABLE.findall(text)) <= settings | READ_BY_PARTS
    named = re.findall(r"`callsheet ([a-z]+)", text) + re.findall(r"^ *(?:\$ )?callsheet ([a-z]+)", text, re.MULTILINE)
    assert set(named) <= set(commands)
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_every_make_target_the_pages_name_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = re.compile(r"(?:`|^ *(?:\$ )?)make ([a-z-]+)", re.MULTILINE)
    named = {name for page in PAGES for name in typed.findall(page.read_text())}
    assert named <= targets


def test_every_decision_is_listed_with_its_title() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    for page in sorted((DOCS / "decisions").glob("0*.md")):
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index
