import json
import re
from pathlib import Path

import pytest

from pipeline.delivery import Delivery
from pipeline.errors import ExitCode, InvalidSheet
from pipeline.intake.rules import ClonedFrom, Settings, SystemVoice, read_project
from pipeline.intake.rules.episode import Pauses
from tests.unit.intake.rules.submissions import Submission, cast

REPOSITORY = Path(__file__).parents[4]


def test_a_right_submission_becomes_one_project() -> None:
    project = Submission().project()

    assert (project.production, project.title, project.language) == ("harbour", "harbour", "en")
    assert project.settings == Settings(model="minimax-speech-hd", format="mp3", delivery=Delivery(speed=1.0))
    assert project.budget_micros is None
    assert project.characters["MARA"].voice == ClonedFrom("mara")
    assert project.characters["HERALD"].voice == SystemVoice("English_Announcer")
    assert project.talents["mara"].reference == "references/mara.mp3"
    assert [(line.id, line.character, line.text) for line in project.lines] == [("a1", "MARA", "Hello there.")]
    assert project.files == ("cast.yaml", "lines.csv", "references/mara.mp3")
    assert project.encodings == {"lines.csv": "utf-8"}


def test_problems_of_the_project_file_and_of_every_row_are_told_in_one_pass() -> None:
    wrong = Submission(
        cast__yaml="""\
production: Harbour Nights
titel: x
talents:
  mara: {reference: ../mara.mp3}
characters:
  MARA: {voice: {talent: marra}}
lines: [lines.csv, more.csv, gone.csv, book.xlsx]
""",
        lines__csv="id,character,text\na1,MARA,\na/2,MARA,Hi.\n",
        more__csv="id,speeker,text\nA1,MARA,Hi.\n",
    )
    found = [(p["file"], p["place"]) for p in wrong.problems()]
    assert sorted(found) == sorted(
        [
            ("cast.yaml", "production"),
            ("cast.yaml", "titel"),
            ("cast.yaml", "talents.mara.reference"),
            ("cast.yaml", "characters.MARA.voice.talent"),
            ("cast.yaml", "lines.3"),
            ("cast.yaml", "lines.4"),
            ("lines.csv", "row 2, column text"),
            ("lines.csv", "row 3, column id"),
            ("more.csv", "row 1, column character"),
            ("more.csv", "row 2, column id"),
        ]
    )


def test_the_error_is_json_with_an_exit_code_for_wrong_usage() -> None:
    with pytest.raises(InvalidSheet) as raised:
        Submission(lines__csv="id,character,text\na1,MARRA,Hi.\n").project()
    assert raised.value.exit_code is ExitCode.USAGE
    assert json.loads(json.dumps(raised.value.as_dict()))["problems"] == [
        {
            "file": "lines.csv",
            "place": "row 2, column character",
            "value": "MARRA",
            "message": "this character is not in the project file",
            "allowed": "MARA, HERALD",
            "hint": "did you mean MARA?",
            "line": 2,
        }
    ]


def test_a_character_with_a_problem_of_its_own_is_no_unknown_character() -> None:
    cast = "production: h\ncharacters:\n  MARA: {voice: {}}\nlines: lines.csv\n"
    assert Submission(cast__yaml=cast).problem()["place"] == "characters.MARA.voice"


def test_a_missing_project_file_is_one_problem() -> None:
    problem = Submission().problem("other.yaml")
    assert (problem["file"], problem["message"]) == ("other.yaml", "there is no such file")


def test_an_unreadable_file_is_a_problem_without_a_traceback_or_a_path_of_the_machine() -> None:
    files = Submission()

    def read(path: str) -> bytes:
        if path == "lines.csv":
            raise PermissionError(13, "Permission denied", "/secret/lines.csv")
        return files.read_bytes(path)

    with pytest.raises(InvalidSheet) as raised:
        read_project("cast.yaml", read)
    (problem,) = raised.value.data["problems"]
    assert problem["place"] == "lines"
    assert "Permission denied" in problem["message"]
    assert "secret" not in json.dumps(problem)


def test_files_are_looked_for_beside_the_project_file_and_kept_relative_to_it() -> None:
    files = Submission()
    files.files = {f"games/harbour/{name}": content for name, content in files.files.items()}
    project = files.project("games/harbour/cast.yaml")
    assert project.files == ("cast.yaml", "lines.csv", "references/mara.mp3")
    assert project.lines[0].file == "lines.csv"


def test_missing_references_and_evidence_are_problems_where_somebody_can_look() -> None:
    cast = """\
production: harbour
talents:
  mara: {reference: references/mara.mp3, consent: {evidence: mara.pdf}}
  bram: {reference: references/bram.mp3, consent: {evidence: %s}}
characters:
  MARA: {voice: {talent: mara}}
lines: lines.csv
""" % ("ab" * 32)
    files = Submission(cast__yaml=cast)
    places = [p["place"] for p in files.problems(exists=lambda path: path == "references/bram.mp3")]
    assert places == ["talents.mara.reference", "talents.mara.consent.evidence"]
    assert files.project().files[2:] == ("references/mara.mp3", "references/bram.mp3", "mara.pdf")


