"""What of a script is not spoken, or not as it stands: kinds of it, and the lines where each was met."""

from enum import Enum

from pipeline.intake.rules.problems import listed


class Aside(Enum):
    """A kind, as a note tells it; the lines follow."""

    UNREAD = "not spoken, because no SPEAKER: begins it: the paragraph in line"
    ACTION = "not spoken, because it is no dialogue: the text in line"
    PARENTHESES = "not spoken, because all of it is in parentheses: the paragraph in line"
    EMPTY_CHAPTER = "no line is spoken in the chapter"
    EMPHASIS = "spoken without emphasis, because no voice takes any: the words in line"
    LINK = "spoken without its address: the link in line"
    ADDRESS = "spoken, because it stands in the text itself: the address in line"
    CODE_SPOKEN = "spoken as text: the code in line"
    NUMBERING = "spoken without its numbers: the list in line"
    FOOTNOTE = "not spoken: the footnote in line"
    IMAGE = "not spoken: the image in line"
    TABLE = "not spoken: the table in line"
    CODE = "not spoken: the code in line"
    TAG = "not spoken: the HTML in line"
    INSIDE = "spoken, because they stand within a sentence: the parentheses in line"


class Asides:
    """Collects them while a script is read."""

    def __init__(self) -> None:
        self._places: dict[Aside, dict[str, None]] = {}

    def add(self, kind: Aside, place: int | str) -> None:
        """Note one, by its line or by what it is called."""
        self._places.setdefault(kind, {})[str(place)] = None

    def told(self) -> list[str]:
        """Return a note for each kind that was met."""
        return [f"{kind.value} {listed(self._places[kind])}" for kind in Aside if kind in self._places]
