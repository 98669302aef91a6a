"""Where the stack keeps its files."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EnvironmentFault
from workers.stack.files import private_folder, write_private

LARGEST_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Places:
    """The folders and files below an absolute home folder."""

    home: Path

    @property
    def run(self) -> Path:
        """Return the folder of what is true only while the stack runs."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Return the folder with one log a part."""
        return self.home / "logs"

    @property
    def record(self) -> Path:
        """Return the file that lists the running parts."""
        return self.run / "parts.json"

    @property
    def lock(self) -> Path:
        """Return the file the supervisor locks."""
        return self.run / "supervisor.lock"

    @property
    def ports(self) -> Path:
        """Return the file that keeps the chosen ports."""
        return self.home / "ports.json"

    @property
    def supervisor_log(self) -> Path:
        """Return the supervisor's own log."""
        return self.logs / "supervisor.log"

    def log(self, part: str) -> Path:
        """Return the log of a part."""
        return self.logs / f"{part}.log"

    def set_large_logs_aside(self) -> None:
        """Start a log anew that has grown large; one older generation is kept."""
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LARGEST_LOG_BYTES:
                path.replace(path.with_suffix(".log.1"))

    def make(self) -> None:
        """Create the folders, closed to other users and to version control.

        Raises:
            EnvironmentFault: the folder cannot be written.
        """
        try:
            for folder in (self.home, self.run, self.logs):
                private_folder(folder)
            ignore = self.home / ".gitignore"
            if not ignore.exists():
                write_private(ignore, "*\n")
        except OSError as error:
            raise EnvironmentFault(
                f"the stack's folder {self.home} cannot be written: {error.strerror or error}",
                hint="Set CALLSHEET_HOME to a folder of yours.",
            ) from error
