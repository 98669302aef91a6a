"""What the scripts of a project share: they are read one after another, and count on."""

from dataclasses import dataclass


@dataclass(slots=True)
class Course:
    """Where reading has come to: the chapter, the section within it, the paragraph. Chapters are counted from 1."""

    narrator: str | None = None
    """Who speaks paragraphs without a speaker; where it is None, nobody does."""
    is_episode: bool = False
    title: str = ""
    """Of the whole: the only first-level heading of the first script that has one."""
    chapter: int = 0
    """0 for what stands before the first."""
    scene: str = ""
    """The title of the chapter."""
    section: str = ""
    paragraph: int = 0

    def begin_script(self) -> None:
        """Leave the section of the script before; in an episode its chapter goes on up to the next heading."""
        self.section = ""
        if not self.is_episode:
            self.scene = ""

    def begin_chapter(self, title: str) -> None:
        """Begin a chapter; two of one title are two."""
        self.chapter += 1
        self.scene, self.section = title, ""
