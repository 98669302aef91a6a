import subprocess
import sys
import time
from dataclasses import replace

from workers.stack.processes import Identity, end

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def test_a_process_is_known_by_its_id_and_when_it_was_created() -> None:
    own = Identity.own()
    assert own.alive()
    assert own == Identity.own()
    assert not replace(own, created=own.created - 1).alive()


def test_a_process_that_ended_but_was_not_collected_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = Identity.of(process.pid)
        assert identity.alive()
        process.kill()
        deadline = time.monotonic() + 5
        while identity.alive() and time.monotonic() < deadline:
            pass
        assert not identity.alive()


def test_a_process_that_ignores_sigterm_is_killed_when_its_grace_is_over() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        started = time.monotonic()
        end([Identity.of(process.pid)], grace=0.1)
        assert 0.1 <= time.monotonic() - started < 2
        assert process.wait(5) == -9


def test_a_stranger_that_was_given_the_same_id_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = Identity.of(process.pid)
        end([replace(identity, created=identity.created - 60)], grace=0.1)
        assert process.poll() is None
        process.communicate(b"\n")
