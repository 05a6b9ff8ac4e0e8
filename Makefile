# Every target first brings .venv up to date (tools/setup_env.py): minutes the first time, a blink afterwards.

PARAMS ?= params/embedded.yaml
ARGS ?=
PORT ?= 8000
# A virtual environment that happens to be active, or stray variables, must not leak into ours; nor must a container's
# PYTHONDONTWRITEBYTECODE, by which each of hundreds of processes would compile all that it imports.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
# The shell takes a path from its environment, so that it may hold blanks, brackets and quotes.
export PARAMS

BIN := .venv/bin
PYTEST := $(BIN)/pytest
# These run the pipeline from end to end and use all cores themselves.
WHOLE_RUNS := $(addprefix tests/workflow/,test_book.py test_smoke_run.py)
# What reads the built book as its readers do takes one core per browser; a class of tests opens its pages once.
READERS := $(addprefix tests/workflow/,test_book_read.py test_book_opened.py test_references.py)
NBMAKE = $(PYTEST) --nbmake
NBMAKE_FOLDERS = IGSED_RUNS_DIR="$$PWD/.smoke/nbmake" IGSED_STORE_DIR="$$PWD/.smoke/runs/.store" \
  IGSED_DATA_DIR="$$PWD/.smoke/data"

.DEFAULT_GOAL := help
.PHONY: help setup parity book pdf release test test-units test-run test-notebooks test-warm-notebooks lint serve bench clean distclean

help: ## this list
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo "Example: make book PARAMS=params/smoke.yaml ARGS=\"seed=1\""

# Any Python from 3.8 starts the set-up, which then looks for the best; without one, uv can bring it.
setup: ## the environment .venv: pinned packages, the PyTorch build for this machine, the sox program
	@for python in python3 python python3.13 python3.12 python3.11 python3.14; do \
	  if $$python -c "import sys; sys.exit(sys.version_info < (3, 8))" 2>/dev/null; then \
	    exec $$python tools/setup_env.py; \
	  fi; \
	done; \
	if command -v uv >/dev/null; then exec uv run --no-project --python 3.13 tools/setup_env.py; fi; \
	if command -v apt-get >/dev/null; then remedy="sudo apt-get install -y python3-venv"; \
	elif command -v brew >/dev/null; then remedy="brew install python@3.13"; \
	else remedy="conda install -y -c conda-forge python=3.13"; fi; \
	printf 'There is no Python on this machine. Run\n    %s\nand then this again.\n' "$$remedy" >&2; \
	exit 1

book: setup ## run the stages and build the book (PARAMS= a parameter file, ARGS= overrides) into _build/html
	$(BIN)/igsed book "$$PARAMS" $(ARGS)

pdf: setup ## run, build the book, and print all of it as one PDF, _build/igsed-book.pdf (needs Chromium)
	$(BIN)/igsed pdf "$$PARAMS" $(ARGS)

release: pdf ## an archive of book, PDF and source with its checksum, in _build/release
	$(BIN)/python tools/release.py

parity: setup ## what some tests compare with; where it does not install, they are skipped
	@$(BIN)/python tools/setup_env.py --parity

test: parity ## all tests
	@# Side by side on two cores: one small run with all that looks at it, and the tests that need none.
	@$(MAKE) --no-print-directory test-run > .run.log 2>&1 & run=$$!; \
	  $(MAKE) --no-print-directory test-units; units=$$?; \
	  wait $$run; run=$$?; cat .run.log; rm -f .run.log; exit $$((units | run))

test-units: parity ## a part of `make test`: what needs no run of the smoke parameters
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder --durations=30 tests $(addprefix --ignore=,$(WHOLE_RUNS) $(READERS))

test-run: parity ## a part of `make test`: the smoke run, its book, its readers, and every notebook by itself
	rm -rf .smoke .nbmake
	IGSED_TEST_FOLDER=.smoke $(PYTEST) --durations=5 $(WHOLE_RUNS)
	$(BIN)/igsed notebooks params/smoke.yaml experiment=nbmake --out .nbmake
	@# Side by side: what reads the pages, and the notebooks, which find in the store what the run computed.
	@$(MAKE) --no-print-directory test-notebooks > .nbmake.log 2>&1 & notebooks=$$!; \
	  IGSED_TEST_FOLDER=.smoke $(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder --durations=5 $(READERS); readers=$$?; \
	  wait $$notebooks; notebooks=$$?; cat .nbmake.log; rm -f .nbmake.log; exit $$((readers | notebooks))

test-notebooks:
	@# First what others read from, in its order (the main job and page 10), then the other pages, two at a time. The first
	@# page has a kernel as anybody has it, the others are forked with their libraries imported, as in a run.
	$(NBMAKE_FOLDERS) $(NBMAKE) .nbmake/01_*.ipynb
	$(NBMAKE_FOLDERS) $(BIN)/python tools/beside_warm_kernels.py $(MAKE) --no-print-directory test-warm-notebooks

test-warm-notebooks:
	$(NBMAKE) --nbmake-kernel igsed .nbmake/0[2-6]_*.ipynb .nbmake/10_*.ipynb
	$(NBMAKE) --nbmake-kernel igsed -n 2 --durations=5 .nbmake/0[7-9]_*.ipynb .nbmake/1[1-9]_*.ipynb .nbmake/2[0-9]_*.ipynb

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
	rm -rf runs store _build build .pytest_cache .mypy_cache .ruff_cache .hypothesis .snakemake .nbmake .smoke
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf .venv src/*.egg-info
