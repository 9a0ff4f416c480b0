"""Programs that some tests need and that no Python package brings."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    names: tuple[str, ...]  # any of them; may be patterns of paths
    package: str  # of Debian and Ubuntu
    loss: str  # what is not tested without it


PROGRAMS = {
    "PostgreSQL": Program(("/usr/lib/postgresql/*/bin/postgres", "postgres"), "postgresql", "everything on PostgreSQL"),
    "Redis": Program(("redis-server",), "redis-server", "everything on Redis"),
    "Chromium": Program(("chromium", "chromium-browser", "google-chrome"), "chromium", "the browser journeys"),
    "nginx": Program(("nginx", "/usr/sbin/nginx"), "nginx-light", "the example for nginx"),
}


def find(name: str) -> str | None:
    """The program's path; None when it is not there."""
    if name == "Chromium" and os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    for pattern in PROGRAMS[name].names:
        found = sorted(glob.glob(pattern)) if "/" in pattern else [path for path in [shutil.which(pattern)] if path]
        if found:
            return found[-1]
    return None


def missing() -> list[str]:
    return [name for name in PROGRAMS if find(name) is None]
