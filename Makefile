# Two commands: `make repro` runs the whole study, `make test` every test. Both first install the locked dependencies.
PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)

.PHONY: repro test lint lock clean

repro: $(VENV)/installed
	dvc repro
	trialign results

test: $(VENV)/installed
	python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

lint: $(VENV)/installed
	ruff check .
	ruff format --check .

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "trialign needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Re-resolves the dependencies; versions that still fit stay as they are. Needs uv.
lock:
	uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 \
	  --extra test pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) data/raw/phantom data/epochs data/views data/features data/runs data/captions.csv data/stimuli.csv
