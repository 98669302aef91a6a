"""Lines become pieces of an episode in the order of the script, with chapters, paragraphs and pauses."""

from pathlib import Path

import pytest

from pipeline.cli.episode.pieces import chapter_named, lines_in, pieces
from pipeline.errors import UsageError
from pipeline.intake.rules import Project, read_project
from pipeline.packs.rules.episode.timeline import Piece

HEAD = "production: talk\ncharacters:\n  ADA: {name: Ada, voice: {system: English_Presenter}}\n"


def project(tmp_path: Path, sheet: str, name: str = "lines.csv", more: str = "") -> Project:
    (tmp_path / "cast.yaml").write_text(f"{HEAD}lines: {name}\n{more}")
    (tmp_path / name).write_text(sheet)
    return read_project("cast.yaml", lambda path: tmp_path / path)


def of(tmp_path: Path, sheet: str, name: str = "lines.csv") -> list[Piece]:
    found = project(tmp_path, sheet, name)
    return pieces(found, found.lines)


def test_a_sheet_without_chapters_has_one_where_its_scene_changes(tmp_path: Path) -> None:
    found = of(
        tmp_path, "id,character,text,scene\na,ADA,One.,Ice\nb,ADA,Two.,Ice\nc,ADA,Three.,Thaw\nd,ADA,Four.,Ice\n"
    )
    assert [(one.line_id, one.chapter, one.chapter_title, one.paragraph) for one in found] == [
        ("a", 1, "Ice", 1),
        ("b", 1, "Ice", 2),
        ("c", 2, "Thaw", 3),
        ("d", 3, "Ice", 4),
    ]
    assert {one.speaker for one in found} == {"Ada"}


def test_a_script_says_itself_where_chapters_and_pauses_are(tmp_path: Path) -> None:
    found = of(tmp_path, "## Ice\n\nADA: One. [pause 2s] Two.\n\n## Ice\n\nADA: Three.\n", "script.md")
    assert [(one.text, one.chapter, one.paragraph, one.pause_after) for one in found] == [
        ("One.", 1, 1, 2.0),
        ("Two.", 1, 1, None),
        ("Three.", 2, 2, None),
    ]


def test_chapters_are_numbered_as_players_list_them(tmp_path: Path) -> None:
    found = of(tmp_path, "ADA: Zero.\n\n## Ice\n\n## Sleet\n\nADA: One.\n\n## Thaw\n\nADA: Two.\n", "script.md")
    assert [(one.chapter, one.chapter_title) for one in found] == [(1, ""), (2, "Sleet"), (3, "Thaw")]
    assert {one.chapter for one in of(tmp_path, "ADA: One.\n\nADA: Two.\n", "plain.md")} == {0}


def test_a_chapter_is_meant_by_its_number_or_a_part_of_its_title() -> None:
    said = [Piece("a", "ADA", "Ada", "One.", number, title) for number, title in ((1, "The ice"), (2, "The thaw"))]
    assert (chapter_named(said, "2"), chapter_named(said, "ICE")) == (2, 1)
    with pytest.raises(UsageError, match="2 chapters could be meant by 'the'") as refused:
        chapter_named(said, "the")
    assert "1 The ice, 2 The thaw" in refused.value.hint
    with pytest.raises(UsageError, match="no chapter '3'"):
        chapter_named(said, "3")


def test_only_the_lines_of_one_language_are_an_episode(tmp_path: Path) -> None:
    sheet = "id,character,text,text (de)\na,ADA,One.,Eins.\nb,ADA,Two.,Zwei.\n"
    found = project(tmp_path, sheet, more="languages: [en, de]\n")
    assert [line.text for line in lines_in(found, "de")] == ["Eins.", "Zwei."]
    assert [line.text for line in lines_in(found, "en")] == ["One.", "Two."]
    with pytest.raises(UsageError, match="no line in fr") as refused:
        lines_in(found, "fr")
    assert "en, de" in refused.value.hint
