from datetime import date

import pytest

from pipeline.intake.rules.episode import Episode, Music, Pauses
from tests.unit.intake.rules.submissions import Submission, cast, told

WHOLE = """\
episode:
  show: Harbour Nights
  number: 3
  season: 1
  author: The harbour
  link: https://harbour.example/3
  cover: art/cover.PNG
  narrator: HERALD
  channels: mono
  loudness: -18.5 LUFS
  ceiling: -1.5
  formats: [mp3, opus]
  pauses: {line: 0.2, chapter: 2 s}
  intro: music/in.mp3
  bed: {file: music/bed.ogg, level_db: -20 dB, duck_db: 0, fade: 2s, under: 1}
  explicit: true
  date: 2026-03-31"""


def test_an_episode_says_all_of_it() -> None:
    episode = cast(WHOLE).project().episode
    assert episode == Episode(
        show="Harbour Nights",
        number=3,
        season=1,
        author="The harbour",
        link="https://harbour.example/3",
        cover="art/cover.PNG",
        narrator="HERALD",
        channels=1,
        loudness=-18.5,
        ceiling=-1.5,
        formats=("mp3", "opus"),
        pauses=Pauses(line=0.2, chapter=2.0),
        intro=Music("music/in.mp3", under=2.0),
        bed=Music("music/bed.ogg", -20.0, 0.0, 2.0, 1.0),
        explicit=True,
        date=date(2026, 3, 31),
    )


def test_without_the_key_lines_become_no_episode_and_an_empty_one_has_the_usual_settings() -> None:
    assert Submission().project().episode is None
    assert cast("episode: {}").project().episode == Episode()


@pytest.mark.parametrize(("channels", "target"), [("2", -16.0), ("1", -19.0)])
def test_the_loudness_follows_the_channels_where_none_is_given(channels: str, target: float) -> None:
    episode = cast(f"episode: {{channels: {channels}}}").project().episode
    assert episode is not None
    assert episode.target_lufs == target


def test_music_and_cover_are_files_of_the_project_and_have_to_be_there() -> None:
    files = cast(WHOLE)
    assert files.project().files == (
        "cast.yaml", "lines.csv", "references/mara.mp3", "music/in.mp3", "music/bed.ogg", "art/cover.PNG",
    )  # fmt: skip
    problems = files.problems(exists=lambda path: path == "references/mara.mp3")
    assert [problem["place"] for problem in problems] == ["episode.intro", "episode.bed", "episode.cover"]


def test_music_of_the_bucket_is_named_and_is_no_file_of_the_project() -> None:
    files = cast("episode: {intro: 'bucket:theme', bed: {file: 'bucket: rain_2', level_db: -20}, cover: a.png}")
    project = files.project()
    assert project.episode is not None
    assert {role: music.shared for role, music in project.episode.music.items()} == {"intro": "theme", "bed": "rain_2"}
    assert project.episode.files == ("a.png",)
    places = [problem["place"] for problem in files.problems(exists=lambda path: path == "references/mara.mp3")]
    assert places == ["episode.cover"]


@pytest.mark.parametrize("name", ["bucket:", "bucket:Theme", "bucket:a/b", "bucket:theme.mp3", "bucket:../x"])
def test_what_is_no_name_of_music_is_refused(name: str) -> None:
    (problem,) = cast(f"episode: {{sting: {name!r}}}").problems()
    assert (problem["value"], "callsheet music" in problem["hint"]) == (name, True)


def test_every_mistake_is_told_at_once() -> None:
    wrong = """\
episode:
  shwo: x
  number: one
  link: harbour.example
  cover: cover.gif
  narrator: HERLAD
  channels: 3
  loudness: -50
  ceiling: 1
  formats: [mp3, mp4]
  pauses: {line: -1, chapter: 61}
  intro: ../in.mp3
  bed: {file: bed.mid}
  sting: {level_db: 0}
  explicit: maybe
  date: 31.3.2026"""
    problems = cast(wrong).problems()
    assert [problem["place"] for problem in problems] == [
        "episode.shwo", "episode.number", "episode.link", "episode.cover", "episode.narrator", "episode.channels",
        "episode.loudness", "episode.ceiling", "episode.formats.2", "episode.pauses.line", "episode.pauses.chapter",
        "episode.intro", "episode.bed.file", "episode.sting.file", "episode.explicit", "episode.date",
    ]  # fmt: skip
    hints = {problem["place"]: problem["hint"] for problem in problems}
    assert (hints["episode.shwo"], hints["episode.narrator"]) == ("did you mean show?", "did you mean HERALD?")
    assert told(cast("episode: 3")) == [("episode", "3")]


def test_normalised_numbers_are_sent_in_words_and_only_where_they_are_english() -> None:
    line = "id,character,text\na1,MARA,Dr. Ames of Xal paid $5.\n"
    plain, read, german = (
        cast(f"lexicon: {{Xal: Shal 2}}\n{key}") for key in ("", "normalise: true", "normalise: true\nlanguage: de")
    )
    for files in (plain, read, german):
        files.files["lines.csv"] = line
    sent = [(project := files.project()).said(project.lines[0]) for files in (plain, read, german)]
    assert sent == [
        "Dr. Ames of Shal 2 paid $5.",
        "doctor Ames of Shal 2 paid five dollars.",
        "Dr. Ames of Shal 2 paid $5.",
    ]


@pytest.mark.parametrize(
    "column",
    [
        "[[0, 5, 'Hello', 'x']]",
        '[[0, 99, "Hello there.", "x"]]',
        '[[0, 5, "Hullo", "x"]]',
        '[[5, 0, "", "x"]]',
        '[["a", 5, "Hello", "x"]]',
        "{}",
        "note",
    ],
)
def test_a_column_of_ones_own_that_only_looks_alike_changes_nothing(column: str) -> None:
    quoted = column.replace('"', '""')
    project = Submission(lines__csv=f'id,character,text,say_here\na1,MARA,Hello there.,"{quoted}"\n').project()
    assert project.said(project.lines[0]) == "Hello there."
