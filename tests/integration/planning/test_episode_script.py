"""An episode's script through plan and apply: what is sent, what the rows keep, what a change costs."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.intake.models import Line
from pipeline.intake.rules import Project, read_project
from pipeline.planning.rules import Reason
from pipeline.planning.service import Submission
from tests.integration.planning.plans import apply, plan, reasons
from tests.support.databases import on_sqlite
from tests.support.fakes import CAPABILITIES
from tests.support.stage import Stage

SCRIPT = """\
---
production: lamp
model: stage-hd
format: wav
characters:
  HOST: {voice: {system: English_Narrator}}
  GUEST: {voice: {system: English_Captain}}
episode: {narrator: HOST}
---
# The Light

We go to [Ayr](say:air). [pause 1.5s] It is late.

## The stairs

GUEST: Mind the step.
"""


def read(script: str = SCRIPT) -> Submission:
    return Submission(read_project("lamp.md", lambda _: script.encode()), {})


def speak(stage: Stage, owner: str, script: str = SCRIPT) -> list[str]:
    """Apply, and return what was sent for it."""
    before = list(stage.provider.spoken)
    apply(stage, owner, read(script))
    stage.settle_down(4)
    return list(stage.provider.spoken)[len(before) :]


def kept(stage: Stage) -> Mapping[str, Mapping[str, str]]:
    with stage.database.read() as session:
        return {line.text: line.extras for line in session.scalars(select(Line).where(Line.position >= 0))}


def test_pauses_are_never_sent_and_the_rows_keep_all_that_an_episode_is_made_of(stage: Stage, owner: str) -> None:
    assert sorted(speak(stage, owner)) == ["It is late.", "Mind the step.", "We go to air."]
    rows = kept(stage)
    assert [(text, row["chapter"], row["paragraph"], row["pause_after"]) for text, row in rows.items()] == [
        ("We go to Ayr.", "0", "1", "1.5"),
        ("It is late.", "0", "1", ""),
        ("Mind the step.", "1", "2", ""),
    ]


@on_sqlite
def test_a_changed_pronunciation_speaks_its_line_again_and_no_other(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    changed = SCRIPT.replace("say:air", "say:eh-er")
    planned = plan(stage, owner, read(changed))
    assert [reason for reason in reasons(planned).values() if reason is not Reason.REUSED] == [Reason.LEXICON]
    assert speak(stage, owner, changed) == ["We go to eh-er."]


@on_sqlite
def test_a_script_whose_pronunciations_are_not_looked_at_would_not_be_spoken_again(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "sayings", lambda *_, **__: iter(()))
    assert "We go to Ayr." in speak(stage, owner)
    assert plan(stage, owner, read(SCRIPT.replace("say:air", "say:eh-er"))).price == 0


@on_sqlite
def test_a_longer_pause_and_a_renamed_chapter_speak_nothing(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    changed = SCRIPT.replace("1.5s", "3s").replace("The stairs", "The steps")
    assert plan(stage, owner, read(changed)).price == 0
    assert speak(stage, owner, changed) == []
    rows = kept(stage)
    assert rows["We go to Ayr."]["pause_after"] == "3"
    assert rows["Mind the step."]["scene"] == "The steps"


@on_sqlite
def test_a_changed_sentence_speaks_one_line(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    assert speak(stage, owner, SCRIPT.replace("It is late.", "It is early.")) == ["It is early."]


@on_sqlite
def test_normalised_text_is_what_is_sent(stage: Stage, owner: str) -> None:
    script = SCRIPT.replace("Mind the step", "Mind step 212")
    assert "Mind step 212." in speak(stage, owner, script)
    read_out = script.replace("characters:", "normalise: true\ncharacters:")
    assert speak(stage, owner, read_out) == ["Mind step two hundred twelve."]


@on_sqlite
def test_a_paragraph_of_ten_thousand_characters_is_spoken_in_parts_that_end_sentences(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(CAPABILITIES, max_chars=3_000)
    monkeypatch.setattr(stage.provider, "abilities", limits)
    sentence = "Nobody on the quay said a single word. "
    sent = speak(stage, owner, SCRIPT.replace("It is late.", (sentence * 260).strip()))
    parts = [text for text in sent if text.startswith("Nobody")]
    assert len(parts) == 4
    assert all(len(text) <= limits.max_chars and text.endswith("word.") for text in parts)
    assert sum(map(len, parts)) == len(sentence) * 260 - len(parts) > 10_000
