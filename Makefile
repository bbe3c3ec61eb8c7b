# Foyer. `make demo` shows it, `make test` proves it. Everything that is made stays in .venv/ and var/.
# Written for GNU make 3.81 (macOS) and a plain sh.

SHELL = /bin/sh
SANDBOX_PORT := $(if $(PORT),$(PORT),4242)
PORT ?= 8000
BY ?= 1d
export PORT RESET

BIN = .venv/bin
RUNTIME = .venv/.runtime
DEVELOPMENT = .venv/.development
EXCHANGES = "$(CURDIR)/var/exchanges"
PYTEST = $(BIN)/python -m pytest -p xdist -n 2 -q --ignore=tests/contract
CHECKED = FOYER_VAR="$(CURDIR)/var/check" DATABASE_URL= FOYER_CLOCK_FILE= STRIPE_API_BASE=
TYPED = $(CHECKED) FOYER_DEMO=1 FOYER_THROWAWAY_SCHEMA=1
# A production environment for the checks of one: no real secret, host or server.
PRODUCTION = $(CHECKED) DEBUG=0 FOYER_DEMO=0 FOYER_THROWAWAY_SCHEMA=0 \
	SITE_URL=https://members.example.com TRUSTED_PROXIES=1 \
	SECRET_KEY=no-secret-but-long-enough-for-the-check-0123456789-abcdefgh ENCRYPTION_KEYS=another-that-is-no-secret-either \
	CELERY_BROKER_URL=redis://127.0.0.1/0 CACHE_URL=redis://127.0.0.1/1 EMAIL_URL=smtp://127.0.0.1:25

.PHONY: help setup demo sandbox advance test check migrations browser contract cli ci lock

help:
	@echo "make demo       a whole site with a month behind it (PORT=8000, RESET=1 to begin anew)"
	@echo "make advance    move the demo's time (BY=31d)"
	@echo "make test       the tests, on SQLite and on PostgreSQL"
	@echo "make check      formatting, types, imports, templates, security, migrations"
	@echo "make migrations every migration on a new PostgreSQL (a minute or two)"
	@echo "make browser    the journeys in a real browser (needs Chromium)"
	@echo "make contract   the exchanges with Stripe against its OpenAPI document"
	@echo "make cli        Stripe's official command line against the sandbox (needs npm; Linux on x86-64)"
	@echo "make ci         all of check, migrations, test, browser, contract, cli"
	@echo "make sandbox    the Stripe sandbox alone, on http://127.0.0.1:4242/sandbox/ (PORT=4242)"
	@echo "make setup      only install"

setup: $(RUNTIME)

demo: $(RUNTIME)
	@$(BIN)/python -m demo

sandbox: $(RUNTIME)
	@$(BIN)/python -m sandbox serve --port "$(SANDBOX_PORT)"

advance: $(RUNTIME)
	@$(BIN)/python -m demo.advance "$(BY)"

test: $(DEVELOPMENT)
	@rm -rf var/exchanges
	@echo "== SQLite"
	@DATABASE_URL= FOYER_EXCHANGES=$(EXCHANGES) FOYER_TESTS_ON=sqlite $(PYTEST) -m "not browser and not cli and not postgres"
	@echo "== PostgreSQL"
	@DATABASE_URL= FOYER_EXCHANGES=$(EXCHANGES) FOYER_TESTS_ON=postgresql $(PYTEST) -m "not browser and not cli"
	@echo "== All that was said to Stripe and by it"
	@$(BIN)/python -m tests.contract.check $(EXCHANGES)

# Bandit repeats what ruff's S rules excuse where it stands, without reading their noqa: those are skipped.
check: $(DEVELOPMENT)
	@mkdir -p var/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "$(BIN)/mypy"; $(TYPED) $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates sandbox/templates
	$(BIN)/bandit -q -ll --skip B308,B310,B608,B703 -r config hub billing activities sandbox demo
	@$(PRODUCTION) $(BIN)/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

migrations: $(DEVELOPMENT)
	@DATABASE_URL= $(BIN)/python -m tests.migrating

browser: $(DEVELOPMENT)
	@DATABASE_URL= $(BIN)/python -m pytest -q -m browser

contract: $(DEVELOPMENT)
	@DATABASE_URL= $(BIN)/python -m pytest -q tests/contract

cli: $(DEVELOPMENT)
	@$(BIN)/python -m tests.stripe_cli
	@DATABASE_URL= $(BIN)/python -m pytest -q -m cli tests/sandbox/test_stripe_cli.py

ci: check migrations test browser contract cli

# Installing. A second run does nothing.

$(RUNTIME): requirements.txt | $(BIN)/python
	@$(call install,requirements.txt)
	@touch $@

$(DEVELOPMENT): requirements-dev.txt | $(BIN)/python
	@$(call install,requirements-dev.txt)
	@touch $@ $(RUNTIME)

install = if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
	else \
		$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(1); \
	fi

$(BIN)/python:
	@python=; for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Foyer needs Python 3.11 or newer, and found none. Install one, or say which: make PYTHON=/path/to/python3"; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' >/dev/null 2>&1; then \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; \
	fi; \
	echo "Installing into .venv (about a minute, once)"; \
	$$python -m venv .venv

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-dev.in -o requirements-dev.txt
