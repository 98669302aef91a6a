"""Takes from the running process every file but those it is given, by the kernel's Landlock (Linux 5.13 or newer).

The decoder is told which formats and protocols to open; this holds where a decoder does not do as it is told.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls: these have the same number on every architecture."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Rights that each version of the interface adds; one it does not know is an error."""
_NET_VERSION, _NET_RIGHTS = 4, 0b11
"""Binding and connecting TCP sockets."""


def confine(readable: Iterable[Path], writable: Path) -> bool:
    """Leave this process what lies at or below `readable`, the folder `writable`, and no TCP; not to be undone.

    Call it while there is one thread. False where the kernel does not offer it.
    """
    if not sys.platform.startswith("linux"):
        return False
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = sum(added for since, added in _FILE_RIGHTS.items() if since <= version)
    ruleset = _ruleset(kernel, rights, version)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(kernel, ruleset, path, _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE)
        _allow(kernel, ruleset, writable, rights)
        kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(kernel.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _ruleset(kernel: ctypes.CDLL, rights: int, version: int) -> int:
    handled = struct.pack("=QQ", rights, _NET_RIGHTS) if version >= _NET_VERSION else struct.pack("=Q", rights)
    return int(kernel.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))


def _allow(kernel: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    with suppress(FileNotFoundError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        finally:
            os.close(place)
