"""The product's own child, which tells its peak of memory beside its answer.

The controls: `--unprotected` lets libav open whatever it takes the file for, `--free` leaves it every file.
"""

import io
import json
import sys
from contextlib import redirect_stdout

from pipeline.audio import child
from pipeline.audio.report import peak_rss_bytes
from tests.support.hostile.jailed_decoder import unprotect


def main() -> None:
    if "--unprotected" in sys.argv:
        unprotect()
    if "--free" in sys.argv:
        child.confine = lambda _readable, _writable: False
    said = io.StringIO()
    with redirect_stdout(said):
        child.main()
    json.dump(json.loads(said.getvalue()) | {"measured_peak": peak_rss_bytes()}, sys.stdout)


if __name__ == "__main__":
    main()
