from pathlib import Path

import pytest

from pipeline.cli.commands.project import init
from pipeline.cli.submission import LocalProject
from pipeline.errors import EnvironmentFault, InvalidSheet, UsageError

BODY = b"a recording"
ODD = (
    "a b.mp3",
    "a-b.wav",
    "a_b.MP3",
    "123.wav",
    "1e5.wav",
    "null.m4a",
    "日本.wav",
    "💥.wav",
    'quote".mp3',
    "it's.mp3",
    "a: b #c.mp3",
    "new\nline.mp3",
    "bell\x07.mp3",
    "[red].mp3",
    "{x}.mp3",
    ".hidden.mp3",
    "   .mp3",
    "\N{REPLACEMENT CHARACTER}.mp3",
    b"\xff\xfe.mp3".decode("utf-8", "surrogateescape"),
    "x" * 240 + ".mp3",
    "con.mp3",
)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(BODY + name.encode(errors="surrogateescape"))


def test_a_new_project_can_be_checked_as_soon_as_its_recording_is_there(tmp_path: Path) -> None:
    init(tmp_path / "Harbour Nights")
    with pytest.raises(InvalidSheet) as raised:
        LocalProject.read(tmp_path / "Harbour Nights")
    assert [problem["place"] for problem in raised.value.data["problems"]] == ["talents.mara.reference"]
    (tmp_path / "Harbour Nights" / "references").mkdir()
    put(tmp_path / "Harbour Nights" / "references", "mara.mp3")
    assert LocalProject.read(tmp_path / "Harbour Nights").project.production == "harbour-nights"


@pytest.mark.parametrize("there", ["cast.yaml", "lines.csv"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=f"already holds {there}"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_recording_that_is_there_already_is_not_overwritten(tmp_path: Path, recordings: Path) -> None:
    put(recordings, "mara.mp3")
    target = tmp_path / "game" / "references" / "mara_01.mp3"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="mara_01"):
        init(tmp_path / "game", recordings)
    assert target.read_bytes() == b"mine"
    assert not (tmp_path / "game" / "cast.yaml").exists()


def test_each_recording_becomes_a_character_whatever_its_name(tmp_path: Path, recordings: Path) -> None:
    put(recordings, *ODD, "notes.txt", "cover.jpg")
    (recordings / "folder.mp3").mkdir()
    init(tmp_path / "game", recordings, "Ann O'Hara")
    local = LocalProject.read(tmp_path / "game")
    assert len(local.project.characters) == len(ODD)
    contents = {(local.folder / talent.reference).read_bytes() for talent in local.project.talents.values()}
    assert contents == {path.read_bytes() for path in recordings.iterdir() if path.name in ODD}
    assert len(local.project.lines) == 4 * len(ODD)


def test_names_that_are_the_same_once_normalised_stay_apart(tmp_path: Path, recordings: Path) -> None:
    put(recordings, "A B.mp3", "a-b.mp3", "a_b.mp3")
    init(tmp_path / "game", recordings)
    assert list(LocalProject.read(tmp_path / "game").project.characters) == ["A_B_01", "A_B_02", "A_B_03"]


def test_without_a_word_about_consent_it_is_left_to_be_filled_in(tmp_path: Path, recordings: Path) -> None:
    put(recordings, "mara.mp3")
    init(tmp_path / "game", recordings)
    (talent,) = LocalProject.read(tmp_path / "game").project.talents.values()
    assert talent.consent is None
    assert "# consent" in (tmp_path / "game" / "cast.yaml").read_text()


@pytest.mark.parametrize("who", ['Ann "Q" O\'Hara', "Größe 💥", "yes", "1: #2", "{a: b}"])
def test_who_allows_it_stands_in_the_project_as_it_was_given(tmp_path: Path, recordings: Path, who: str) -> None:
    put(recordings, "mara.mp3")
    init(tmp_path / "game", recordings, who)
    (talent,) = LocalProject.read(tmp_path / "game").project.talents.values()
    assert talent.consent
    assert talent.consent.granted_by == who


@pytest.mark.parametrize("who", ["", "  ", "a\nb", "bell\x07", "x" * 201])
def test_a_consent_that_names_nobody_writes_nothing(tmp_path: Path, recordings: Path, who: str) -> None:
    put(recordings, "mara.mp3")
    with pytest.raises(UsageError, match="--consent"):
        init(tmp_path / "game", recordings, who)
    assert not (tmp_path / "game").exists()


def test_a_folder_without_recordings_is_named(tmp_path: Path, recordings: Path) -> None:
    put(recordings, "notes.txt")
    for folder in (recordings, tmp_path / "missing"):
        with pytest.raises(UsageError, match="holds no recording"):
            init(tmp_path / "game", folder)
    assert not (tmp_path / "game").exists()


@pytest.mark.parametrize("name", ["x" * 200, "Über 💥", "日本", 'a "b"', "-x-"])
def test_the_name_of_the_folder_may_be_anything(tmp_path: Path, recordings: Path, name: str) -> None:
    put(recordings, "mara.mp3")
    init(tmp_path / name, recordings)
    assert LocalProject.read(tmp_path / name).project.title == name


def test_a_place_where_no_folder_can_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EnvironmentFault, match="file"):
        init(tmp_path / "file" / "game")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_recording_that_cannot_be_read_leaves_no_project(tmp_path: Path, recordings: Path) -> None:
    put(recordings, "mara.mp3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.copyfile", _refuse)
        with pytest.raises(EnvironmentFault, match="Permission denied"):
            init(tmp_path / "game", recordings)
    assert not (tmp_path / "game" / "cast.yaml").exists()
    assert not list((tmp_path / "game" / "references").iterdir())


def _refuse(source: Path, _target: Path) -> None:
    raise PermissionError(13, "Permission denied", str(source))


def test_a_folder_with_two_project_files_asks_which(tmp_path: Path) -> None:
    for name in ("cast.yaml", "episode.yaml"):
        (tmp_path / name).write_text("production: x\n")
    with pytest.raises(UsageError, match=r"holds cast.yaml and episode.yaml"):
        LocalProject.read(tmp_path)
    with pytest.raises(UsageError, match="no project file"):
        LocalProject.read(tmp_path / "missing")
