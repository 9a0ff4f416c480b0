"""Cards as the person who looks may know them: who charged is personal data of the place where it was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from stations import hooks
from stations.models import Location
from tenancy.personal import MASK
from tenancy.rights import PERSONAL_DATA, holds

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

AT_ONCE = 1000  # cards whose passes are asked for in one query


class Face(NamedTuple):
    """A card: what the reader sent of it, and its pass by name and address, as far as they are known. Masked, the number is MASK."""

    number: str
    name: str = ""
    url: str = ""
    user: str = ""  # whose pass it is

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.name and self.name != self.number else self.number


class Faces:
    """The cards of some rows. `used` pairs each card with the location where it was held to a reader; its organization must be loaded.

    Nothing is asked about a card that is masked. One query for a page, one per AT_ONCE cards for a whole export."""

    def __init__(self, user: User | AnonymousUser, used: Iterable[tuple[str, Location]]) -> None:
        self.user = user
        self._seen: dict[int, bool] = {}
        tags = sorted({tag for tag, location in used if tag and self.seen(location)})
        self._known: dict[str, hooks.Card] = {}
        for first in range(0, len(tags), AT_ONCE):
            self._known |= hooks.known_cards(user, tags[first : first + AT_ONCE])

    def seen(self, location: Location) -> bool:
        """Whether the cards used at `location` are shown."""
        if location.pk not in self._seen:
            self._seen[location.pk] = holds(self.user, PERSONAL_DATA, location.organization.path, location.pk)
        return self._seen[location.pk]

    def of(self, tag: str, location: Location, holder: str = "") -> Face:
        """`holder` is the name of its pass at that time; today's goes before."""
        if not tag:
            return Face("")
        if not self.seen(location):
            return Face(MASK)
        card = self._known.get(tag)
        if card is None:
            return Face(tag, holder)
        return Face(tag, card.name or ("" if card.hidden else holder), card.url, card.user)
