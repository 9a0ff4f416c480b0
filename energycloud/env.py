"""Reading the environment: every value is checked here, and a wrong one stops the start with one clear sentence."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

_HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:.]+\]")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    if raw.strip().lower() in _TRUE:
        return True
    if raw.strip().lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def number(name: str, default: int, *, least: int = 0) -> int:
    raw = text(name)
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        value = least - 1
    if value < least:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {least}, not {raw!r}.")
    return value


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    """One of `choices`, whatever its case."""
    value = text(name, default)
    if value.upper() not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value.upper()


def header(name: str, proxies: int) -> str:
    """A header that `proxies` set, in lower case; empty when unset."""
    value = text(name).lower()
    if value and not re.fullmatch(r"[a-z0-9-]{1,60}", value):
        raise ImproperlyConfigured(f"{name} must be the name of a header such as X-SSL-Client-Cert, not {text(name)!r}.")
    if value and not proxies:
        raise ImproperlyConfigured(f"{name} needs TRUSTED_PROXIES: without a proxy in front anybody could send this header.")
    return value


def party(name: str, default: str) -> tuple[str, str]:
    """A party of OCPI: its country code and party id, such as NL*ECL."""
    found = re.fullmatch(r"([A-Z]{2})\*?([A-Z0-9]{3})", text(name, default).upper())
    if not found:
        raise ImproperlyConfigured(f"{name} must be a country code and a party id such as NL*ECL, not {text(name)!r}.")
    return found[1], found[2]


def zone(name: str, default: str) -> str:
    """A time zone's name."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ImproperlyConfigured(f"{name} must be a time zone such as Europe/Amsterdam, not {value!r}.") from error
    return value


def folder(name: str, default: Path) -> Path:
    """A folder in which we may write; made, for nobody else to look into, when it is not there."""
    path = Path(text(name, str(default))).absolute()
    try:
        path.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: the folder {path} cannot be made ({error.strerror}).") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"{name}: nothing can be written into the folder {path}.")
    return path


def words(name: str, default: list[str]) -> list[str]:
    """A comma separated list."""
    raw = text(name)
    return [word.strip() for word in raw.split(",") if word.strip()] if raw else default


def hosts(name: str, default: list[str]) -> list[str]:
    """Host names as Django's ALLOWED_HOSTS wants them: with a scheme or a port they would match nothing."""
    found = words(name, default)
    for host in found:
        if not _HOST.fullmatch(host):
            raise ImproperlyConfigured(f"{name} must be names or addresses such as portal.example.org, separated by commas, not {host!r}.")
    return found


def origins(name: str) -> list[str]:
    """Origins as a browser sends them: scheme, host and perhaps a port."""
    found = words(name, [])
    for value in found:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise ImproperlyConfigured(f"{name} must be origins such as https://portal.example.org, separated by commas, not {value!r}.")
    return found


def database(name: str, folder: Path) -> dict[str, Any]:
    """DATABASE_URL as a Django database; without it SQLite in `folder`, tuned so that a committed answer survives a power cut."""
    raw = text(name)
    if not raw:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder / "energycloud.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
            },
        }
    scheme = urlsplit(raw).scheme
    if scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"{name} must look like postgresql://user:password@host:5432/name, not {scheme or raw}://…. Leave it out for SQLite."
        )
    try:
        config: dict[str, Any] = environ.Env.db_url_config(raw)
    except Exception as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}.") from error
    if not config.get("NAME"):
        raise ImproperlyConfigured(f"{name} names no database: it must end in /name.")
    # Under ASGI every request thread would keep a connection of its own; the gateway's ledger holds its own for good.
    config["CONN_MAX_AGE"] = 0
    # Who waits gives up as soon as the pool does: the next to ask makes it try again at once. By itself it would pause for minutes
    # after a long outage, with all stations waiting.
    config.setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": number("DATABASE_POOL", 10, least=2),
        "timeout": 10,
        "reconnect_timeout": 10,
    }
    return config


def redis_url(name: str) -> str:
    raw = text(name)
    if raw and urlsplit(raw).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must look like redis://host:6379/0, not {raw!r}. Leave it out for one process.")
    return raw


def mail(name: str) -> dict[str, Any]:
    """EMAIL_URL (smtp://user:password@host:587, smtp+tls://…, smtp+ssl://…) as Django's EMAIL_… settings; {} when unset."""
    raw = text(name)
    if not raw:
        return {}
    if urlsplit(raw).scheme not in {"smtp", "smtps", "smtp+tls", "smtp+ssl"}:
        raise ImproperlyConfigured(f"{name} must look like smtp+tls://user:password@host:587, not {raw.split(':')[0]}:….")
    try:
        config: dict[str, Any] = environ.Env.email_url_config(raw)
    except Exception as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}.") from error
    return config


def secret(name: str, folder: Path) -> str:
    """SECRET_KEY; on the embedded default a random one is made once and kept beside the database."""
    raw = text(name)
    if raw:
        if len(raw) < 32:
            raise ImproperlyConfigured(f"{name} is too short: it needs at least 32 random characters.")
        return raw
    if text("DATABASE_URL"):
        raise ImproperlyConfigured(
            f"{name} is missing: with DATABASE_URL set, every process needs the same {name} (32 or more random characters)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "secret_key"
    if not file.exists():
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(50))
        except FileExistsError:
            pass  # another process made it in the same moment
    return file.read_text()


def origin(name: str) -> str:
    """Scheme and host of a URL, as Content-Security-Policy wants them; `{s}` in the host stands for any subdomain."""
    parts = urlsplit(text(name).replace("{s}", "*"))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ImproperlyConfigured(f"{name} must be a URL such as https://tile.example.org/{{z}}/{{x}}/{{y}}.png, not {text(name)!r}.")
    return f"{parts.scheme}://{parts.netloc}"


def base_url(name: str, schemes: Sequence[str] = ("http", "https")) -> str:
    """Scheme, host and perhaps a port, without a slash at the end; empty when unset."""
    raw = text(name).rstrip("/")
    parts = urlsplit(raw)
    if raw and (parts.scheme not in schemes or not parts.netloc or parts.path or parts.query):
        raise ImproperlyConfigured(f"{name} must be an address such as {schemes[-1]}://portal.example.org, not {raw!r}.")
    return raw
