"""Commands of `manage.py`, a JSON list of arguments on each line; each is answered by `[exit code, output, errors]`.

Every command has a process of its own, as at a shell; only what it imports is there already, and it leaves without clearing that away.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback

import django
from django.urls import get_resolver

import manage


def run(arguments: list[str]) -> int:
    sys.argv[1:] = arguments
    try:
        manage.main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    django.setup()
    assert get_resolver().url_patterns  # which Django's checks import
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            child = os.fork()
            if not child:
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                code = run(json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            errors.seek(0)
            print(json.dumps([code, output.read(), errors.read()]), flush=True)


if __name__ == "__main__":
    main()
