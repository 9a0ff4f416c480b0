"""What somebody looks for, as it was typed, and marking it in what was found."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

LEAST = 2  # characters, but for a transaction's number
LEAST_ID = 4  # of a transaction's id that the station gave it
MOST_WORDS = 6  # further ones narrow nothing down


class Text(NamedTuple):
    """What is looked for: as it was typed, its words, and its letters and digits alone, as EVSE IDs are compared."""

    whole: str
    words: tuple[str, ...]
    key: str

    @classmethod
    def of(cls, raw: str) -> Text:
        """From anything: NUL is none, and what is longer than a name is cut."""
        whole = " ".join(raw.replace("\x00", "").split())[:100].strip()
        return cls(whole, tuple(dict.fromkeys(whole.split()))[:MOST_WORDS], "".join(filter(str.isalnum, whole)).upper())

    def __bool__(self) -> bool:
        return bool(self.whole)

    def mark(self, value: str) -> SafeString:
        """`value` as HTML, with what was looked for marked in it."""
        ways = [r"[\W_]*".join(map(re.escape, self.key))] if len(self.key) >= LEAST_ID else []
        ways += [re.escape(word) for word in sorted((self.whole, *self.words), key=len, reverse=True)]
        parts = re.split(f"({'|'.join(ways)})", value, flags=re.IGNORECASE)  # every second one is a match
        return format_html_join("", "{}", ((format_html("<mark>{}</mark>", part) if n % 2 else part,) for n, part in enumerate(parts)))
