"""What a browser says of itself, in words that its owner recognizes."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

# The first that is found names it: the others pretend to be those further down.
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chromium/", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"), ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip


def device(agent: str) -> str:
    """ "Firefox on Windows"; what says nothing that we know is a browser that we do not know."""
    browser = next((name for sign, name in BROWSERS if sign in agent), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")


def is_phone(agent: str) -> bool:
    return bool(re.search(r"iPhone|iPad|Android|Mobile", agent))
