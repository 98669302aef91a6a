"""One line in several languages: columns, files and string tables."""

from pathlib import Path

import pytest

from pipeline.intake.rules import Project, read_project, translations
from pipeline.intake.rules.languages import Languages, language_of, plain_id
from pipeline.intake.rules.problems import Refusal
from tests.unit.intake.rules.submissions import CAST, Submission, cast, told

REPOSITORY = Path(__file__).parents[4]
LISTED = "language: en\nlanguages: [en, de, pt-BR]\n"
YARN = "language,id,text,file,node,lineNumber,lock,comment\n"


def several(entry: str = "lines.csv", **files: str) -> Submission:
    """A submission in three languages; its sheets are those that the entry names."""
    made = cast(f"{LISTED}lines: {entry}")
    made.files |= {name.replace("__", "."): content for name, content in files.items()}
    return made


def texts(project: Project) -> dict[str, tuple[str, str]]:
    return {line.id: (line.character, line.text) for line in project.lines}


@pytest.mark.parametrize("header", ["text (de)", "text_de", "Text:DE", "de", "dialogue de", "text [de]"])
def test_a_column_a_language_is_understood_unasked(header: str) -> None:
    files = several(lines__csv=f"id,character,text,{header},pt_br,scene\na1,MARA,Hello.,Hallo.,Oi.,one\n")
    project = files.project()
    assert texts(project) == {"a1": ("MARA", "Hello."), "a1@de": ("MARA", "Hallo."), "a1@pt-BR": ("MARA", "Oi.")}
    assert project.columns == ("scene",)
    assert {line.extras["scene"] for line in project.lines} == {"one"}


@pytest.mark.parametrize("header", ["text (fr)", "text:fr", "Dialogue [fr-CA]"])
def test_a_column_in_a_language_that_is_not_listed_is_a_problem(header: str) -> None:
    problem = several(lines__csv=f"id,character,text,{header}\na1,MARA,Hello.,Salut.\n").problem()
    assert (problem["place"], problem["allowed"]) == (f"row 1, column {header}", "en, de, pt-BR")


@pytest.mark.parametrize("header", ["text (old)", "text (v2)", "notes (fr)", "fr", "textile"])
def test_a_column_that_may_mean_anything_is_the_sheets_own(header: str) -> None:
    assert several(lines__csv=f"id,character,text,{header}\na1,MARA,Hello.,x\n").project().columns == (header,)


def test_the_first_language_listed_is_the_source_where_none_is_declared() -> None:
    files = cast("languages: [de, en]")
    files.files["lines.csv"] = "id,character,text,en\na1,MARA,Hallo.,Hello.\n"
    project = files.project()
    assert (project.language, project.languages) == ("de", ("de", "en"))
    assert texts(project) == {"a1": ("MARA", "Hallo."), "a1@en": ("MARA", "Hello.")}


def test_columns_are_mapped_by_language_in_the_project_file() -> None:
    entry = "{file: lines.csv, columns: {text: {en: English, de: Deutsch}}}"
    project = several(entry, lines__csv="id,character,English,Deutsch\na1,MARA,Hello.,Hallo.\n").project()
    assert texts(project) == {"a1": ("MARA", "Hello."), "a1@de": ("MARA", "Hallo.")}


def test_without_other_languages_such_columns_are_the_sheets_own() -> None:
    project = Submission(lines__csv="id,character,text,text (de),language\na1,MARA,Hello.,Hallo.,fr\n").project()
    assert texts(project) == {"a1": ("MARA", "Hello.")}
    assert project.columns == ("text (de)", "language")
    assert (project.languages, dict(project.missing)) == (("en",), {})


@pytest.mark.parametrize(
    "order", ["[{file: de.csv, language: de}, lines.csv]", "[lines.csv, {file: de.csv, language: de}]"]
)
def test_a_file_of_translations_takes_the_rest_from_the_line_wherever_it_stands(order: str) -> None:
    source = "id,character,text,direction,speed,scene\na1,MARA,Hello.,soft,0.9,one\na2,HERALD,Hear!,,,two\n"
    files = several(order, lines__csv=source, de__csv="id,text,speed,scene\na1,Hallo.,1.2,\na2,,,\n")
    project = files.project()
    german = next(line for line in project.lines if line.id == "a1@de")
    assert (german.character, german.text, german.direction, german.speed) == ("MARA", "Hallo.", "soft", 1.2)
    assert (german.extras["scene"], german.file, german.row) == ("one", "de.csv", 2)
    assert list(project.missing["de"]) == ["a2"], "a translation that is empty is only missing"
    assert list(project.missing["pt-BR"]) == ["a1", "a2"]
    assert {language: set(roles) for language, roles in project.translated.items()} == {"de": {"MARA"}}


def test_rows_may_say_their_language_and_a_region_counts_as_what_is_listed() -> None:
    sheet = "language,id,character,text\nde,a1,,Hallo.\nen-US,a1,MARA,Hello.\n,a2,HERALD,Hear!\n"
    assert texts(several(lines__csv=sheet).project()) == {
        "a1": ("MARA", "Hello."),
        "a2": ("HERALD", "Hear!"),
        "a1@de": ("MARA", "Hallo."),
    }


def test_what_is_wrong_with_translations_is_told_with_its_place() -> None:
    files = several(
        "[lines.csv, {file: de.csv, language: de}]",
        lines__csv="language,id,character,text,text (de)\n,intro_1,MARA,Hello.,Hallo.\nfr,intro_1,,Salut.,\n",
        de__csv="id,text,character\nintro_1,Hallo!,\nintro_2,Oh.,\nintro_1x,Ah.,MARRA\n",
    )
    problems = files.problems()
    assert [(one["file"], one["place"], one["value"]) for one in problems] == [
        ("lines.csv", "row 3, column language", "fr"),
        ("de.csv", "row 2, column id", "intro_1"),
        ("de.csv", "row 4, column character", "MARRA"),
        ("de.csv", "row 3, column id", "intro_2"),
    ]
    assert problems[0]["allowed"] == "en, de, pt-BR"
    assert "intro_1 has two texts in de: first in row 2 of lines.csv" in problems[1]["message"]
    assert problems[3]["hint"].startswith("did you mean intro_1?")


