"""A first project for someone who has none."""

import json

from pipeline.errors import UsageError
from pipeline.intake.rules.names import slugged

_CAST = """\
# Who speaks, from which voice, and which sheet holds the lines.
# Every key is described in docs/project-file.md. `callsheet check` reads all of it and spends nothing.

production: {production}
title: {title}
language: en
budget: "$10"            # `apply` stops before it would spend more

talents:
  mara:
    name: Mara Quill     # the person whose voice it is
    reference: references/mara.mp3   # put a recording here: 10 seconds to 5 minutes of clean speech
    # A voice is cloned only with its owner's permission. Fill this in with the person and remove the "#".
    # consent:
    #   granted_by: Mara Quill
    #   granted_on: 2026-01-31
    #   statement: I allow my voice to be cloned and used in this production.
    #   scope:
    #     productions: [{production}]
    #   expires_on: 2027-01-31

characters:
  MARA:
    voice: {{talent: mara}}
  NARRATOR:
    voice: {{system: English_Narrator}}   # one of the provider's own voices: `callsheet voices --system` lists them

lines: lines.csv
"""

_LINES = """\
id,character,text,direction
intro_010,NARRATOR,The harbour is quiet tonight.,calm and close
intro_020,MARA,Quiet is what worries me.,under her breath
intro_030,MARA,Get the lamp. Somebody is down there.,urgent
"""


_EPISODE = """\
---
# What stands between these two lines says who speaks and what becomes of it; the script follows below.
# Every key is described in docs/project-file.md. `callsheet check` reads all of it and spends nothing.

production: {production}
language: en
budget: "$10"            # `apply` stops before it would spend more

characters:
  HOST:
    voice: {{system: English_Narrator}}   # one of the provider's own voices: `callsheet voices --system` lists them
  GUEST:
    voice:               # made from a description
      design: A calm voice of middle age, close to the microphone, amused by most things.

episode:
  show: {title}
  number: 1
  narrator: HOST         # speaks every paragraph that no SPEAKER: begins
  # intro: music/intro.mp3   # a file beside this one; likewise outro, bed (under the talk) and sting (between chapters)
  # cover: cover.jpg
---

# The first episode

Welcome. This paragraph has no speaker, so the narrator reads it.

## A chapter

GUEST: I am glad to be here. [pause 0.8s] It is a long way up.

HOST: Two hundred and twelve steps, past the village of [Ayr](say:air).

## Another chapter

GUEST (laughing): Nobody counts them on the way down.
"""


def episode_scaffold(name: str) -> dict[str, str]:
    """Return a small commented episode, by path: one script; raises `UsageError` where the name gives no id."""
    return {"episode.md": _filled(_EPISODE, name)}


def scaffold(name: str) -> dict[str, str]:
    """Return the files of a small commented project, by path; raises `UsageError` where the name gives no id.

    What it lacks on purpose is the recording and the consent: nobody but the user can give them.
    """
    return {"cast.yaml": _filled(_CAST, name), "lines.csv": _LINES}


def _filled(file: str, name: str) -> str:
    production = slugged(name)
    if not production:
        raise UsageError(
            f"'{name}' gives no id for the production", hint="use at least one letter from a-z or one digit"
        )
    return file.format(production=production, title=json.dumps(name.strip(), ensure_ascii=False))
