import pytest

from pipeline.intake.rules import yarn
from tests.unit.intake.rules.submissions import Submission, only_sheet, told

HEADER = "language,id,text,file,node,lineNumber,lock,comment\n"
TAGS = "id,file,node,lineNumber,metadata\n"


def table(*rows: str, entry: str = "", header: str = HEADER, tags: str | None = None) -> Submission:
    beside = {} if tags is None else {"strings-metadata__csv": TAGS + tags}
    return only_sheet("strings.csv", header + "\n".join(rows), f", format: yarn{entry}", **beside)


def row(line_id: str, text: str) -> str:
    return f'en,{line_id},"{text}",A.yarn,Start,7,f3a1,watch it'


def test_a_string_table_is_read_with_all_it_holds() -> None:
    project = table(row("line:0a1b", "MARA: Hello there.")).project()
    (line,) = project.lines
    assert (line.id, line.character, line.text, line.direction) == ("0a1b", "MARA", "Hello there.", "")
    assert line.extras == {
        "language": "en", "file": "A.yarn", "node": "Start", "lineNumber": "7", "lock": "f3a1", "comment": "watch it"
    }  # fmt: skip


def test_a_table_that_is_read_as_any_sheet_is_told_to_be_declared() -> None:
    problem = only_sheet("strings.csv", HEADER + row("line:a", "MARA: Hi.")).problems()[0]
    assert "format: yarn" in problem["hint"]


def test_the_line_number_may_be_spelt_either_way() -> None:
    files = table(row("line:a", "MARA: Hi."), header=HEADER.replace("lineNumber", "line_number"))
    assert files.project().lines[0].extras["line_number"] == "7"


def test_the_speaker_comes_from_a_column_then_a_tag_then_the_text() -> None:
    header = HEADER.replace("comment", "character")
    rows = [
        'en,line:1,"HERALD: Hi.",f,n,1,x,MARA',
        'en,line:2,"Listen: now.",f,n,2,x,',
        'en,line:3,"MARA: Hi.",f,n,3,x,',
        'en,line:4,"MARA: Hi.",f,n,4,x,MARA',
    ]
    lines = table(*rows, header=header, tags="line:2,f,n,2,shout #speaker:mara\nline:3,f,n,3,last\n").project().lines
    assert [(line.character, line.text) for line in lines] == [
        ("MARA", "HERALD: Hi."),
        ("MARA", "Listen: now."),
        ("MARA", "Hi."),
        ("MARA", "Hi."),
    ]
    assert [line.extras["metadata"] for line in lines] == ["", "shout #speaker:mara", "last", ""]


def test_the_metadata_of_another_name_is_declared_and_has_to_be_there() -> None:
    entry = ", metadata: tags.csv"
    assert "no such file" in table(row("line:a", "Hi."), entry=entry).problem()["message"]
    files = table(row("line:a", "Hi."), entry=entry)
    files.files["tags.csv"] = f"{TAGS}line:a,f,n,7,speaker:HERALD\n"
    project = files.project()
    assert project.lines[0].character == "HERALD"
    assert project.files == ("cast.yaml", "strings.csv", "tags.csv", "references/mara.mp3")


def test_a_metadata_file_without_its_columns_is_refused() -> None:
    files = table(row("line:a", "MARA: Hi."))
    files.files["strings-metadata.csv"] = "a,b\n1,2\n"
    problem = files.problem()
    assert problem["allowed"] == "id,file,node,lineNumber,metadata"
    assert problem["message"] == "its metadata file: it has the columns a, b"
    files.files["strings-metadata.csv"] = f'{TAGS}line:a,f,n,7,"open\n'
    assert "its metadata file: row 2 cannot be read" in files.problem()["message"]


def test_a_tag_says_a_space_as_an_underscore() -> None:
    files = table(row("line:a", "Hi."), tags="line:a,f,n,7,speaker:Old_Oswin\n")
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace("HERALD:", "OLD OSWIN:")
    assert files.project().lines[0].character == "OLD OSWIN"


def test_two_characters_that_a_cue_cannot_tell_apart_are_named_exactly() -> None:
    files = table(row("line:a", "a b: Hi."))
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace(
        "  HERALD:", "  A_B: {voice: {system: x}}\n  A B: {voice: {system: y}}\n  HERALD:"
    )
    assert "not in the project file" in files.problem()["message"]


