"""What a start finds: the settings, what an earlier start has written, and where things go."""

import contextlib
import hashlib
import os
import re
import stat
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import AliasChoices, SecretStr

from pipeline.errors import EnvironmentFault
from pipeline.settings import PREFIX, STACK_FILE, Settings
from workers.stack.files import private_folder, read_json, write_private_json
from workers.stack.places import Places
from workers.stack.ports import Ports

# macOS allows 103 bytes and Linux 107.
LONGEST_SOCKET_PATH = 103
LONGEST_SOCKET_NAME = "valkey.sock"
# A socket's path becomes part of a broker URL, which not every client decodes.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Ground:
    """The ground a stack is built on. `known` is what `stack.json` said when the settings were read."""

    settings: Settings
    places: Places
    ports: Ports
    known: dict[str, str] = field(repr=False)

    @classmethod
    def survey(cls, settings: Settings) -> "Ground":
        """Create the folders and read what is there."""
        places = Places(settings.home.absolute())
        places.make()
        return cls(settings, places, Ports(places.ports), read_json(places.home / STACK_FILE))

    def stated(self, name: str) -> bool:
        """Tell whether the user has set this field: a value `stack.json` did not bring is theirs."""
        value = plain(getattr(self.settings, name))
        return value is not None and value != self.known.get(name)

    def value(self, name: str) -> str | None:
        """Return the field's value, whoever it is from."""
        return plain(getattr(self.settings, name)) or self.known.get(name)

    def keep(self, facts: dict[str, str], owned: set[str]) -> None:
        """Write `stack.json`: `facts`, and of what it held whatever the stack does not own."""
        foreign = {name: value for name, value in self.known.items() if name not in owned}
        mine = {name: value for name, value in facts.items() if not self.stated(name)}
        write_private_json(self.places.home / STACK_FILE, foreign | mine)
        self.ports.save()

    def environment(self) -> dict[str, str]:
        """Return what every part finds in its environment: this process's, and the settings the user has made.

        Flags and the project file of the current folder reach the parts so, which run elsewhere. Flower reads
        any `FLOWER_*`, and an orchestrator sets such names for a service called flower.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
        stated = {
            variable(name): text
            for name in self.settings.model_fields_set
            if self.stated(name) and (text := plain(getattr(self.settings, name))) is not None
        }
        own = {f"{PREFIX}HOME": str(self.places.home), "PYTHONUNBUFFERED": "1", **_python_path()}
        return inherited | stated | own

    def sockets(self) -> Path:
        """Return a private folder whose path is short and plain enough for unix sockets.

        Raises:
            EnvironmentFault: there is none, or its place belongs to another user.
        """
        run = self.places.run
        if _fits(run):
            return run
        digest = hashlib.sha256(os.fsencode(self.places.home)).hexdigest()[:12]
        name = f"callsheet-{os.getuid()}-{digest}"
        for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked to be ours below
            if _fits(parent / name):
                return _own_folder(parent / name)
        raise EnvironmentFault(
            f"no folder is short enough for the stack's sockets: {run} and {tempfile.gettempdir()} are too long",
            hint=f"Set {PREFIX}HOME to a path below {LONGEST_SOCKET_PATH - 20} characters.",
        )


def plain(value: object) -> str | None:
    """Return a setting as an environment variable or `stack.json` holds it."""
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value)


def variable(name: str) -> str:
    """Return the environment variable of a settings field."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{PREFIX}{name.upper()}"


def _python_path() -> dict[str, str]:
    """Let the parts import what this process imports, also from a checkout that is not installed."""
    root = str(Path(__file__).parents[2])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return {}
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([root, *([inherited] if inherited else [])])}


def _fits(folder: Path) -> bool:
    path = str(folder / LONGEST_SOCKET_NAME)
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and bool(PLAIN_PATH.fullmatch(path))


def _own_folder(path: Path) -> Path:
    """Create a folder in a place everybody may write, and refuse one that somebody else has put there."""
    if not path.is_symlink():
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EnvironmentFault(
            f"{path} is not a folder of yours", hint=f"Remove it, or set {PREFIX}HOME to a shorter path."
        )
    return private_folder(path)
