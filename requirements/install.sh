#!/usr/bin/env bash
# Brings a virtual environment to what a lock file says, and installs this checkout into it, editable.
#   requirements/install.sh PYTHON VENV LOCK
# Every file is checked against its hash and nothing is built but this project: its build backend is in the lock.
set -euo pipefail
python=$1 venv=$2 lock=$3
log=$venv/install.log

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Callsheet needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Name another: make PYTHON=python3.12" >&2
  exit 7
}
echo "Installing $lock into $venv; the first time takes a while (its log: $log)."
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"

pip() {
  "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@" >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "The installation failed; $log has all of it." >&2
    exit 7
  }
}
: >"$log"
pip --no-compile --require-hashes --only-binary :all: --requirement "$lock"
pip --no-deps --no-build-isolation --editable .
# pip compiles one file after the other, and the first start of the stack would compile the same files in six
# processes at once. A file of somebody else's that does not compile is no fault.
"$venv/bin/python" -m compileall -q -j 0 -x '/(pip|setuptools|wcwidth|tests?|testing|transformers|quantization)/|/pygments/(lexers|styles|formatters)/[^_]' \
  "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" pipeline workers >>"$log" 2>&1 || true
echo "Installed in $SECONDS s."
