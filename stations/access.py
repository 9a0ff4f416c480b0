"""Access modes: what each of them means, and what comes of giving stations another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import hooks
from stations.hooks import Card, ModeEffect, place_of
from stations.models import AccessMode, Station
from tenancy.models import User

Text = str | Promise


class Meaning(NamedTuple):
    charges: Text  # who may
    pays: Text  # who does


MEANINGS: dict[str, Meaning] = {
    AccessMode.OPEN: Meaning(lazy("Anybody, with any card and without a check."), lazy("The owner pays; the cost is not passed on.")),
    AccessMode.WHITELIST: Meaning(
        lazy("Passes that are whitelisted on the list of the organization."), lazy("The driver charges free; the owner pays.")
    ),
    AccessMode.ROAMING: Meaning(
        lazy("Public: any card that is valid in a connected network."), lazy("The holder of the card pays; the owner is reimbursed.")
    ),
    AccessMode.ROAMING_WHITELIST: Meaning(
        lazy("Both: whitelisted passes, and any card that is valid in a connected network."),
        lazy("Whitelisted passes charge free; the holders of other cards pay."),
    ),
}


class Preview(NamedTuple):
    """What changes, before it does. `cards` are some of the passes that no longer charge, `more` how many there are beside them."""

    sentences: list[str]
    cards: tuple[Card, ...] = ()
    more: int = 0


def preview(user: User, changes: Iterable[tuple[Station, str]]) -> Preview:
    """Of stations, each with the mode that would be in force there. Their locations and organizations must be loaded."""
    real = [(station, mode) for station, mode in changes if station.effective_access_mode != mode]
    if not real:
        return Preview([_("Who may charge does not change by that.")])
    effect = hooks.cards_changed_by_mode(user, [(place_of(station), mode) for station, mode in real])
    said = [
        *_of_passes(effect, len(real)),
        *_of_others([(station.effective_access_mode, AccessMode(mode)) for station, mode in real], effect),
    ]
    said.append(_("What charges now goes on to its end: the change holds for cards that are offered from then on."))
    return Preview(said, effect.cards, effect.stop - len(effect.cards))


def _of_passes(effect: ModeEffect, stations: int) -> Iterable[str]:
    if not effect.counted:
        yield _("There are too many passes on the lists of these organizations to count what changes for them.")
        return
    here = ngettext("here", "at one of these stations or more", stations)
    if effect.stop:
        words = {"count": effect.stop, "all": effect.worked, "here": here}
        yield ngettext(
            "%(count)d of %(all)d passes will no longer work %(here)s.", "%(count)d of %(all)d passes will no longer work %(here)s.",
            effect.stop,
        ) % words  # fmt: skip
    elif effect.worked:
        yield ngettext(
            "The %d pass on a list that works here goes on working.", "All %d passes on lists that work here go on working.", effect.worked
        ) % effect.worked  # fmt: skip
    else:
        yield _("No pass on a list that you may see works here now.")
    if effect.begin:
        words = {"count": effect.begin, "here": here}
        yield ngettext("%(count)d pass will begin to work %(here)s.", "%(count)d passes will begin to work %(here)s.", effect.begin) % words
    if effect.paid:
        yield ngettext(
            "%d pass that charged free will be paid for by its holder.", "%d passes that charged free will be paid for by their holders.",
            effect.paid,
        ) % effect.paid  # fmt: skip
    if effect.free:
        yield ngettext(
            "%d pass that its holder paid for will charge free.", "%d passes that their holders paid for will charge free.", effect.free
        ) % effect.free  # fmt: skip


def _of_others(modes: Sequence[tuple[AccessMode, AccessMode]], effect: ModeEffect) -> Iterable[str]:
    """Of cards that are on no list."""
    if any(after == AccessMode.OPEN for _before, after in modes):
        yield _("Any card will charge, also one that nobody knows, and the owner pays for it.")
    if any(before == AccessMode.OPEN for before, _after in modes):
        yield _("Cards that nobody knows will no longer charge.")
    begin = any(after.roams and not before.roams for before, after in modes)
    if begin and AccessMode.OPEN in {before for before, _after in modes}:
        yield _("Cards of connected networks will be paid for by their holders.")
    elif begin:
        yield _("Cards of connected networks will work; their holders pay.")
    if any(before.roams and not after.roams and after != AccessMode.OPEN for before, after in modes):
        yield _("Cards of connected networks will no longer work.")
    if begin and not effect.networks:
        yield _("But no card provider is connected yet: until one is, no public card charges.")


def of_location(followers: int, own: int) -> list[str]:
    """How many stations go along when a location is given another mode."""
    said = [
        ngettext("%d station follows the location and changes with it.", "%d stations follow the location and change with it.", followers)
        % followers
        if followers
        else _("No station follows the location: nothing changes at any of them.")
    ]
    if own:
        said.append(
            ngettext(
                "%d station has an access mode of its own and stays as it is.", "%d stations have access modes of their own and stay.", own
            )
            % own
        )
    return said
