"""Who was there first among many, whatever has to be equal."""

import pytest

from pipeline.intake.rules import FirstMet, first_met

MANY = 3 * first_met.SMALLEST


def test_each_text_has_the_number_of_the_first_of_its_key() -> None:
    met = FirstMet(bytes.lower)
    numbers = [met.meet(b"Line %d" % (number % MANY)) for number in range(2 * MANY)]
    assert numbers == [*range(MANY), *range(MANY)]
    assert met.find(b"LINE 7") == 7
    assert b"line %d" % MANY not in met


def test_texts_whose_hashes_say_little_are_told_apart_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_met, "TAG", 0xFFFF << first_met.TAG_SHIFT)
    test_each_text_has_the_number_of_the_first_of_its_key()
