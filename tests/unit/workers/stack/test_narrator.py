from dataclasses import replace

from workers.stack.narrator import Narrator
from workers.stack.record import PartState


def test_each_change_is_told_once_with_what_is_still_waited_for() -> None:
    told: list[str] = []
    narrator = Narrator(told.append)
    api, step = PartState("api"), PartState("migrate", runs_once=True)
    narrator.tell([api, step])
    narrator.tell([api, step])
    step = replace(step, ready=True, ready_seconds=0.5)
    narrator.tell([api, step])
    narrator.tell([api, step])
    api = replace(api, ready=True, ready_seconds=1.25)
    narrator.tell([api, step])
    narrator.tell([replace(api, ready=False, last_exit=-9), step])
    assert told == [
        "migrate done (0.50 s); waiting for api",
        "api ready (1.25 s)",
        "api ended with -9 and is started again; waiting for api",
    ]
