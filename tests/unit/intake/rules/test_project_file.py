from datetime import date

import pytest

from pipeline.intake.rules import Designed
from tests.unit.intake.rules.submissions import CAST, Submission, cast


@pytest.mark.parametrize(
    ("changes", "place", "message", "help_"),
    [
        ("titel: x", "titel", "this key is not known", "did you mean title?"),
        ("production: Harbour Nights", "production", "not a production's id", "write harbour-nights"),
        ("language: en_gb", "language", "not a language tag", "write en-GB"),
        ("language: english", "language", "not a language tag", "BCP-47"),
        ("format: ogg", "format", "not one of the choices", "mp3, wav, flac or pcm"),
        ("speed: 3", "speed", "out of range", "0.5 to 2.0"),
        ("speed: quick", "speed", "not a number", "0.5 to 2.0"),
        ("speed: .nan", "speed", "not a number", "0.5 to 2.0"),
        ("model: [a]", "model", "a text is expected", ""),
        ("title: true", "title", "a text is expected", "quotes"),
        ('budget: "25 EUR"', "budget", "not an amount of dollars", "25.00"),
        ('budget: "$1,000"', "budget", "not an amount of dollars", "separators"),
        ("budget: -5", "budget", "not an amount of dollars", "25.00"),
        ("talents: [mara]", "talents", "a mapping of keys is expected", ""),
        ("lines: 7", "lines", "sheets of this kind", ".csv, .tsv"),
        ("lines: [lines.csv, lines.csv]", "lines.2", "listed twice", "delete one"),
        ("lines: {file: lines.csv, encoding: klingon}", "lines.encoding", "not known", "utf-8"),
        ("lines: {file: lines.csv, columns: {txt: a}}", "lines.columns.txt", "not known", "did you mean text?"),
        ("lines: ../lines.csv", "lines", "leaves the project's folder", "copy the file into it"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_is_allowed(
    changes: str, place: str, message: str, help_: str
) -> None:
    problems = [p for p in cast(changes).problems() if p["place"] == place]
    assert [message in p["message"] for p in problems] == [True]
    assert help_ in f"{problems[0]['allowed']} {problems[0]['hint']}"


@pytest.mark.parametrize("key", ["production", "characters", "lines"])
def test_a_missing_key_is_named(key: str) -> None:
    whole = {
        "production": "production: h\n",
        "characters": "characters: {MARA: {voice: {system: x}}}\n",
        "lines": "lines: lines.csv\n",
    }
    files = Submission(cast__yaml="".join(text for name, text in whole.items() if name != key))
    missing = [p for p in files.problems() if p["file"] == "cast.yaml"]
    assert [(p["place"], p["message"]) for p in missing] == [(key, "this key is missing")]


@pytest.mark.parametrize(
    ("voice", "place", "said"),
    [
        ("{}", "voice", "no source"),
        ("{talent: mara, system: x}", "voice", "talent and system"),
        ("mara", "voice", "write {talent: mara}"),
        ("{talent: marra}", "voice.talent", "did you mean mara?"),
        ("{system: x, gender: male}", "voice", "designed voice only"),
        ("{design: x, gender: man}", "voice.gender", "male or female"),
        ("{design: x, age_group: old}", "voice.age_group", "middle-aged"),
        ("{design: %s}" % ("x" * 1001), "voice.design", "1001 characters"),
        ('{design: ""}', "voice.design", "this is empty"),
        ("{system: a b}", "voice.system", "not an id"),
        ("{talnt: mara}", "voice.talnt", "did you mean talent?"),
    ],
)
def test_a_voice_has_exactly_one_right_source(voice: str, place: str, said: str) -> None:
    problems = cast(f"characters:\n  MARA:\n    voice: {voice}").problems()
    found = {p["place"]: " ".join([p["message"], p["allowed"], p["hint"]]) for p in problems}
    assert said in found[f"characters.MARA.{place}"]


def test_a_designed_voice_is_kept_as_described() -> None:
    files = cast("characters:\n  MARA: {voice: {design: Old and slow., gender: male, age_group: elderly}}")
    assert files.project().characters["MARA"].voice == Designed("Old and slow.", "male", "elderly")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("~/mara.mp3", "absolute"),
        ("C:/mara.mp3", "absolute"),
        ("file:///etc/passwd", "absolute"),
        ("references/../../mara.mp3", "leaves the project's folder"),
        ("'references\\mara.mp3'", "backslashes"),
        ("references/", "a folder"),
        ("'.'", "a folder"),
        ("' '", "not a path"),
        ('"a\\0b.mp3"', "not a path"),
    ],
)
def test_a_reference_stays_inside_the_folder(reference: str, said: str) -> None:
    problem = cast(f"talents:\n  mara: {{reference: {reference}}}").problem()
    assert problem["place"] == "talents.mara.reference"
    assert said in problem["message"]


def test_a_repeated_key_is_reported_with_both_lines_and_not_only_the_first_one() -> None:
    files = Submission(
        cast__yaml="production: h\nproduction: i\ncharacters:\n  MARA: {voice: {system: x}}\n"
        "  MARA: {voice: {system: y}}\nlines: lines.csv\n"
    )
    first, second = files.problems()
    assert (first["place"], first["line"]) == ("production", 2)
    assert (second["place"], second["line"]) == ("characters.MARA", 5)
    assert "line 4 and again in line 5" in second["message"]


def test_characters_that_differ_only_by_case_would_share_a_folder() -> None:
    problem = cast("characters:\n  MARA: {voice: {talent: mara}}\n  Mara: {voice: {talent: mara}}").problem()
    assert (problem["place"], problem["message"]) == ("characters.Mara", "the name differs from MARA only by case")


@pytest.mark.parametrize("key", ["A/B", ".hidden", "CON", "end.", "two  spaces", "' lead'", "x" * 201, "é" * 121])
def test_a_character_key_must_be_fit_for_a_folder(key: str) -> None:
    places = [p["place"] for p in cast(f"characters:\n  {key}: {{voice: {{talent: mara}}}}").problems()]
    assert f"characters.{key.strip(chr(39))}" in places


@pytest.mark.parametrize("key", ["OLD MAN", "Dr. O'Neil", "GUARD-2", "ЛОЦМАН", "007", "no"])
def test_a_character_key_may_be_a_name_as_people_write_it(key: str) -> None:
    files = cast(f'characters:\n  "{key}": {{voice: {{talent: mara}}}}')
    files.files["lines.csv"] = f"id,character,text\na1,{key},Hi.\n"
    assert files.project().lines[0].character == key


@pytest.mark.parametrize(
    ("budget", "micros"),
    [
        ('"$25"', 25_000_000),
        ("25.00", 25_000_000),
        ("0.1", 100_000),
        ('"$0.000001"', 1),
        ("0", 0),
        ("19.99", 19_990_000),
    ],
)
def test_a_budget_is_exact_whole_micro_dollars(budget: str, micros: int) -> None:
    assert cast(f"budget: {budget}").project().budget_micros == micros


def test_consent_is_read_as_written_complete_or_not() -> None:
    files = cast(
        "talents:\n  mara:\n    reference: m.mp3\n    consent:\n      granted_by: Mara\n      granted_on: 2026-01-31\n"
        "      scope: {languages: en, productions: [harbour]}\n      expires_on:\n"
    )
    consent = files.project().talents["mara"].consent
    assert consent is not None
    assert (consent.granted_by, consent.granted_on, consent.expires_on) == ("Mara", date(2026, 1, 31), None)
    assert (consent.scope.languages, consent.scope.productions) == (("en",), ("harbour",))
    assert consent.statement is None


@pytest.mark.parametrize(
    ("consent", "place"),
    [
        ("{granted_on: 2026-02-30}", "granted_on"),
        ("{granted_on: yesterday}", "granted_on"),
        ("{synthetic: maybe}", "synthetic"),
        ("{grantedby: x}", "grantedby"),
        ("{scope: {langages: en}}", "scope.langages"),
        ("{scope: {languages: [english]}}", "scope.languages.1"),
        ("{evidence: ../x.pdf}", "evidence"),
        ("yes", ""),
    ],
)
def test_a_consent_that_cannot_be_read_is_a_problem(consent: str, place: str) -> None:
    problem = cast(f"talents:\n  mara: {{reference: m.mp3, consent: {consent}}}").problem()
    assert problem["place"] == f"talents.mara.consent.{place}".rstrip(".")


def test_one_consent_may_be_written_once_and_referred_to() -> None:
    files = cast(
        "talents:\n  mara: {reference: a.mp3, consent: &c {synthetic: true, statement: Made up.}}\n"
        "  bram: {reference: b.mp3, consent: *c}\n"
    )
    talents = files.project().talents
    assert talents["mara"].consent == talents["bram"].consent


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a:\n\t- b", 2, "spaces, not with tabs"),
        ("title: Harbour: Nights", 1, "quotes"),
        ("production: [a", None, "not valid YAML"),
        ("- a\n- b", 1, "a mapping of keys"),
        ("", 1, "callsheet init"),
        ("# nothing\n", 1, "callsheet init"),
        ("a: 1\n---\nb: 2", None, "not valid YAML"),
        ("[" * 100_000, None, "nested too deeply"),
        ("a: \x01", 1, "not valid YAML"),
        (b"title: caf\xe9", None, "UTF-8"),
    ],
)
def test_what_is_no_project_file_is_told_in_one_problem(text: str, line: int | None, said: str) -> None:
    problem = Submission(cast__yaml=text).problem()
    assert said in " ".join([problem["message"], problem["hint"]])
    assert line is None or problem["line"] == line


