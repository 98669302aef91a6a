"""The values of `names` and `values` as types for the sections of a project file."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator

from pipeline.intake.rules import names, values


def _written(parse: Callable[[str], object]) -> BeforeValidator:
    """Parse what the file says; a value that code hands over already has its type."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


OneOrMore = BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
"""A list that may be written as its only item."""

ProjectPath = Annotated[str, AfterValidator(names.project_path)]
KeyName = Annotated[str, AfterValidator(names.key_name)]
Slug = Annotated[str, AfterValidator(names.slug)]
LanguageTag = Annotated[str, AfterValidator(values.language)]
ProviderId = Annotated[str, AfterValidator(values.provider_id)]
Encoding = Annotated[str, AfterValidator(values.encoding)]
Evidence = Annotated[str, AfterValidator(names.path_or_sha256)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(values.plain_text)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(values.word)]
Prose = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(values.plain_text)]
Description = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(values.plain_text)]
Speed = Annotated[float, _written(values.speed)]
Pitch = Annotated[int, _written(values.pitch)]
Volume = Annotated[float, _written(values.volume)]
Emotion = Annotated[str, AfterValidator(values.emotion)]
Micros = Annotated[int, _written(values.budget_micros)]
Day = Annotated[date, _written(values.iso_date)]
AudioFormat = Literal["mp3", "wav", "flac", "pcm"]
Gender = Literal["male", "female"]
AgeGroup = Literal["child", "young", "middle-aged", "elderly"]


class Section(BaseModel):
    """A part of the project file: it knows all of its keys and refuses any other; a key left empty is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(given, Mapping):
            return given
        return {k: v for k, v in given.items() if v is not None or k not in cls.model_fields}
