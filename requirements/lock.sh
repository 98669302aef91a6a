#!/usr/bin/env bash
# Resolves the dependencies of pyproject.toml into hashed locks for every supported Python and platform.
#   requirements/lock.sh PYTHON [--upgrade]
# Pins stay as they are where they still fit; --upgrade takes the newest. Addresses of registries are left out,
# so that an installation uses whichever its machine is set up for.
set -euo pipefail
python=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip --disable-pip-version-check install --quiet 'uv>=0.9' >"$scratch/log" 2>&1 || {
  tail -n 20 "$scratch/log" >&2
  exit 7
}

compile() {
  "$scratch/venv/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --only-binary :all: --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" --group build "$@" >/dev/null
}
# What `make demo` needs, and what a deployment needs.
compile --extra embedded --extra gate --extra voice --extra postgres --output-file requirements/run.lock "$@"
# The same and the checks' tools.
compile --all-extras --group dev --constraint requirements/run.lock --output-file requirements/dev.lock "$@"
# The same and the rivals of `make bench`.
compile --all-extras --group dev --group bench --constraint requirements/dev.lock --output-file requirements/bench.lock "$@"
