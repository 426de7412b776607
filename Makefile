# Every target does all of its own set-up.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-long quality-gate-cutover check bench lock clean
BIN := .venv/bin
# Tests of one file stay on one worker, files in order; ARGS="-n 0" runs them all in this process.
WORKERS := -n 2 --dist loadscope --no-loadscope-reorder

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s'|'

setup: ## make .venv with pinned dependencies
	@scripts/setup.sh

run: setup ## train and judge models on twenty years of real bars, write report.html
	@$(BIN)/stairway run $(ARGS)

test: ## everything that must hold, in under fifteen minutes
	@scripts/setup.sh tests
	@$(BIN)/pytest $(WORKERS) -m "not long" $(ARGS)

test-long: ## the same with long profiles of faults and properties
	@scripts/setup.sh tests
	@STAIRWAY_PROFILE=long $(BIN)/pytest $(WORKERS) $(ARGS)

quality-gate-cutover: setup ## judge SOURCE=... from CUTOVER_TS=... on: 0 it passes, else not (make says 2 for an error too)
	@$(if $(and $(SOURCE),$(CUTOVER_TS)),:,echo "give both: make $@ SOURCE=bot.jsonl CUTOVER_TS=2026-03-02T11:00:00Z" >&2; exit 1)
	@$(BIN)/stairway gate --source "$(SOURCE)" --after "$(CUTOVER_TS)" $(ARGS)

check: setup ## format, lint, types, import contracts
	@$(BIN)/ruff format --check src tests benchmarks scripts
	@$(BIN)/ruff check src tests benchmarks scripts
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache

bench: setup ## measure every hot path, peers beside it, into benchmarks/results
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup ## pin the newest dependencies that fit pyproject.toml
	@scripts/lock.sh

clean: ## remove what can be made again
	@rm -rf .venv build dist runs .pytest_cache .ruff_cache .hypothesis
