import os
import subprocess
import sys
from pathlib import Path

from workers.stack.lock import SupervisorLock, sign
from workers.stack.processes import Identity


def test_one_at_a_time_holds_the_lock_and_signs_it(tmp_path: Path) -> None:
    lock = SupervisorLock(tmp_path / "lock")
    assert lock.holder() is None
    held = lock.take()
    assert held is not None
    assert lock.holder() is None
    assert lock.take() is None
    sign(held)
    assert lock.holder() == Identity.own()
    os.close(held)
    again = lock.take()
    assert again is not None
    os.close(again)


def test_the_lock_goes_down_to_a_child_and_is_free_when_that_dies(tmp_path: Path) -> None:
    lock = SupervisorLock(tmp_path / "lock")
    held = lock.take()
    assert held is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,)) as child:
        os.close(held)
        assert lock.take() is None
        child.kill()
        child.wait()
    freed = lock.take()
    assert freed is not None
    os.close(freed)


def test_a_signature_of_a_dead_process_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "created": -1.0}')
    assert SupervisorLock(tmp_path / "lock").holder() is None