def test_the_translations_of_a_line_with_a_problem_are_no_problem_of_their_own() -> None:
    files = several(
        "[lines.csv, {file: de.csv, language: de}]",
        lines__csv="id,character,text\na1,NOBODY,Hi.\n",
        de__csv="id,text\na1,Hallo.\n",
    )
    assert told(files) == [("row 2, column character", "NOBODY")]


def test_an_id_has_to_fit_together_with_its_language() -> None:
    line_id = "x" * 197
    files = several(lines__csv=f"id,character,text,de\n{line_id},MARA,Hello.,Hallo.\n")
    assert len(files.project().lines[1].id) == 200
    problem = several(lines__csv=f"id,character,text,pt-BR\n{line_id},MARA,Hello.,Oi.\n").problem()
    assert (problem["place"], problem["allowed"]) == ("row 2, column pt-BR", "at most 200")
    assert "203 characters" in problem["message"]


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("[lines.csv, {file: fr.csv, language: fr}]", "lines.2.language"),
        ("[{file: lines.csv, columns: {text: {fr: French}}}]", "lines.1.columns.text.fr"),
    ],
)
def test_a_language_that_is_not_listed_is_refused_where_it_is_named(entry: str, place: str) -> None:
    files = several(entry, lines__csv="id,character,text,French\na1,MARA,Hi.,Oh\n", fr__csv="id,text\na1,Oh\n")
    found = next(one for one in files.problems() if one["place"] == place)
    assert (found["value"], found["allowed"]) == ("fr", "en, de, pt-BR")


def test_a_character_may_have_another_voice_in_a_language() -> None:
    voices = "{voice: {talent: mara}, voices: {de: {system: Deutsch_Frau}}}"
    files = Submission(cast__yaml=LISTED + CAST.replace("{voice: {talent: mara}}", voices))
    mara = files.project().characters["MARA"]
    assert mara.voice_in("de") != mara.voice == mara.voice_in("en") == mara.voice_in("pt-BR")
    wrong = Submission(cast__yaml=LISTED + CAST.replace("{voice: {talent: mara}}", voices.replace("de:", "fr:")))
    assert told(wrong) == [("characters.MARA.voices.fr", "fr")]
    unknown = voices.replace("system: Deutsch_Frau", "talent: otto")
    assert told(Submission(cast__yaml=LISTED + CAST.replace("{voice: {talent: mara}}", unknown))) == [
        ("characters.MARA.voices.de.talent", "otto")
    ]


def tables(entry: str = "", lock: str = "L2") -> Submission:
    return several(
        f"[{{file: en.csv, format: yarn}}, {{file: de.csv, format: yarn{entry}}}]",
        en__csv=f"{YARN}en,line:a1,Mara: Hello.,f,n,1,L1,\nen,line:a2,Herald: Hear!,f,n,2,L2,\n",
        de__csv=f"{YARN}de,line:a1,Hallo.,f,n,1,L1,\nde,line:a2,Herald: Hört!,f,n,2,{lock},\n",
    )


def test_string_tables_say_their_language_and_leave_the_speaker_to_the_source() -> None:
    assert texts(tables().project()) == {
        "a1": ("MARA", "Hello."),
        "a2": ("HERALD", "Hear!"),
        "a1@de": ("MARA", "Hallo."),
        "a2@de": ("HERALD", "Hört!"),
    }


def test_a_translation_of_an_older_text_is_never_spoken() -> None:
    problem = tables(lock="L0").problem()
    assert (problem["file"], problem["place"], problem["value"]) == ("de.csv", "row 3, column lock", "L0")
    assert "stale" in problem["message"]
    skipped = tables(", needs_update: skip", lock="L0").project()
    assert "a2@de" not in texts(skipped)
    assert list(skipped.missing["de"]) == ["a2"]
    assert skipped.notes == ("de.csv: skipped as stale, because the text they translate has changed: a2@de",)


def test_without_comparing_locks_an_old_translation_would_be_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "_differs", lambda _waiting, _source: False)
    assert "a2@de" in texts(tables(lock="L0").project())


def test_a_key_tells_its_line_and_its_language() -> None:
    assert (plain_id("a1@pt-BR"), language_of("a1@pt-BR", "en")) == ("a1", "pt-BR")
    assert (plain_id("a1"), language_of("a1", "en")) == ("a1", "en")


def test_of_two_listed_languages_the_exact_one_is_meant() -> None:
    known = Languages("pt", ("pt-BR",))
    assert (known.meant("pt-br"), known.meant("pt-PT"), known.meant(" ")) == ("pt-BR", "pt", "pt")
    with pytest.raises(Refusal):
        known.meant("de")


def test_the_example_lacks_one_text_in_each_language() -> None:
    project = read_project(str(REPOSITORY / "examples/languages/cast.yaml"), Path, lambda path: Path(path).is_file())
    assert {language: list(ids) for language, ids in project.missing.items()} == {
        "de": ["lamp_040"],
        "pt-BR": ["lamp_030"],
    }
    said = {line.id: project.said(line) for line in project.lines}
    assert said["lamp_030"] == "Then ZAL-thar was here before us."
    assert said["lamp_030@de"] == "Dann war KSAL-tar vor uns da."
