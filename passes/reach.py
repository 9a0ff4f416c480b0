"""Where a pass charges and who pays there: its listings, each with the stations at which it speaks for the card.

It asks the decision itself, for one station of each kind, so that a page never says another thing than a station does. Times of the week
and energy are left out of it: they do not say where, and are told beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.db.models import BooleanField, Case, Count, Min, Q, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.authorizing import facts_of
from passes.decision import Facts, Limits, decide, speaking
from passes.models import ChargePass, Listing
from passes.reasons import REASONS
from stations.hooks import Offer, Place
from stations.models import AccessMode, Settlement, Station
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import READ, holds

Text = str | Promise

# Settlement -> in a word or two, and who pays; empty: it does not charge
IN_A_WORD: dict[str, Text] = {
    Settlement.OPEN: lazy("Free"),
    Settlement.WHITELIST: lazy("Free"),
    Settlement.ROAMING: lazy("Paid"),
    Settlement.ROAMING_FREE: lazy("Paid"),
    "": lazy("Not at all"),
}
WHO_PAYS: dict[str, Text] = {
    Settlement.OPEN: lazy("for any card; the owner of the station pays"),
    Settlement.WHITELIST: lazy("for the driver; the owner of the station pays"),
    Settlement.ROAMING: lazy("by the holder of the card"),
    Settlement.ROAMING_FREE: lazy("by the holder of the card, without the roaming surcharge"),
    "": "",
}
DOTS = {Settlement.OPEN: "available", Settlement.WHITELIST: "available", Settlement.ROAMING: "busy", Settlement.ROAMING_FREE: "busy"}
ORDER = ["whitelist", "open", "roaming_free", "roaming", ""]
NOWHERE = -1  # the key of no station


class Works(NamedTuple):
    """So many stations of one access mode where the pass charges in one way. `form` is a Settlement; empty: it does not charge, and `why`
    says why not. `url` leads to these stations; empty where no list has just them."""

    form: str
    mode: AccessMode
    number: int
    why: Text = ""
    url: str = ""

    @property
    def word(self) -> Text:
        return IN_A_WORD[self.form]

    @property
    def who_pays(self) -> Text:
        return WHO_PAYS[self.form]

    @property
    def dot(self) -> str:
        return DOTS[Settlement(self.form)] if self.form else "off"


class At(NamedTuple):
    """A listing, with what it means at the stations that one may see. `name` and `url` are those of its organization."""

    listing: Listing
    name: str
    url: str
    works: list[Works]

    @property
    def charges(self) -> bool:
        return any(one.form for one in self.works)


class Reach(NamedTuple):
    at: list[At]
    notes: list[Text]  # what else restricts it, in sentences

    @property
    def free_stations(self) -> int:
        """At how many it charges free because it is whitelisted."""
        return sum(one.number for at in self.at for one in at.works if one.form == Settlement.WHITELIST)

    @property
    def stations(self) -> int:
        """At how many it charges at all."""
        return sum(one.number for at in self.at for one in at.works if one.form)


class _Kind(NamedTuple):
    """Stations that are alike for this pass."""

    path: str
    mode: AccessMode
    inside: bool  # within the places that the pass is restricted to
    number: int
    station: int
    location: int


def organization_name(user: User, organization: Organization) -> str:
    """What stands above one's own organization is not one's business."""
    return str(organization) if holds(user, READ, organization.path) else _("an organization above")


def reach(user: User, charge_pass: ChargePass) -> Reach:
    """In a constant number of queries. Only stations that `user` may see are counted, only organizations that they may see are named."""
    listings = list(charge_pass.listings.select_related("organization").order_by("organization__path"))
    kinds = list(_kinds(user, charge_pass, listings))
    offers = [Offer(_place(kind), charge_pass.uid, timezone.now()) for kind in kinds]
    found: dict[int, dict[tuple[str, AccessMode, Text], int]] = {listing.pk: {} for listing in listings}
    below: dict[tuple[str, AccessMode], int] = {}
    for kind, offer, facts in zip(kinds, offers, facts_of(offers), strict=True):
        below[kind.path, kind.mode] = below.get((kind.path, kind.mode), 0) + kind.number
        own = _own_listing(kind.path, listings)
        if own is None:  # below a listing that holds at its organization alone
            continue
        form, why = _outcome(charge_pass, offer, facts, kind)
        key = form, kind.mode, why
        found[own.pk][key] = found[own.pk].get(key, 0) + kind.number
    return Reach([_at(user, listing, found[listing.pk], below) for listing in listings], list(notes(charge_pass)))


def notes(charge_pass: ChargePass) -> Iterator[Text]:
    """What restricts the pass everywhere; of times and energy only that there is something."""
    if charge_pass.blocked:
        yield _("It is blocked: until it is unblocked it charges at open stations alone.")
        return
    if charge_pass.user and not charge_pass.user.is_active:
        yield _("Its user is deactivated: until they are activated it charges at open stations alone.")
        return
    things = [charge_pass, *([charge_pass.group] if charge_pass.group else [])]
    if any(thing.hours for thing in things):
        yield _("What is free is so at certain times of the week only.")
    if any(thing.daily_kwh or thing.monthly_kwh for thing in things):
        yield _("What is free is so up to an amount of energy only.")


def _kinds(user: User, charge_pass: ChargePass, listings: Iterable[Listing]) -> Iterator[_Kind]:
    where = Q(pk__in=[])
    for listing in listings:
        where |= Q(location__organization__path__startswith=listing.organization.path)
    inside = Q()
    for thing in (charge_pass, charge_pass.group):
        if thing and (thing.only_stations or thing.only_locations):
            inside &= Q(pk__in=thing.only_stations) | Q(location__in=thing.only_locations)
    within: Any = Case(When(inside, then=Value(True)), default=Value(False), output_field=BooleanField()) if inside else Value(True)
    rows = (
        Station.objects.visible_to(user)
        .filter(where)
        .annotate(mode=Coalesce(NullIf("access_mode", Value("")), "location__access_mode"), within=within)
        .order_by()
        .values_list("location__organization__path", "mode", "within")
        .annotate(Count("pk"), Min("pk"), Min("location"))
    )
    for path, mode, is_inside, count, station, location in rows:
        yield _Kind(path, AccessMode(mode), bool(is_inside), count, station, location)


def _place(kind: _Kind) -> Place:
    return Place(kind.station, kind.location, kind.path, kind.mode, "location", "UTC")


def _own_listing(path: str, listings: Iterable[Listing]) -> Listing | None:
    """That of the pass which holds at the organization with this path."""
    best: Listing | None = None
    for one in listings:
        at = one.organization.path
        if (at == path or (one.below and path.startswith(at))) and (best is None or len(at) > len(best.organization.path)):
            best = one
    return best


def _outcome(charge_pass: ChargePass, offer: Offer, facts: Facts, kind: _Kind) -> tuple[str, Text]:
    spoken = speaking(kind.path, facts.listings)
    if kind.mode != AccessMode.OPEN and (spoken is None or spoken.charge_pass.key != charge_pass.pk):
        return "", _("Another pass with this UID is on the list there.")
    verdict = decide(offer, _of_places(facts, kind.inside))
    if verdict.ask:  # its provider says so each time
        free = spoken is not None and spoken.roaming_free
        return str(Settlement.ROAMING_FREE if free else Settlement.ROAMING), _("if the card provider, asked each time, lets it")
    return verdict.settlement, "" if verdict.settlement else REASONS.get(verdict.reason, verdict.reason)


def _of_places(facts: Facts, inside: bool) -> Facts:
    """`facts` with no restriction but that to places."""

    def only_place(limits: Limits) -> Limits:
        return Limits(limits.record, limits.key, () if inside else (NOWHERE,))

    def told(listing: Any) -> Any:
        limits = [only_place(one) for one in listing.charge_pass.limits]
        return listing._replace(charge_pass=listing.charge_pass._replace(limits=limits))

    return facts._replace(listings=[told(listing) for listing in facts.listings])


def _at(user: User, listing: Listing, found: dict[tuple[str, AccessMode, Text], int], kinds: dict[tuple[str, AccessMode], int]) -> At:
    organization = listing.organization
    seen = holds(user, READ, organization.path)
    works = []
    for (form, mode, why), count in sorted(found.items(), key=lambda one: (ORDER.index(one[0][0]), str(one[0][1]))):
        listed = sum(number for (path, of), number in kinds.items() if of == mode and path.startswith(organization.path))
        url = link("stations", **{"in": f"o{organization.pk}", "access": str(mode)}) if seen and listed == count else ""
        works.append(Works(form, mode, count, why, url))
    return At(listing, organization_name(user, organization), organization.get_absolute_url() if seen else "", works)
