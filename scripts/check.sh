#!/bin/sh
# What must hold before a change goes in: lint, layout, types, templates, migrations, deployment settings. A warning is a failure.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
var=$(mktemp -d)
trap 'rm -rf "$var"' EXIT
say() { printf '\n== %s\n' "$*"; }

# The longest of all, on a core of its own
mkdir "$var/types"
ENERGYCLOUD_VAR="$var/types" "$bin/mypy" > "$var/mypy" 2>&1 &
mypy=$!

say "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check .
say "djlint"
"$bin/djlint" templates --lint --quiet
say "migrations match the models"
ENERGYCLOUD_VAR="$var" "$bin/python" -W error manage.py makemigrations --check --dry-run
say "deployment settings"
ENERGYCLOUD_VAR="$var" SECRET_KEY="$("$bin/python" -c 'import secrets; print(secrets.token_urlsafe(60))')" DEBUG=0 HTTPS=1 TRUSTED_PROXIES=1 \
    ALLOWED_HOSTS=portal.example.org DATABASE_URL=postgresql://portal@127.0.0.1:5432/portal REDIS_URL=redis://127.0.0.1:6379/0 \
    "$bin/python" manage.py check --deploy --fail-level WARNING
say "mypy"
wait "$mypy" || { cat "$var/mypy"; exit 1; }
cat "$var/mypy"
say "All checks passed."
