"""Whether the `provenance` extra is installed; its libraries take 0.1 s to load, so only what needs them does."""

import importlib

from pipeline.errors import EnvironmentFault

INSTALL = "pip install 'callsheet[provenance]'"
_LIBRARIES = ("c2pa", "cryptography.x509")


def require_installed() -> None:
    """Raise `EnvironmentFault` where files can neither be signed nor read back."""
    try:
        for name in _LIBRARIES:
            importlib.import_module(name)
    except ImportError as error:
        raise EnvironmentFault(
            "Signing files, and reading signatures back, needs the extra `provenance`, which is not installed.",
            hint=f"Run {INSTALL}.",
        ) from error
