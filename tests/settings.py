"""Settings of the tests: the portal's own, made quick. DATABASE_URL and REDIS_URL choose the engines as they do for the portal."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

# Nothing a test writes may touch the state of a portal that runs from this checkout. In memory where there is room: a disk that is busy
# with something else holds up whoever writes for seconds.
_memory = "/dev/shm"
_room = os.access(_memory, os.W_OK) and shutil.disk_usage(_memory).free > 2_000_000_000
_var = tempfile.TemporaryDirectory(prefix="energycloud-test-", dir=_memory if _room else None, ignore_cleanup_errors=True)
os.environ["ENERGYCLOUD_VAR"] = _var.name
os.environ.setdefault("SECRET_KEY", "only-for-tests-" * 4)
# Tests on several cores: each worker has a database of Redis to itself, as pytest-django gives it one of PostgreSQL.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker and os.environ.get("REDIS_URL"):
    os.environ["REDIS_URL"] = urlunsplit(urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{_worker.removeprefix('gw')}"))

from energycloud.settings import *  # noqa: E402, F403
from energycloud.settings import CHANNEL_LAYERS, DATABASES, EMBEDDED, STORAGES  # noqa: E402

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True  # no collectstatic before the tests
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LANGUAGE_CODE = "en"
if not EMBEDDED:
    CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = _worker  # what is published reaches every database

_default = DATABASES["default"]
if _default["ENGINE"].endswith("sqlite3"):
    # A file, because the ledger has a thread and a connection of its own; no fsync, because a test survives no power cut.
    _default["TEST"] = {"NAME": Path(_var.name) / "test.sqlite3"}
    _default["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
else:
    _default.setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=off"
