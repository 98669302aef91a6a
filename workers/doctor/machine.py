"""This machine: its Python, its disk, its certificate, what paid calls have left on it, its clock."""

import importlib.util
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from pipeline.db.clock import now_ms
from pipeline.ledger.models import ProviderAccount
from pipeline.provenance import open_signer
from pipeline.settings import Settings
from pipeline.storage.spool import Spool
from workers.doctor.finding import CheckFailed, rows

MIN_FREE_BYTES = 2_000_000_000
OLDEST_ANSWER_SECONDS = 300.0
"""What is kept longer than this is not being stored: the sweeper and the workers look every two seconds."""
SOON_EXPIRED = timedelta(days=14)
LARGEST_SKEW_SECONDS = 5.0
"""S3 refuses signatures at 15 min; ages on disk and in rows are compared long before."""


def python(_settings: Settings) -> str:
    """Tell which Python runs."""
    return f"{sys.version.split()[0]} at {sys.prefix}"


def gate(_settings: Settings) -> str:
    """Tell whether the words of takes can be checked; without that they wait for somebody to listen."""
    if importlib.util.find_spec("pocketsphinx") is None:
        return "words are not checked: pip install 'callsheet[gate]' (no wheel for Python 3.12 on Linux)"
    return "words are checked in English; takes in other languages are told to be unchecked"


def signing(settings: Settings) -> str:
    """Tell who signs delivered files, and until when. That nobody does is no fault: it is done on request alone."""
    certificate, key = settings.signing_certificate, settings.signing_key
    if certificate is None and key is None:
        return "no certificate is set: --sign would be refused"
    signer = open_signer(certificate, key)
    stamped = f"time stamps by {settings.signing_tsa}" if settings.signing_tsa else "no time-stamp authority is set"
    left = signer.expires_at - datetime.now(UTC)
    if left < SOON_EXPIRED:
        raise CheckFailed(
            f"the certificate of {signer.subject} expires on {signer.expires_at:%Y-%m-%d}, in {left.days} days",
            "Have it renewed, and set CALLSHEET_SIGNING_CERTIFICATE to the new one.",
        )
    return f"signs as {signer.subject} until {signer.expires_at:%Y-%m-%d}; {stamped}"


def disk(settings: Settings) -> str:
    """Tell how much room the home folder has."""
    home = _existing(settings.home.absolute())
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        raise CheckFailed(f"{free / 1e9:.1f} GB free", "Free some space, or set CALLSHEET_HOME to a larger disk.")
    return f"{free / 1e9:.0f} GB free in {home}"


def spool(settings: Settings) -> str:
    """Tell whether paid answers can be kept here, and whether some wait for too long."""
    folder = settings.spool
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            kept = Spool(folder).backlog()
    except OSError as error:
        fix = "Let its user write there, or point CALLSHEET_SPOOL_DIR to a disk that has room."
        raise CheckFailed(f"{folder} cannot be written: {error.strerror}", fix) from error
    if kept.oldest_seconds > OLDEST_ANSWER_SECONDS:
        raise CheckFailed(
            f"{kept.answers} paid answers wait in {folder}, the oldest for {kept.oldest_seconds / 60:.0f} min",
            "They are stored once database and bucket answer and a worker or sweeper runs here. Do not remove them.",
        )
    return f"{kept.answers} answers wait in {folder}"


def clock(settings: Settings) -> str:
    """Tell how far this clock, the database's and the provider's are apart."""
    with rows(settings) as session:
        asked = time.time()
        skew = (session.scalar(select(now_ms())) or 0) / 1000 - asked
        offsets = session.execute(select(ProviderAccount.provider, ProviderAccount.clock_offset_ms)).all()
    apart = {"the database": skew} | {name: millis / 1000 for name, millis in offsets}
    wrong = [
        f"{name} is {seconds:+.1f} s off" for name, seconds in apart.items() if abs(seconds) > LARGEST_SKEW_SECONDS
    ]
    if wrong:
        raise CheckFailed("; ".join(wrong), "Let every machine set its clock by NTP.")
    return f"within {max(abs(seconds) for seconds in apart.values()):.1f} s of {', '.join(apart)}"


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(candidate for candidate in (folder, *folder.parents) if candidate.exists())
