# What people type. `make` alone lists it. Everything runs in $(VENV), which follows the lock files by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SHELL := /bin/bash

# A stamp is as new as the environment: it is laid anew only when what it rests on has changed.
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
BENCH := $(VENV)/.bench

# A stack of its own for another engine's voices: one that runs keeps the voices it was started with, and what they spoke.
OWN_STACK = export CALLSHEET_HOME=.callsheet/$(ENGINE) CALLSHEET_SANDBOX_ENGINE=$(ENGINE); trap '$(BIN)/callsheet down' EXIT;

.DEFAULT_GOAL := help
.PHONY: help demo demo-episode test sure lint types contracts up down status audit bench bench-voices quality bench-episode chaos revision promises fuzz simulate listen docs lock wheel clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUN) ## Clone a cast and speak its lines in the sandbox (REFS=folder CONSENT="who allows it": your recordings)
	@$(BIN)/python deploy/demo.py $(if $(REFS),--recordings "$(REFS)") $(if $(CONSENT),--consent "$(CONSENT)")

demo-episode: $(BENCH) ## Make a podcast episode, and read its files back with other tools (ENGINE=natural: in these voices; ARGS="--format mp3")
	@out=out/small-machines$(if $(ENGINE),-$(ENGINE)); $(if $(ENGINE),$(OWN_STACK)) \
	  $(BIN)/callsheet episode examples/episode/small-machines.md --yes --out $$out $(ARGS) && \
	  $(BIN)/python -m benchmarks.read_episode $$out

test: $(DEV) ## Run the tests in several processes (ARGS="-k take": only some; ARGS=-n0: in one)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto $(ARGS)  # else each process compiles all tests, each time

sure: lint types contracts test ## Everything that has to hold: lint, format, types, contracts, tests

lint: $(DEV) ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV) ## Check the types, strictly
	@$(BIN)/mypy

contracts: $(DEV) ## Check that the rooms know each other as docs/architecture.md says
	@$(BIN)/lint-imports

up: $(RUN) ## Start the local stack
	@$(BIN)/callsheet up

down: $(RUN) ## Stop the local stack; nothing is lost
	@$(BIN)/callsheet down

status: $(RUN) ## Show how the newest run stands
	@$(BIN)/callsheet status

audit: $(RUN) ## Recompute every promise about money from the stack's rows; the last line sums it up
	@$(BIN)/callsheet audit --all

bench: $(BENCH) ## Measure speed and size against others (ARGS=--full: what is published; ARGS="--only cap8")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-voices: $(DEV) ## Measure whether the sandbox's clones sound like their references (ARGS=--real: of people)
	@$(BIN)/python benchmarks/voices.py $(ARGS)

bench-episode: $(BENCH) ## Make an hour of episode three ways: time, memory, loudness (ARGS="--minutes 6 600 --write")
	@$(BIN)/python -m benchmarks.episode $(ARGS)

quality: $(DEV) ## Measure what the quality gate catches (ARGS="--good 1000 --bad 100 --write"; ARGS="--engine natural")
	@$(BIN)/python benchmarks/quality.py $(ARGS)

chaos: $(DEV) ## Break everything every 3 s while 3,000 lines are made (SEED=2 DB=postgresql LINES=200 CLONES=8)
	@$(BIN)/python -m benchmarks.chaos --seed $(or $(SEED),1) --database $(or $(DB),sqlite) $(if $(LINES),--lines $(LINES)) $(if $(CLONES),--clones $(CLONES))

revision: $(DEV) ## Make a sheet of LINES=5000, revise it and make it again, charged as planned to the micro-dollar
	@$(BIN)/python -m benchmarks.revision $(if $(LINES),--lines $(LINES)) $(if $(SEED),--seed $(SEED))

promises: $(DEV) ## Equal barks, ten thousand names, forty talents, a power cut, the time left (ARGS="eta")
	@$(BIN)/python -m benchmarks.promises $(ARGS)

fuzz: $(DEV) ## Throw damaged recordings, projects, music and files of our own at what reads them (ARGS="--formats 5000 --from 9000")
	@$(BIN)/python -m benchmarks.fuzz $(or $(ARGS),--audio 2000 --sheets 2000 --formats 2000 --kept 2000 --media 500)

simulate: $(DEV) ## Play SEEDS=2000 histories of the clone protocol under faults (VARIANT=e3; SEED=7: one, told step by step)
	@$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED)) $(if $(VARIANT),--variant $(VARIANT))

listen: $(DEV) ## Listen with instruments to what the demo has spoken: whose voice, which words (ARGS=--json)
	@$(BIN)/python benchmarks/listen.py out/saltmarsh examples/cast $(ARGS)

docs: $(DEV) ## Write the reference pages that are made from the code
	@$(BIN)/python docs/generate.py

lock: ## Resolve the dependencies anew, within pyproject.toml's bounds (UPGRADE=1: to the newest)
	@bash requirements/lock.sh $(PYTHON) $(if $(UPGRADE),--upgrade)

wheel: $(DEV) ## Build the wheel into dist/
	@rm -rf dist && $(BIN)/python -m hatchling build -t wheel

clean: ## Remove what was built and cached; the environment and the stack's data stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find pipeline workers tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/run.lock requirements/install.sh pyproject.toml
	@bash requirements/install.sh $(PYTHON) $(VENV) requirements/run.lock
	@touch $@

# dev.lock holds all of run.lock.
$(DEV): requirements/dev.lock requirements/install.sh pyproject.toml
	@bash requirements/install.sh $(PYTHON) $(VENV) requirements/dev.lock
	@touch $(RUN) $@

# bench.lock holds all of dev.lock.
$(BENCH): requirements/bench.lock requirements/install.sh pyproject.toml
	@bash requirements/install.sh $(PYTHON) $(VENV) requirements/bench.lock
	@touch $(RUN) $(DEV) $@
