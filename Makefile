# Every target first sets up what it needs (tools/setup.sh): on a bare Debian 12, `make demo` is enough.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
READY := .venv/.ready
ARGS ?=

.PHONY: help demo serve hocphi test check format bench clean

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16
	@printf '%s\n' '' "  ARGS='…' hands words on: make demo ARGS='--no-serve --json', make hocphi ARGS='reconcile --date 2026-11-20'"

demo: $(READY) ## Live through a school's day with invented people, then serve it on http://127.0.0.1:8000
	@$(BIN)/hocphi demo $(ARGS)

serve: $(READY) ## Serve what is in the database (DATABASE_URL, or the embedded one under var/)
	@$(BIN)/hocphi serve $(ARGS)

hocphi: $(READY) ## Run any command: make hocphi ARGS='--help'
	@$(BIN)/hocphi $(ARGS)

test: $(READY) ## Run all tests, those in a browser and an office among them; ARGS go to pytest
	@tools/browser.sh
	@tools/office.sh
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: $(READY) ## Format, lint, types, arrows between packages, migrations up and down, the lock's addresses, texts, the page of errors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.check_circles
	$(BIN)/python -m tools.check_migrations
	$(BIN)/python -m tools.check_lock
	$(BIN)/python -m tools.texts check
	$(BIN)/python -m tools.errors_page --check

format: $(READY) ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

bench: $(READY) ## Measure the hot paths beside their baselines: a few minutes
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Delete the embedded database and all else that was generated; the environment stays
	@PYTHONDONTWRITEBYTECODE=1 python3 -m tools.clean
	rm -rf .grimp_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

$(READY): uv.lock pyproject.toml tools/setup.sh $(wildcard core/kit/locale/*/LC_MESSAGES/*.po)
	@tools/setup.sh
