"""Where a pass charges and who pays there: its listings, each with the stations at which it speaks for the card.

It asks the decision itself, for one station of each kind, so that a page never says another thing than a station does. Times of the week
and energy do not say where: what is true without them is told, and beside it where they refuse now what is free at other times.
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
from django.utils.translation import ngettext

from passes.authorizing import facts_of
from passes.decision import Facts, Limits, ListingFact, decide, speaking
from passes.models import ChargePass, Listing, RoamingToken
from passes.reasons import REASONS
from stations.hooks import Offer, Place, Verdict
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
# Rules that refuse at some times what they let through at others
NOT_NOW: dict[str, Text] = {
    "hours": lazy("outside its times"),
    "day_energy": lazy("all used up today"),
    "month_energy": lazy("all used up this month"),
}
ROAMED = (Settlement.ROAMING, Settlement.ROAMING_FREE)
NOWHERE = -1  # the key of no station


class Outcome(NamedTuple):
    """How the pass charges. `form` is a Settlement; empty: it does not, and `why` says why not. `not_now` says why that is not so at this
    moment, and `instead` is the form of now."""

    form: str
    why: Text = ""
    not_now: Text = ""
    instead: str = ""


class Works(NamedTuple):
    """So many stations of one access mode where the pass charges in one way. `url` leads to these stations; empty where no list has just
    them."""

    outcome: Outcome
    mode: AccessMode
    number: int
    url: str = ""

    @property
    def form(self) -> str:
        return self.outcome.form

    @property
    def why(self) -> Text:
        return self.outcome.why

    @property
    def word(self) -> Text:
        if self.outcome.not_now:
            return _("%s, but not now") % IN_A_WORD[self.form]
        return IN_A_WORD[self.form]

    @property
    def who_pays(self) -> Text:
        return WHO_PAYS[self.form]

    @property
    def now(self) -> Text:
        """What happens at this moment and why, where that is something else."""
        if not self.outcome.not_now:
            return ""
        said = _("Now: %s, paid by the holder of the card.") if self.outcome.instead else _("Now: %s, refused.")
        return said % self.outcome.not_now

    @property
    def dot(self) -> str:
        if self.outcome.not_now:
            return "waiting"
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
    """`others` are stations at which no list of the pass holds, and a public card roams all the same."""

    at: list[At]
    notes: list[Text]  # what else restricts it, in sentences
    others: list[Works] = []

    @property
    def stations(self) -> int:
        """At how many it charges at all."""
        return sum(one.number for works in (*(at.works for at in self.at), self.others) for one in works if one.form)


Kept = tuple[Outcome, AccessMode]


class _Kind(NamedTuple):
    """Stations that are alike for this pass."""

    path: str
    mode: AccessMode
    inside: bool  # within the places that the pass is restricted to
    active: bool  # not deactivated
    time_zone: str
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
    found: dict[int, dict[Kept, int]] = {listing.pk: {} for listing in listings}
    others: dict[Kept, int] = {}
    below: dict[tuple[str, AccessMode], int] = {}
    idle = 0
    for kind, offer, facts in zip(kinds, offers, facts_of(offers), strict=True):
        below[kind.path, kind.mode] = below.get((kind.path, kind.mode), 0) + kind.number
        own = _own_listing(kind.path, listings)
        if own and not kind.active:
            idle += kind.number
        elif own:
            _count(found[own.pk], (_outcome(charge_pass, offer, facts, kind), kind.mode), kind.number)
        elif kind.active and kind.mode.roams:
            outcome = _elsewhere(user, offer, facts)
            if outcome.form in ROAMED:
                _count(others, (outcome, kind.mode), kind.number)
    return Reach(
        [_at(user, listing, found[listing.pk], below) for listing in listings],
        list(notes(charge_pass, idle)),
        [Works(outcome, mode, count) for (outcome, mode), count in sorted(others.items(), key=_order)],
    )


def _count(counts: dict[Kept, int], key: Kept, number: int) -> None:
    counts[key] = counts.get(key, 0) + number


def _order(one: tuple[Kept, int]) -> tuple[int, str, str]:
    (outcome, mode), _number = one
    return ORDER.index(outcome.form), str(mode), str(outcome.not_now)


def notes(charge_pass: ChargePass, deactivated: int = 0) -> Iterator[Text]:
    """What restricts the pass everywhere; of times and energy only that there is something. And how many stations are left out."""
    if deactivated:
        said = ngettext(
            "%d deactivated station is left out: nobody charges there.",
            "%d deactivated stations are left out: nobody charges there.",
            deactivated,
        )
        yield said % deactivated
    if charge_pass.blocked:
        yield _("It is blocked: until it is unblocked it charges at open stations alone where its lists hold.")
        return
    if charge_pass.user and not charge_pass.user.is_active:
        yield _("Its user is deactivated: until they are activated it charges at open stations alone where its lists hold.")
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
    roaming = Q(mode__in=[mode for mode in AccessMode if mode.roams])
    networks = RoamingToken.objects.filter(uid=charge_pass.uid, provider__active=True).order_by()
    for path in networks.values_list("provider__organization__path", flat=True).distinct():
        where |= Q(location__organization__path__startswith=path) & roaming
    inside = Q()
    for thing in (charge_pass, charge_pass.group):
        if thing and (thing.only_stations or thing.only_locations):
            inside &= Q(pk__in=thing.only_stations) | Q(location__in=thing.only_locations)
    within: Any = Case(When(inside, then=Value(True)), default=Value(False), output_field=BooleanField()) if inside else Value(True)
    rows = (
        Station.objects.visible_to(user)
        .annotate(mode=Coalesce(NullIf("access_mode", Value("")), "location__access_mode"), within=within)
        .filter(where)
        .order_by()
        .values_list("location__organization__path", "mode", "within", "active", "location__time_zone")
        .annotate(Count("pk"), Min("pk"), Min("location"))
    )
    for path, mode, is_inside, active, zone, count, station, location in rows:
        yield _Kind(path, AccessMode(mode), bool(is_inside), active, zone, count, station, location)


def _place(kind: _Kind) -> Place:
    return Place(kind.station, kind.location, kind.path, kind.mode, "location", kind.time_zone)


def _own_listing(path: str, listings: Iterable[Listing]) -> Listing | None:
    """That of the pass which holds at the organization with this path."""
    best: Listing | None = None
    for one in listings:
        at = one.organization.path
        if (at == path or (one.below and path.startswith(at))) and (best is None or len(at) > len(best.organization.path)):
            best = one
    return best


def _outcome(charge_pass: ChargePass, offer: Offer, facts: Facts, kind: _Kind) -> Outcome:
    spoken = speaking(kind.path, facts.listings)
    if kind.mode != AccessMode.OPEN and (spoken is None or spoken.charge_pass.key != charge_pass.pk):
        return Outcome("", _("Another pass with this UID is on the list there."))
    always, now = (decide(offer, of_places(facts, kind.inside, times)) for times in (False, True))
    outcome, instead = _of_verdict(always, spoken), _of_verdict(now, spoken).form
    # Which of the rules that look at times and energy refuses now
    refused = next((NOT_NOW[step.rule] for step in now.steps if step.good is False and step.rule in NOT_NOW), "")
    if refused and outcome.form != instead:
        return outcome._replace(not_now=refused, instead=instead)
    return outcome


def _of_verdict(verdict: Verdict, spoken: ListingFact | None) -> Outcome:
    if verdict.ask:  # its provider says so each time
        free = spoken is not None and spoken.roaming_free
        form = Settlement.ROAMING_FREE if free else Settlement.ROAMING
        return Outcome(str(form), _("if the card provider, asked each time, lets it"))
    return Outcome(verdict.settlement, "" if verdict.settlement else REASONS.get(verdict.reason, verdict.reason))


def _elsewhere(user: User, offer: Offer, facts: Facts) -> Outcome:
    """Where no list of the pass holds. Lists that are not the user's to see are left out of it: nothing can be learned of them."""
    listings = [one for one in facts.listings if holds(user, READ, one.organization_path)]
    facts = facts._replace(listings=listings)
    return _of_verdict(decide(offer, facts), speaking(offer.place.organization_path, listings))


def of_places(facts: Facts, inside: bool, times: bool) -> Facts:
    """`facts` with the restriction to places as it is there; `times`: with those to times and energy, else without."""

    def only_place(limits: Limits) -> Limits:
        rest = limits if times else Limits(limits.record, limits.key)
        return rest._replace(only_stations=() if inside else (NOWHERE,), only_locations=())

    def told(listing: Any) -> Any:
        limits = [only_place(one) for one in listing.charge_pass.limits]
        return listing._replace(charge_pass=listing.charge_pass._replace(limits=limits))

    return facts._replace(listings=[told(listing) for listing in facts.listings])


def _at(user: User, listing: Listing, found: dict[Kept, int], kinds: dict[tuple[str, AccessMode], int]) -> At:
    organization = listing.organization
    seen = holds(user, READ, organization.path)
    works = []
    for (outcome, mode), count in sorted(found.items(), key=_order):
        listed = sum(number for (path, of), number in kinds.items() if of == mode and path.startswith(organization.path))
        url = link("stations", **{"in": f"o{organization.pk}", "access": str(mode)}) if seen and listed == count else ""
        works.append(Works(outcome, mode, count, url))
    return At(listing, organization_name(user, organization), organization.get_absolute_url() if seen else "", works)
