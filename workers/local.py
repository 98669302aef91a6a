"""The local stack as the commands need it: started when there is none, for the right provider, with a key."""

import httpx

from pipeline.cli.console import say
from pipeline.settings import STACK_FILE, load_settings
from workers.stack.control import Stack
from workers.stack.files import read_json, write_private_json
from workers.stack.ground import Ground
from workers.stack.record import StackState


def start() -> StackState:
    """Start the stack where it does not run yet, and make sure that the commands have a key."""
    state = _stack().up(report=say)
    settings = load_settings()
    if settings.api_key is None:
        from workers.rows import own_key

        path = settings.home / STACK_FILE
        write_private_json(path, read_json(path) | {"api_key": own_key(settings)})
    return state


def ensure() -> None:
    """Start the stack unless it runs, or the API is elsewhere; start it anew where it serves another provider."""
    settings = load_settings()
    if settings.api_url is not None and Ground.survey(settings).stated("api_url"):
        return
    stack = _stack()
    if stack.state().ready and settings.api_url and settings.api_key:
        serving = _provider_of(settings.api_url)
        if serving == settings.provider_name:
            return
        say(f"The stack that runs here serves {serving or 'nobody'}; starting it anew for {settings.provider_name}.")
        stack.down(report=say)
    start()


def stop() -> StackState:
    """Stop the stack."""
    return _stack().down(report=say)


def state() -> StackState:
    """Return what runs."""
    return _stack().state()


def on_death(part: str, pid: int) -> None:
    """End the claims of a worker the supervisor has seen die, so that others go on at once."""
    if part == "worker":
        from workers.rows import bury_worker

        bury_worker(load_settings(), pid)


def _stack() -> Stack:
    return Stack(load_settings(), on_death="workers.local:on_death")


def _provider_of(api_url: str) -> str | None:
    try:
        told = httpx.get(f"{api_url}/v1/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return told.get("provider") if isinstance(told, dict) else None
