"""`python -m workers.serving.sweeper`: sweeps until told to stop."""

import signal
from threading import Event

from pipeline.settings import Settings, load_settings
from workers.relay import run_sweeper
from workers.serving.ground import open_edge, ready_file, told


def run(settings: Settings) -> None:
    """Sweep; several may run at once."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    run_sweeper(open_edge(settings), stopped, ready_file())


if __name__ == "__main__":
    with told():
        run(load_settings())