def test_aliases_that_multiply_or_contain_themselves_cost_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*{'a' if n == 0 else f'k{n - 1}'}, *a]\n" for n in range(60))
    unknown = Submission(cast__yaml=f"{bomb}self: &s [*s]\nproduction: *s\n").problems()
    assert len(unknown) == 64 + 1


def test_a_project_file_may_begin_with_a_byte_order_mark() -> None:
    files = Submission()
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).encode("utf-16")
    assert files.project().production == "harbour"


def test_what_stands_in_the_file_is_shown_short_and_visible() -> None:
    long, strange = cast(f"production: {'x' * 500}").problem(), cast('production: "a\\u202eb"').problem()
    assert len(long["value"]) == 61
    assert strange["value"] == "a\\u202eb"


def trimmed(written: str) -> Submission:
    return Submission(cast__yaml=CAST.replace("references/mara.mp3}", f"references/mara.mp3, trim: {written}}}"))


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("true", (0.0, 300.0)),
        ("false", None),
        ("[0:10, 3:00]", (10.0, 180.0)),
        ("[10, 75.5]", (10.0, 75.5)),
        ("[1:00:10, 1:02:00]", (3610.0, 3720.0)),
    ],
)
def test_a_part_of_a_recording_is_named_by_its_times(written: str, part: tuple[float, float] | None) -> None:
    assert trimmed(written).project().talents["mara"].trim == part


@pytest.mark.parametrize(
    "written", ["[0:10, 0:15]", "[0:00, 5:01]", "[3:00, 0:10]", "[0:10]", "soon", "[0:61, 3:00]", "{a: b}"]
)
def test_what_is_no_part_of_a_recording_is_refused(written: str) -> None:
    problem = trimmed(written).problem()
    assert problem["place"] == "talents.mara.trim"
    assert "0:10" in problem["allowed"]
