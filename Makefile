# make run     set up what is missing and start the portal on http://127.0.0.1:$(PORT)
# make test    every test, on the embedded default and on PostgreSQL and Redis, browser journeys included
# make check   lint, types, migrations, deployment settings
# make bench   what the gateway can do (see bench/README.md)
# make format  bring the code into the house's layout

PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
export PORT

.PHONY: run test check bench format frontend
.DELETE_ON_ERROR:

run: $(VENV)/.installed frontend
	@exec $(PY) manage.py up

test: $(VENV)/.installed-dev frontend
	@$(PY) scripts/test.py

check: $(VENV)/.installed-dev frontend
	@scripts/check.sh

bench: $(VENV)/.installed
	@$(PY) bench/run.py

format: $(VENV)/.installed-dev
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format .

# npm packages to var/frontend, with the icons that the templates use
frontend: node_modules/.installed
	@$(PY) scripts/frontend.py

node_modules/.installed: package.json package-lock.json | $(VENV)/.installed
	@scripts/npm.sh ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.installed: requirements.txt
	@scripts/venv.sh $(VENV) requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt
	@scripts/venv.sh $(VENV) requirements-dev.txt
	@touch $(VENV)/.installed $@
