# Every target first brings .venv up to date (tools/setup_env.py): minutes the first time, a blink afterwards.

PARAMS ?= params/embedded.yaml
ARGS ?=
PORT ?= 8000
# A virtual environment that happens to be active, or stray variables, must not leak into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
PYTEST := $(BIN)/pytest
# These run the pipeline from end to end and use all cores themselves.
WHOLE_RUNS := $(addprefix tests/workflow/,test_book.py test_smoke_run.py test_paper_run.py)

.DEFAULT_GOAL := help
.PHONY: help setup parity book test lint serve bench clean distclean

help: ## this list
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo "Example: make book PARAMS=params/smoke.yaml ARGS=\"seed=1\""

setup: ## the environment .venv: pinned packages, the PyTorch build for this machine, the sox program
	@python=$$(command -v python3.11 || command -v python3 || command -v python) \
	  || { echo "Python 3.11 was not found. Install it (Debian 12: apt-get install python3)." >&2; exit 1; }; \
	"$$python" tools/setup_env.py

book: setup ## run the stages and build the book (PARAMS= a parameter file, ARGS= overrides) into _build/html
	$(BIN)/igsed book $(PARAMS) $(ARGS)

parity: setup ## what some tests compare with; where it does not install, they are skipped
	@$(BIN)/python tools/setup_env.py --parity

test: parity ## all tests
	$(PYTEST) -n 2 --dist loadfile tests $(addprefix --ignore=,$(WHOLE_RUNS))
	$(PYTEST) $(WHOLE_RUNS)
	$(BIN)/igsed notebooks params/smoke.yaml experiment=nbmake n_train=60 n_eval=24 --out .nbmake
	$(PYTEST) --nbmake .nbmake

lint: setup ## style, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

serve: setup ## show the book that was built, on http://localhost:PORT (8000)
	@test -f _build/html/index.html || { echo "There is no book yet: run make book first." >&2; exit 1; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

bench: setup ## speed and memory, side by side with Captum
	$(BIN)/python benchmarks/engine.py speed $(ARGS)

clean: ## remove results, the book and caches; .venv stays
	rm -rf runs _build build .pytest_cache .mypy_cache .ruff_cache .hypothesis .snakemake .nbmake
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf .venv src/*.egg-info