def test_own_columns_of_all_sheets_are_kept_in_the_order_in_which_they_stand() -> None:
    files = Submission(
        lines__csv="scene,id,character,text,wwise id\n1,a1,MARA,Hi., 77 \n",
        barks__csv="id,character,text,pool,scene\nb1,MARA,Hey!,street,2\n",
    )
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace("lines.csv", "[lines.csv, barks.csv]")
    project = files.project()
    assert project.columns == ("scene", "wwise id", "pool")
    assert [line.extras for line in project.lines] == [
        {"scene": "1", "wwise id": " 77 "},
        {"pool": "street", "scene": "2"},
    ]


def test_a_line_is_delivered_by_its_own_settings_then_its_characters_then_the_productions() -> None:
    files = cast(
        "speed: 1.2\nformat: wav\nvolume: 2\ncharacters:\n"
        "  MARA: {voice: {talent: mara}, speed: 0.9, model: eleven-v3, format: mp3, pitch: -2, emotion: calm}\n"
        "  BRAM: {voice: {talent: mara}}"
    )
    files.files["lines.csv"] = (
        "id,character,text,speed,emotion,pitch\na1,MARA,Hi.,,,\na2,MARA,Hi.,1.5,Angry,+3\na3,BRAM,Hi.,,,\n"
    )
    project = files.project()
    assert [project.delivery(line) for line in project.lines] == [
        Settings("eleven-v3", "mp3", Delivery(0.9, -2, 2.0, "calm")),
        Settings("eleven-v3", "mp3", Delivery(1.5, 3, 2.0, "angry")),
        Settings("minimax-speech-hd", "wav", Delivery(1.2, volume=2.0)),
    ]


def test_thousands_of_wrong_names_are_all_listed_without_searching_for_each() -> None:
    rows = "".join(f"a{n},NOBODY{n},Hi.\n" for n in range(5000))
    problems = Submission(lines__csv=f"id,character,text\n{rows}").problems()
    assert len(problems) == 5000


def test_the_example_cast_is_right_and_its_extra_column_is_kept() -> None:
    project = read_project(str(REPOSITORY / "examples/cast/cast.yaml"), lambda file: Path(file).read_bytes())
    assert len(project.lines) >= 20
    assert len(project.columns) == 1
    assert {line.character for line in project.lines} == set(project.characters)


def test_the_example_episode_shows_what_a_script_can_say_in_five_minutes() -> None:
    path = REPOSITORY / "examples/episode/small-machines.md"
    project = read_project(str(path), lambda file: Path(file).read_bytes(), lambda file: Path(file).is_file())
    assert project.title == "The Light"
    assert [note.partition(": ")[2].partition(",")[0] for note in project.notes] == ["spoken"]  # the show's address
    assert {line.character for line in project.lines} == {"HOST", "KEEPER", "CAPTAIN"}
    assert {line.extras["chapter"] for line in project.lines} == {"0", "1", "2", "3"}
    assert sum(len(line.text.split()) for line in project.lines) / 150 > 5
    assert [line.extras["pause_after"] for line in project.lines if line.extras["pause_after"]]
    assert any("zhee-ROND" in project.said(line) for line in project.lines)
    assert project.episode is not None
    assert set(project.files[1:]) == set(project.episode.files)


def test_the_example_cast_shows_every_kind_of_voice_and_lines_that_are_made_once() -> None:
    path = REPOSITORY / "examples/cast/cast.yaml"
    project = read_project(str(path), lambda file: Path(file).read_bytes(), lambda file: Path(file).is_file())
    kinds = [type(character.voice).__name__ for character in project.characters.values()]
    assert (kinds.count("ClonedFrom"), kinds.count("SystemVoice"), kinds.count("Designed")) == (6, 1, 1)
    assert len(project.lines) >= 64
    assert len({(line.character, line.text) for line in project.lines}) < len(project.lines)
    assert all(talent.consent and talent.consent.synthetic for talent in project.talents.values())


def test_every_project_file_in_the_documentation_can_be_read() -> None:
    page = (REPOSITORY / "docs/project-file.md").read_text(encoding="utf-8")
    smallest, whole = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (sheet,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)

    assert Submission(cast__yaml=smallest, lines__csv=sheet).project().lines[0].id == "intro_010"

    project = Submission(
        cast__yaml=whole,
        lines__csv="id,character,text\na1,OLD OSWIN,Hi.\n",
        barks__csv="Cue,Who,English\nb1,MARA,Hey!\n",
    ).project()
    assert project.budget_micros == 25_000_000
    assert list(project.characters) == ["MARA", "OLD OSWIN", "HERALD", "GHOST"]
    assert project.episode is not None
    assert project.episode.pauses == Pauses()
    assert project.encodings["barks.csv"] == "cp1252"

    (script,) = re.findall(r"```markdown\n(.*?)```", page, re.DOTALL)
    files = Submission()
    files.files = {"harbour-3.md": script}
    spoken = files.project("harbour-3.md").lines
    assert [line.character for line in spoken] == ["HERALD", "MARA", "MARA"]
