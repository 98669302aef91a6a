"""Commands as they are typed, in this process."""

import sys
from dataclasses import dataclass

import pytest

from workers import cli


@dataclass(frozen=True)
class Terminal:
    """Types a command, and returns its exit code, stdout and stderr."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    joined: bool = False
    """Whether the lines of stderr are run together: where they break is the terminal's."""

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["callsheet", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = self.capsys.readouterr()
        told = " ".join(written.err.split()) if self.joined else written.err
        return int(ended.value.code or 0), written.out, told
