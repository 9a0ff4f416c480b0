"""A small believable tree to look at: `manage.py demo` makes it, `manage.py simulate` lets some of its stations live."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def stations_file() -> Path:
    """What the simulator needs to connect, passwords included: readable by the owner of the portal's files only."""
    return Path(settings.VAR_DIR) / "demo-stations.json"
