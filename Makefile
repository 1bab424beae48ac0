# Every command of the project. CI calls these targets and nothing else, so that both see the same.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.perdure-setup
HAND_WRITTEN := src examples scripts tests bench
PRESENT = $(wildcard $(HAND_WRITTEN))
TYPED = $(wildcard src/perdure examples scripts tests bench)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment and install the project with its tools

$(STAMP): pyproject.toml constraints/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
		{ echo "Perdure needs Python 3.11, 3.12 or 3.13 as $(PYTHON); name another one with make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints/dev.txt hatchling
	$(BIN)/python -m pip install --quiet --constraint constraints/dev.txt --no-build-isolation --editable '.[dev]'
	@touch $@

.PHONY: run
run: setup wheel ## Audit the wheel just built with the example integration, shown live
	scripts/run.sh dist/*.whl

.PHONY: wheel
wheel: setup ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --wheel --outdir dist .

.PHONY: test
test: setup ## Run the tests
	$(BIN)/python -m pytest

.PHONY: soak
soak: setup ## Live 10,000 random lives of executions instead of the 300 of `make test`
	PERDURE_TESTS_LIVES=10000 $(BIN)/python -m pytest tests/domain/test_life.py

.PHONY: check
check: lint types imports sizes house verify contract ## Everything that must hold besides the tests

.PHONY: lint
lint: setup ## Ruff: rules and format
	$(BIN)/ruff check $(PRESENT)
	$(BIN)/ruff format --check $(PRESENT)

.PHONY: format
format: setup ## Let ruff sort imports and format what is hand-written
	$(BIN)/ruff check --select I --fix $(PRESENT)
	$(BIN)/ruff format $(PRESENT)

.PHONY: types
types: setup ## mypy, strict
	$(BIN)/mypy $(TYPED)

.PHONY: imports
imports: setup ## The import contracts
	$(BIN)/lint-imports --no-logo

.PHONY: sizes
sizes: setup ## At most 400 lines a module and 60 a function
	$(BIN)/python scripts/check_sizes.py

.PHONY: house
house: setup ## House rules that no other tool knows
	$(BIN)/python scripts/check_house.py

.PHONY: generate
generate: setup ## Generate the Python messages and stubs from protos/
	PYTHON=$(PYTHON) scripts/generate.sh

.PHONY: reference
reference: setup ## Write the pages of docs/ that are generated from the code
	$(BIN)/python -m scripts.reference_pages
	$(BIN)/python scripts/state_machine.py

.PHONY: verify
verify: setup ## Prove that the generated code and pages are current
	PYTHON=$(PYTHON) scripts/generate.sh --verify
	$(BIN)/python -m scripts.reference_pages --check
	$(BIN)/python scripts/state_machine.py --check

.PHONY: contract
contract: setup ## buf: lint, format, and no breaking change against the baselines
	$(BIN)/buf lint
	$(BIN)/buf format -d --exit-code --exclude-path protos/google
	$(BIN)/buf breaking --against protos/baseline/v1.binpb
	$(BIN)/buf breaking --against protos/baseline/internal_v1.binpb

.PHONY: api-lint
api-lint: ## Google's API linter over the contract (needs Go)
	scripts/api-lint.sh

.PHONY: tour
tour: setup ## Take the tours of the README and the docs against servers of their own (needs grpcurl)
	scripts/tour.sh

.PHONY: record
record: setup ## Take the tours and write what comes out into the pages
	scripts/tour.sh --record

.PHONY: package
package: setup ## Build sdist and wheel, look inside, install the wheel alone and start it
	scripts/check_package.sh

.PHONY: bench
bench: setup ## Measure this machine and print the table
	$(BIN)/python -m bench

.PHONY: constraints
constraints: setup ## Pin the newest versions that pyproject.toml allows (needs uv in the environment)
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
		--no-header --no-emit-index-url --extra yaml --extra tui \
		--output-file constraints/runtime.txt
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
		--no-header --no-emit-index-url --extra dev --constraint constraints/runtime.txt \
		--output-file constraints/dev.txt

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-generate .tools dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PRESENT) -name __pycache__ -type d -prune -exec rm -rf {} +
