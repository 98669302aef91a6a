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


def scaffold(name: str) -> dict[str, str]:
    """Return the files of a small commented project, by path; raises `UsageError` where the name gives no id.

    What it lacks on purpose is the recording and the consent: nobody but the user can give them.
    """
    production = slugged(name)
    if not production:
        raise UsageError(
            f"'{name}' gives no id for the production", hint="use at least one letter from a-z or one digit"
        )
    title = json.dumps(name.strip(), ensure_ascii=False)
    return {"cast.yaml": _CAST.format(production=production, title=title), "lines.csv": _LINES}
