"""How far what was typed is from what is written, in typos."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache


def near(words: Sequence[str], written: str) -> int | None:
    """Typos with which all of `words` are found in `written`; None when one of them is not, or with too many."""
    parts = _plain(written).split()
    parts += [piece for part in parts if len(pieces := re.split(r"[\W_]+", part)) > 1 for piece in pieces if piece]
    total = 0
    for word in map(_plain, words):
        most = allowed(word)
        best = min((_to_beginning(word, part, most) for part in parts), default=most + 1)
        if best > most:
            return None
        total += best
    return total


def allowed(word: str) -> int:
    """Typos in a word of this length. None in a number, whose neighbours are others; few in an id, for the same reason."""
    if len(word) < 4 or word.isdigit():
        return 0
    return 1 if len(word) < 6 or any(map(str.isdigit, word)) else 2


def _plain(text: str) -> str:
    """In capitals and without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)).upper()


@lru_cache(8192)  # the same towns come again and again
def _to_beginning(word: str, part: str, most: int) -> int:
    """From `word` to what `part` begins with: one may still be typing."""
    if not most:
        return int(not part.startswith(word))
    return min(typos(word, part[: len(word) + most])[max(1, len(word) - most) :], default=most + 1)


def typos(one: str, other: str) -> list[int]:
    """Letters that were missed, added, taken for another, or swapped with the next: between `one` and each beginning of `other`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row
