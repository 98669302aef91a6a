"""Right projects, one for each kind of file that is handed in: what the fuzzer makes wrong."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"
PROJECT, SCRIPT = "cast.yaml", "episode.md"
"""What the project file of a seed is called: it has either."""

_CAST = """\
production: harbour
language: en
characters:
  MARA: {voice: {system: English_Storyteller}}
  OLD OSWIN: {voice: {system: English_Narrator}, speed: 0.9}
lexicon:
  Xalthar: ZAL-thar
"""
_EPISODE = "episode: {narrator: MARA}\n"
_WHOLE = """\
production: harbour
title: Harbour Nights
language: en
languages: [en, de]
model: minimax-speech-hd
format: mp3
speed: 1.0
pitch: -2
volume: 1.0
emotion: calm
budget: "$25"
normalise: true
talents:
  mara:
    name: Mara Quill
    reference: references/mara.mp3
    consent:
      granted_by: Mara Quill
      granted_on: 2026-01-31
      statement: I allow my voice to be cloned.
      evidence: consents/mara.pdf
      scope: {productions: [harbour], languages: [en, de], characters: [MARA]}
      expires_on: 2099-01-31
characters:
  MARA: {voice: {talent: mara}, voices: {de: {system: German_Storyteller}}, notes: Hoarse.}
  HERALD: {voice: {system: English_Announcer}, model: minimax-speech-turbo}
  GHOST: {voice: {design: An old man far away., gender: male, age_group: elderly}}
quality: {check: true, retakes: 2}
lexicon:
  Xalthar: ZAL-thar
  Saint John: {say: Sinjin, languages: [en], characters: [MARA]}
  US: {say: U. S., exact: true}
  Ewe: [yoo, {say: Ee-way, characters: [HERALD]}]
episode:
  show: Harbour Nights
  number: 3
  season: 1
  description: The ferry does not come.
  author: The harbour
  link: https://harbour.example/3
  cover: art/cover.jpg
  narrator: HERALD
  channels: stereo
  loudness: -16 LUFS
  ceiling: -1 dBTP
  formats: [mp3, m4b]
  pauses: {line: 0.35, paragraph: 0.7 s, speaker: 0.55, chapter: 1.6}
  intro: {file: music/intro.mp3, level_db: -3 dB, duck_db: -12, fade: 1.5, under: 2}
  outro: music/outro.mp3
  bed: music/bed.ogg
  sting: music/sting.wav
  explicit: false
  guid: harbour-3
  date: 2026-01-31
lines:
  - {file: lines.csv, columns: {id: Cue, character: Who, text: {en: English, de: Deutsch}}, encoding: utf-8}
"""
_WHOLE_SHEET = """\
Cue,Who,English,Deutsch,speed,pitch,emotion,scene
a_010,MARA,"In 1923 the US cutter Xalthar, no. 7, went down.",Im Jahr 1923 sank der Kutter.,1.1,3,calm,pier
a_020,HERALD,"Ewe at 10:30, Saint John.",,,,,pier
a_030,GHOST,$5.20 for 3 kg on 2024-05-01?,Wie bitte?,"0,9",,,pier
"""
_MARKED = """\
# The ferry [does](say:duz) not come

It is past six\\: the light is out. [pause 1.2s] Nobody *knows* why[^1]. {#dark_010}

## The quay

**MARA (under her breath):** Somebody at [Ayr](say:air) said `six`. [pause 800ms]

  Bring the lamp to [the quay](https://harbour.example).

[pause]

OLD OSWIN: (shouting) Xalthar!
MARA: Ssh. (still) <b>Go</b> \\[pause\\] ![a boat](boat.png)

1. OLD OSWIN: Never.

| a | b |
|---|---|
| x | y |

[^1]: Not spoken.
"""
_SSML = """\
<?xml version="1.0"?>
<speak version="1.1" xml:lang="en" xmlns="http://www.w3.org/2001/10/synthesis">
  <voice name="MARA"><p><s>On <say-as interpret-as="date" format="ymd">1923-10-04</say-as> &amp; later.</s>
  <s>The <sub alias="light house">L.H.</sub> <emphasis level="strong">was</emphasis> lit.</s></p></voice>
  <break time="800ms"/>
  <voice name="OLD OSWIN"><p>Room <say-as interpret-as="digits">221</say-as>.<break strength="weak"/> Now.</p></voice>
</speak>
"""


@dataclass(frozen=True)
class Seed:
    """A project whose file `main` is the one to damage first; `project` is its project file."""

    kind: str
    main: str
    files: dict[str, bytes]

    @property
    def project(self) -> str:
        """The project file's name."""
        return SCRIPT if SCRIPT in self.files else PROJECT

    def read(self, path: str) -> bytes:
        """Give the bytes of a file, as `read_project` asks for them."""
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]


@cache
def seeds() -> tuple[Seed, ...]:
    """One project of every kind of file."""
    sheets, episode, languages = EXAMPLES / "sheets", EXAMPLES / "episode", EXAMPLES / "languages"
    workbook = "{file: lines.xlsx, sheet: Act 2, columns: {id: Cue, character: Who, text: English}}"
    yarn = {name: (sheets / name).read_bytes() for name in ("strings.csv", "strings-metadata.csv")}
    tongues = {name: (languages / name).read_bytes() for name in ("lines.csv", "lines.pt-BR.csv", "cast.yaml")}
    whole = {PROJECT: _WHOLE.encode(), "lines.csv": _WHOLE_SHEET.encode()}
    script = f"---\n{_CAST}{_EPISODE}---\n\n{_MARKED}".encode()
    return (
        _seed("xlsx", "lines.xlsx", (sheets / "lines.xlsx").read_bytes(), workbook),
        _seed("jsonl", "lines.jsonl", (sheets / "lines.jsonl").read_bytes()),
        _seed("yaml", "lines.yaml", (sheets / "lines.yaml").read_bytes()),
        _with_files("yarn", "strings.csv", yarn, "{file: strings.csv, format: yarn, needs_update: skip}"),
        Seed("languages", "lines.csv", tongues),
        _seed("fountain", "scene.fountain", (sheets / "scene.fountain").read_bytes()),
        _seed("markdown", "scene.md", _MARKED.encode(), episode=True),
        _seed("text", "scene.txt", _MARKED.replace("1. ", "").encode(), episode=True),
        _seed("ssml", "scene.ssml", _SSML.encode(), episode=True),
        Seed("project", PROJECT, whole),
        Seed("front matter", SCRIPT, {SCRIPT: script}),
        Seed("episode", SCRIPT, {SCRIPT: (episode / "small-machines.md").read_bytes()}),
    )


def _seed(kind: str, name: str, content: bytes, entry: str = "", *, episode: bool = False) -> Seed:
    return _with_files(kind, name, {name: content}, entry or name, episode=episode)


def _with_files(kind: str, name: str, files: dict[str, bytes], entry: str, *, episode: bool = False) -> Seed:
    project = f"{_CAST}{_EPISODE if episode else ''}lines: [{entry}]\n"
    return Seed(kind, name, {PROJECT: project.encode(), **files})
