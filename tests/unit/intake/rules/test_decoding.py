import pytest

from tests.unit.intake.rules.submissions import cast, sheet

SHEETS = {
    ("fr", "cp1252"): "L'été dernier à la plage, ça a été génial. Où es-tu ? – « Ici »",
    ("de", "cp1252"): "Grüße aus Köln, schöne Straße, für alle Mädchen",
    ("en", "cp1252"): "Don’t move. The café is closed – señor.",
    ("pl", "cp1250"): "Żółta łódź płynie przez rzekę w nocy. Gdzie są wszyscy?",
    ("ru", "cp1251"): "Где все? Мы должны идти к маяку сегодня ночью.",
    ("el", "cp1253"): "Πού είναι όλοι; Πρέπει να πάμε στον φάρο απόψε.",
    ("tr", "cp1254"): "Herkes nerede? Bu gece deniz fenerine gitmeliyiz, değil mi?",
    ("ja", "cp932"): "こんにちは、元気ですか。今日は天気がいいですね。",
    ("zh", "gb18030"): "大家在哪里？今天晚上我们必须去灯塔。",
    ("en", "utf-16-le"): "Don’t move. The café is closed.",
    ("en", "utf-16-be"): "Hold the line.",
}


@pytest.mark.parametrize(("language", "encoding"), SHEETS)
def test_a_sheet_is_read_in_the_usual_encoding_of_its_language(language: str, encoding: str) -> None:
    text = SHEETS[language, encoding]
    files = cast(f"language: {language}")
    files.files["lines.csv"] = f'id,character,text\na1,MARA,"{text}"\n'.encode(encoding)
    project = files.project()
    assert project.lines[0].text == text
    assert project.encodings["lines.csv"].replace("_", "-") == encoding


def test_a_declared_encoding_is_obeyed() -> None:
    files = cast("lines: {file: lines.csv, encoding: mac_roman}")
    files.files["lines.csv"] = "id,character,text\na1,MARA,Café\n".encode("mac_roman")
    assert files.project().lines[0].text == "Café"


def test_a_declared_encoding_that_does_not_fit_is_a_problem_with_the_line() -> None:
    files = cast("lines: {file: lines.csv, encoding: utf-8}")
    files.files["lines.csv"] = "id,character,text\na1,MARA,Café\n".encode("cp1252")
    assert files.problem()["message"] == "the file is not utf-8 in line 2"


def test_two_encodings_in_one_file_are_refused_with_the_line_rather_than_garbled() -> None:
    content = "id,character,text\na1,MARA,Café\n".encode() + "a2,MARA,Señor\n".encode("cp1252")
    problem = sheet(content).problem()
    assert problem["message"] == "the file is UTF-8 except in line 3"
    assert "UTF-8" in problem["hint"]


def test_bytes_that_are_no_text_are_refused() -> None:
    assert "encoding" in sheet(bytes(range(128, 256)) * 20).problem()["message"]
