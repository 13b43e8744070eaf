# Every target works on a machine with Python 3.11+ (venv), make and the package registries.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LOOK_VENV := .venv-look
LOOK := $(LOOK_VENV)/.ready
TEST_WORKERS ?= 2
BI_VENV := .venv-bi
BI_STAMP := $(BI_VENV)/.ready
BI_PORT ?= 8088

include telemetry.mk

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Omnihouse needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=/path/to/python3.11." >&2; exit 2; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: look
look: $(LOOK) ## the environment of notebooks and shell in .venv-look/; what needs it calls it

$(LOOK): notebooks/requirements.lock $(STAMP)
	@[ -x $(LOOK_VENV)/bin/python ] || $(PYTHON) -m venv $(LOOK_VENV)
	@VIRTUAL_ENV=$(CURDIR)/$(LOOK_VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes notebooks/requirements.lock
	@echo "$(CURDIR)" > "$$($(LOOK_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])')/omnihouse.pth"
	@touch $@

.PHONY: lock
lock: ## the lock file anew from pyproject.toml (uv picks the newest versions that fit)
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements.lock
	@$(BIN)/uv pip compile --group look --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o notebooks/requirements.lock

.PHONY: setup
setup: $(STAMP) ## the environment in .venv/, from the lock file, byte-compiled

.PHONY: run
run: $(STAMP) ## tonight's job; again: the next night (NIGHTS=n, UNTIL=n, NIGHTS=0, ACCEPT_RESTATEMENT=1)
	@$(BIN)/python -m dagster_project run

.PHONY: rebuild
rebuild: $(STAMP) ## the warehouse anew from the lake and the decisions
	@$(BIN)/python -m dagster_project rebuild

.PHONY: retrain
retrain: $(STAMP) ## learn a new model of probable links (ACCEPT_RESTATEMENT=1 where ids move)
	@$(BIN)/python -m dagster_project retrain

.PHONY: verify
verify: $(STAMP) ## check lake, decisions and publication against their records
	@$(BIN)/python -m dagster_project verify

.PHONY: quarantine
quarantine: $(STAMP) ## what was set aside and why (SOURCE=<source> RULE=<rule> for the keys of the rows)
	@$(BIN)/python -m dagster_project quarantine --source "$(SOURCE)" --rule "$(RULE)"

.PHONY: backup
backup: $(STAMP) ## copy what the home cannot make again: make backup TO=<folder>; run it again for what is new
	@$(BIN)/python -m dagster_project backup --to "$(TO)"

.PHONY: restore
restore: $(STAMP) ## put a backup back: make restore FROM=<folder>, into a new OMNIHOUSE_HOME or the same one
	@$(BIN)/python -m dagster_project restore --from "$(FROM)"

.PHONY: rollback
rollback: $(STAMP) ## readers return to the publication before
	@$(BIN)/python -m dagster_project rollback

.PHONY: reject
reject: $(STAMP) ## withdraw a load: make reject LOAD=<id>; its rows leave at the next run
	@$(BIN)/python -m dagster_project reject "$(LOAD)"

.PHONY: metrics
metrics: $(STAMP) ## a figure by its name: make metrics ASK="query --metrics aov --group-by metric_time__month"
	@$(BIN)/python -m dagster_project metrics $(ASK)

.PHONY: rfm
rfm: $(STAMP) ## recency, frequency and money as of a past day: make rfm AS_OF=<day> [KNOWN_AT=<night> OUT=<file>]
	@$(BIN)/python -m dagster_project rfm --as-of "$(AS_OF)" --known-at "$(KNOWN_AT)" --out "$(OUT)"

.PHONY: dbt-docs
dbt-docs: $(STAMP) ## dbt's documentation of the models as one page that needs no network
	@$(BIN)/python -m dagster_project dbt-docs

.PHONY: ui
ui: $(STAMP) ## the Dagster UI on 127.0.0.1:3000, schedule included
	@$(BIN)/python -m dagster_project ui

.PHONY: service
service: $(STAMP) ## systemd units for the UI and the schedule: make service PREFIX=<folder> [SERVICE_USER=<user>]
	@$(BIN)/python -m dagster_project service --prefix "$(or $(PREFIX),/usr/local)" --user "$(SERVICE_USER)"

# Superset wants older libraries than the warehouse, so it has an environment of its own, which only these targets make.
$(BI_STAMP): bi/requirements.lock $(STAMP)
	@[ -x $(BI_VENV)/bin/python ] || $(PYTHON) -m venv $(BI_VENV)
	@VIRTUAL_ENV=$(CURDIR)/$(BI_VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes bi/requirements.lock
	@touch $@

.PHONY: bi-lock
bi-lock: $(STAMP) ## Superset's lock file anew from bi/requirements.in
	@$(BIN)/uv pip compile bi/requirements.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o bi/requirements.lock

.PHONY: bi-import
bi-import: $(BI_STAMP) ## the dashboards of bi/assets into this home's Superset, with the columns as published now
	@$(BI_VENV)/bin/python bi/load.py

.PHONY: bi
bi: bi-import ## Apache Superset on 127.0.0.1:8088, with its dashboards on the published file
	@OMNIHOUSE_HOME="$${OMNIHOUSE_HOME:-$(CURDIR)/.omnihouse}" SUPERSET_CONFIG_PATH=$(CURDIR)/bi/superset_config.py \
		$(BI_VENV)/bin/gunicorn --worker-class gthread --threads 8 --timeout 120 --bind 127.0.0.1:$(BI_PORT) "superset.app:create_app()"

.PHONY: notebooks
notebooks: $(LOOK) ## notebooks as apps on 127.0.0.1:2718, on the published file (EDIT=1: to change them)
	@$(if $(EDIT),$(LOOK_VENV)/bin/marimo edit notebooks --host 127.0.0.1,$(LOOK_VENV)/bin/python notebooks/serve.py)

.PHONY: sql
sql: $(LOOK) ## a shell on the published file, to read; it begins with the list of tables
	@$(LOOK_VENV)/bin/python -m reports.shell

.PHONY: test
test: $(STAMP) ## every test that this machine can run, two side by side (TEST_WORKERS=n for another number)
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --no-loadscope-reorder

.PHONY: test-unit
test-unit: $(STAMP) ## the tests that take seconds
	@$(BIN)/python -m pytest tests/unit tests/architecture

BROWSER_STAMP := $(VENV)/.browser
$(BROWSER_STAMP): tests/e2e/requirements.lock $(STAMP)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r tests/e2e/requirements.lock
	@touch $@

.PHONY: test-browser
test-browser: $(BROWSER_STAMP) $(BI_STAMP) $(LOOK) ## what people see, in Debian's chromium; pictures in build/screenshots (OMNIHOUSE_BROWSER_HOME=<home>)
	@command -v chromium >/dev/null || apt-get install -qy --no-install-recommends chromium >/dev/null || { echo "Install Debian's package chromium first." >&2; exit 2; }
	@$(BIN)/python -m pytest tests/e2e

.PHONY: bench
bench: $(STAMP) ## what a night costs beside what one would use instead; one JSON object at the end (BENCH_PERSONS=200000)
	@$(BIN)/python -m bench

.PHONY: bench-compare
bench-compare: $(STAMP) ## what got slower by more than a tenth since a result: make bench-compare BASE=<json>
	@$(BIN)/python -m bench compare "$(BASE)" $(NEW)

.PHONY: torture
torture: $(STAMP) ## kills, corrupted inputs, full disks: HOURS=n (4 is the full form); the last line is one JSON object
	@$(BIN)/python -m tests.torture --hours "$(or $(HOURS),4)"

.PHONY: lint
lint: $(STAMP) ## ruff, sqlfluff, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 dbt/models dbt/tests

.PHONY: clean
clean: ## remove the environment and every cache of the checkout; a home is never touched
	@rm -rf $(VENV) $(BI_VENV) $(LOOK_VENV) dbt/target dbt/logs build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18
