"""What holds of any lines: their format tells nothing of them, and what is sent is what is said."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.intake.rules import Project, marked, spoken_text
from pipeline.intake.rules import project as project_rules
from tests.unit.intake.rules.submissions import Submission, cast, only_sheet
from tests.unit.intake.rules.workbooks import submitted, workbook

COLUMNS = ("id", "character", "text", "direction", "scene")
EPISODE = (
    "episode: {narrator: HERALD}\nlexicon: {Xalthar: ZAL-thar, Saint John: Sinjin}\nnormalise: %s\nlines: scene.md\n"
)
Row = Mapping[str, str]

few = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
letters = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufffd\ufeff\ufffe\uffff"
)
# Ends of cells are for each format to keep or not; nothing of a line is told by its white space.
words = st.text(letters, max_size=12).map(lambda text: " ".join(text.split()))
texts = words.map(lambda text: f"a{text}z").filter(lambda text: not marked.has_marks(text))
extras = words.filter(lambda text: not text.startswith(("'", "=", "+", "-", "@")) and not marked.has_marks(text))
rows = st.lists(st.tuples(st.sampled_from(("MARA", "HERALD")), texts, extras, extras), min_size=1, max_size=5).map(
    lambda told: [dict(zip(COLUMNS, (f"a_{n}", *cells), strict=True)) for n, cells in enumerate(told)]
)


def _as_csv(lines: Sequence[Row]) -> Submission:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(lines)
    return only_sheet("lines.csv", file.getvalue())


def _as_json_lines(lines: Sequence[Row]) -> Submission:
    return only_sheet("lines.jsonl", "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines))


def _as_yaml(lines: Sequence[Row]) -> Submission:
    return only_sheet("lines.yaml", json.dumps(lines, ensure_ascii=False))


def _as_workbook(lines: Sequence[Row]) -> Submission:
    return submitted(workbook({"Lines": [COLUMNS, *(list(line.values()) for line in lines)]}))


def _told(files: Submission) -> list[tuple[str, ...]]:
    return [
        (line.id, line.character, line.text, line.direction, line.extras["scene"]) for line in files.project().lines
    ]


@pytest.mark.parametrize("write", [_as_csv, _as_json_lines, _as_yaml, _as_workbook])
@few
@given(lines=rows)
def test_the_same_lines_are_read_from_every_format(
    write: Callable[[Sequence[Row]], Submission], lines: list[Row]
) -> None:
    assert _told(write(lines)) == [tuple(line.values()) for line in lines]


plain = st.sampled_from(
    (
        "The light is out",
        "Xalthar",
        "In 1923",
        "$5",
        "Saint John",
        "été",
        "שלום",
        "राम",
        "e\u0302",
        "no. 7",
        "👩\u200d🚀",
    )
)
pieces = st.one_of(
    plain,
    plain.map(lambda text: f"*{text}*"),
    plain.map(lambda text: f"**{text}**"),
    plain.map(lambda text: f"[{text}](say:say so)"),
    plain.map(lambda text: f"[{text}](https://harbour.example)"),
    st.sampled_from(
        ("[pause]", "[pause 1.5s]", "[pause 800ms]", "`six`", "[^1]", "\\[pause\\]", "(beat)", "<b>", "—", "...")
    ),
)
paragraphs = st.builds(
    lambda speaker, told: f"{speaker}: So. {' '.join(told)}\n",
    st.sampled_from(("MARA", "HERALD", "**MARA**", "MARA (low)")),
    st.lists(pieces, max_size=6),
)
scripts = st.lists(paragraphs, min_size=1, max_size=5)


def _episode(script: Sequence[str], *, normalise: bool) -> Project:
    files = cast(EPISODE % str(normalise).lower())
    files.files["scene.md"] = "\n".join(script)
    return files.project()


@pytest.mark.parametrize("normalise", [False, True])
@few
@given(script=scripts)
def test_no_mark_of_a_script_is_ever_sent_and_saying_it_again_changes_nothing(
    normalise: bool,  # noqa: FBT001 - a parameter of the test
    script: list[str],
) -> None:
    project = _episode(script, normalise=normalise)
    shown = "[pause]" if r"\[pause" in "".join(script) else ""
    for line in project.lines:
        said = project.said(line)
        assert not marked.has_marks(said + line.text)
        assert not any(mark in said.replace(shown, "") for mark in ("say:", "http", "[pause"))
        assert said == spoken_text(said) == project.said(line) != ""


@few
@given(scripts, st.randoms(use_true_random=False))
def test_lines_that_are_moved_within_their_scene_keep_their_ids(script: list[str], chance: object) -> None:
    assume(len(set(script)) == len(script))
    moved = script.copy()
    chance.shuffle(moved)  # type: ignore[attr-defined] # a random.Random that can be replayed
    before, after = ({line.id: line.text for line in _episode(told, normalise=False).lines} for told in (script, moved))
    assert before == after


def test_control_a_word_that_is_put_in_as_it_stands_is_not_sent_in_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_rules, "spoken_text", lambda text: text)
    project = _episode(["MARA: e\u0302  so."], normalise=False)
    said = project.said(project.lines[0])
    assert said != spoken_text(said)
