#!/bin/sh
# venv.sh FOLDER REQUIREMENTS: a virtual environment with these packages. PYTHON=… chooses the interpreter; it must be 3.11 or newer.
set -eu
venv=$1 requirements=$2
good='import sys; sys.exit(sys.version_info < (3, 11))'

if ! "$venv/bin/python" -c "$good" 2>/dev/null; then
    python=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if "$candidate" -c "$good" 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Energy Cloud needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "Making a virtual environment with $("$python" --version 2>&1) …"
    if ! "$python" -m venv --clear "$venv"; then
        rm -rf "$venv"
        echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "Installing $requirements …"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
