# Everything is installed into .venv and the user's cache folder; nothing needs root.
PYTHON ?= python3
BIN := .venv/bin
SLOW := ghost or browser or azcli or azurite or story or postgres or mariadb or appservice or npm

.PHONY: help demo test test-fast test-slow soak bench screenshots check format clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/.demo ## see all of it on a real Ghost (ARGS="--yes", "--tiny", ...)
	@$(BIN)/ghostbot demo $(ARGS)

test: test-fast test-slow ## set up and pass all tests

# Three at once on two cores: much of a test's time is waiting.
test-fast: .venv/.dev ## the tests without local App Service, npm, real Ghost, browser, databases, az and whole stories
	$(BIN)/python -m pytest -n 3 -m "not ($(SLOW) or faults)" $(ARGS)

# Two files at once: a story waits most of its time for a swap or a process. A file shares one world, so it stays whole.
test-slow: .venv/.dev ## the tests with all of these, and every fault
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "($(SLOW)) and not faults" $(ARGS)
	$(BIN)/python -m pytest -n 2 -m faults $(ARGS)

soak: .venv/.dev ## kill the bot and break Azure's answers for half an hour, and see what holds (ARGS="--minutes 5", "--seed N", ...)
	@$(BIN)/python -m tests.soak $(ARGS)

bench: .venv/.dev ## measure the bot beside what people would use instead (ARGS="--only NAME", "--quick", ...)
	@$(BIN)/python -m bench --json bench.json --plots docs/pictures/bench $(ARGS)

screenshots: .venv/.dev ## take the pictures of the docs: every state of a release, in a real browser
	@$(BIN)/python -m docs.pictures.take

check: .venv/.dev ## ruff, mypy strict, import-linter, bandit, pip-audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml bot commands release demo sandbox
	$(BIN)/python .ci/audit.py

format: .venv/.dev ## let ruff format and repair what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what was installed into the checkout (caches in the user's cache folder stay)
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ghostbot needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "Python has no venv module here; on Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing the Python packages into .venv (once, about a minute)"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[sandbox]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing the Python packages into .venv (once, about a minute)"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/.demo
