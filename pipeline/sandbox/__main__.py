"""`python -m pipeline.sandbox`: the sandbox as a program of its own."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.sandbox.config import ENGINES, KEY_FORM, KEYS_VARIABLE, ApiKey, SandboxConfig, parse_keys
from pipeline.sandbox.service import serve
from pipeline.sandbox.shares import SHARES_FORM


def parser() -> argparse.ArgumentParser:
    """Return the command line, whose help text is its reference."""
    command = argparse.ArgumentParser(
        prog="python -m pipeline.sandbox",
        description="A server on this machine that speaks Kyma's audio API and MiniMax's:"
        " own ledger, own voices, faults on demand.",
    )
    add = command.add_argument
    add("--db", type=Path, required=True, metavar="PATH", help="SQLite file of the ledger; made when missing")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, metavar="N", help="port to listen on; 0 takes a free one (default)")
    add(
        "--key",
        type=_key,
        action="append",
        default=[],
        dest="keys",
        metavar=KEY_FORM,
        help="an API key and its user; repeatable. Tier 0-4 (default 0) or lab for load tests; the balance"
        f" (default 100) is granted once. Keys in {KEYS_VARIABLE}, separated by commas, stay out of the process list",
    )
    add("--engine", choices=ENGINES, default="auto", help="whose voice speaks (default: %(default)s, the best here)")
    add("--latency-ms", type=int, default=0, metavar="N", help="time the pretended upstream takes (default: 0)")
    add("--list-clones", action="store_true", help="show a caller's own voices in the voice list")
    add("--idempotency", action="store_true", help="honour idempotency keys on voice-clone and voice-design")
    add("--expire-unused", action="store_true", help="let voices never spoken with die after 7 days of its clock")
    add("--bad-audio", default="", metavar="SHARES", help=f"spoil that share of the spoken lines: {SHARES_FORM}")
    add("--bad-audio-seed", type=int, default=1, metavar="N", help="which lines those are (default: %(default)s)")
    return command


def _key(text: str) -> ApiKey:
    try:
        return ApiKey.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped; 2 for a wrong command line, 7 when the address cannot be had."""
    command = parser()
    options = vars(command.parse_args(arguments))
    try:
        keys = (*options.pop("keys"), *parse_keys(os.environ.get(KEYS_VARIABLE, "")))
        config = SandboxConfig(keys=keys, **options)
    except ValueError as error:
        command.error(str(error))
    try:
        serve(config)
    except OSError as error:
        print(f"the sandbox cannot listen on {config.host}:{config.port}: {error}", file=sys.stderr)  # noqa: T201 - its only talk
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