def test_every_mistake_is_told_at_once_with_its_row_and_column() -> None:
    files = table(
        row("line:a", "MARRA: Hi."),
        row("b", "MARA: Hi."),
        row("line:a/c", "MARA: Hi."),
        row("line:d", "Nobody says this."),
        row("line:e", "MARA: Hello NEEDS UPDATE"),
        row("line:A", "MARA: Hi."),
        row("line:g", "MARA: ..."),
    )
    assert told(files) == [
        ("row 2, column text (its speaker)", "MARRA"),
        ("row 3, column id", "b"),
        ("row 4, column id", "a/c"),
        ("row 5, column text (its speaker)", ""),
        ("row 6, column text", "Hello NEEDS UPDATE"),
        ("row 7, column id", "A"),
        ("row 8, column text", "..."),
    ]
    problems = files.problems()
    assert problems[1]["message"] == "the id does not begin with line:"
    assert "#speaker:NAME" in problems[3]["allowed"]
    assert "needs_update: skip" in problems[4]["hint"]
    assert "differs only by case from a in row 2 of strings.csv" in problems[5]["message"]


@pytest.mark.parametrize(
    "mark", ["Hi. NEEDS UPDATE", "Hi. (NEEDS UPDATE)", "(NEEDS UPDATE) Hi.", "Hi. [NEEDS UPDATE] "]
)
def test_a_text_marked_needs_update_is_never_voiced(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("line:a", "MARA: Hi."), row("line:b", f"MARA: {mark}"), row("line:c", "MARA: He NEEDS UPDATES.")]
    speakerless = [row("line:a", "MARA: Hi."), row("line:b", mark)]
    assert [place for place, _ in told(table(*rows))] == ["row 3, column text"]
    assert "row 3, column text" in [place for place, _ in told(table(*speakerless))]

    project = table(*rows, entry=", needs_update: skip").project()
    assert [line.id for line in project.lines] == ["a", "c"]
    assert project.notes == ("strings.csv: skipped as NEEDS UPDATE: line:b in row 3",)

    monkeypatch.setattr(yarn, "_OUTDATED", yarn.re.compile("(?!)"))
    assert "NEEDS UPDATE" in table(*rows).project().lines[1].text


@pytest.mark.parametrize(
    "text",
    ["You have {0} coins.", "Hello, {$name}!", 'I have [plural value={0} one="an apple" other="% apples"/].', "{a}"],
)
def test_what_only_the_game_knows_is_never_spoken(text: str) -> None:
    rows = [row("line:a", "MARA: Hi."), row("line:b", f"MARA: {text}".replace('"', '""'))]
    problem = table(*rows).problem()
    assert problem["place"] == "row 3, column text"
    assert "only the game knows" in problem["message"]
    assert "placeholders: skip" in problem["hint"]
    project = table(*rows, entry=", placeholders: skip").project()
    assert [line.id for line in project.lines] == ["a"]
    assert project.notes == ("strings.csv: skipped as holding a placeholder: line:b in row 3",)


def test_markup_is_not_spoken_and_what_was_escaped_is() -> None:
    marked = "MARA: Oh, [wave]hello[/wave] [pause=500/]there[/], [a b=c]friend[/a]! [Sighs]"
    project = table(row("line:a", marked), row("line:b", r"MARA: Press \[A\] or \{B\}.")).project()
    assert [line.text for line in project.lines] == ["Oh, hello there, friend! ", "Press [A] or {B}."]
    assert project.notes == ("strings.csv: the markup in 1 texts is not spoken and was taken out",)


def test_a_table_of_nothing_but_outdated_lines_is_a_problem() -> None:
    problem = table(row("line:a", "MARA: Hi. NEEDS UPDATE"), entry=", needs_update: skip").problem()
    assert problem["message"] == "the sheet has no lines"


def test_columns_are_mapped_as_in_any_sheet() -> None:
    files = table(row("line:a", "MARA: Hi."), entry=", columns: {direction: comment}")
    line = files.project().lines[0]
    assert line.direction == "watch it"
    assert "comment" not in line.extras


@pytest.mark.parametrize(
    ("text", "speaker", "spoken"),
    [
        ("Old Oswin: It is 10:30.", "Old Oswin", "It is 10:30."),
        (r"A\: B: Hi.", "A: B", "Hi."),
        ("See http://a.b", "", "See http://a.b"),
        (" MARA :  Hi.", "MARA", "Hi."),
        ("MARA:", "", "MARA:"),
        (" " * 100_000 + "x", "", " " * 100_000 + "x"),
    ],
)
def test_a_text_names_its_speaker_before_a_colon(text: str, speaker: str, spoken: str) -> None:
    assert yarn._speaker("", "", text) == (speaker, spoken)
