"""The steps of a decision in words: a sentence for each rule that was looked at, with the record it rests on named and linked as far as
the person who looks may see it. Of what they may not see they read only what it is to them: "a pass of an organization above"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.html import escape, format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import ChargePass, Listing, PassGroup, Provider, RoamingPolicy, RoamingToken
from stations.hooks import Step
from stations.models import Location, Station, Transaction
from tenancy.models import Organization
from tenancy.personal import MASK, sees
from tenancy.rights import PERSONAL_DATA, READ, READ_TRANSACTIONS, holds, may
from ui.templatetags.ui import exact

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

Text = str | Promise
_GAP = re.compile(r"%\((\w+)\)s")

# Record of a step -> model and what must be loaded with it
_MODELS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "pass": (ChargePass, ("organization",)),
    "listing": (Listing, ("organization", "charge_pass__organization")),
    "group": (PassGroup, ("organization",)),
    "token": (RoamingToken, ("provider__organization",)),
    "provider": (Provider, ("organization",)),
    "policy": (RoamingPolicy, ("organization",)),
    "station": (Station, ("location__organization",)),
    "location": (Location, ("organization",)),
    "transaction": (Transaction, ("station__location__organization",)),
}

# What a provider answers (OCPI AllowedType), going on after "says: "
ANSWERS: dict[str, Text] = {
    "ALLOWED": lazy("allowed"), "BLOCKED": lazy("blocked"), "EXPIRED": lazy("expired"), "NO_CREDIT": lazy("no credit left"),
    "NOT_ALLOWED": lazy("not allowed here"),
}  # fmt: skip
# RoamingPolicy.when_silent, going on after "when a network does not answer, "
SILENT: dict[str, Text] = {
    "refuse": lazy("the card is refused"), "known": lazy("cards that the provider has told of are accepted"),
    "any": lazy("every card is accepted"),
}  # fmt: skip


class Named(NamedTuple):
    """A record as somebody may know it."""

    name: str
    url: str = ""

    @property
    def html(self) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.url, self.name) if self.url else escape(self.name)


class Told(NamedTuple):
    """One step. `good` as in Step; `text` is the sentence, `source` the record it rests on, where the sentence does not name that."""

    rule: str
    good: bool | None
    text: SafeString
    source: SafeString = SafeString("")

    @property
    def mark(self) -> str:
        return {True: _("speaks for it"), False: _("speaks against it"), None: _("decides nothing")}[self.good]

    def __str__(self) -> str:
        return unescape(strip_tags(f"{self.text} {self.source}")).strip()


def read(stored: Any) -> list[Step]:
    """The steps as they are kept with a card that was offered: lists. What is no step is left out."""
    rows = stored if isinstance(stored, list | tuple) else ()
    return [Step(*row[:5]) for row in rows if isinstance(row, list | tuple) and len(row) >= 2 and isinstance(row[0], str)]


class Words:
    """Steps of any number of decisions in words; a query for each kind of record, however many there are."""

    def __init__(self, user: User | AnonymousUser, decisions: Iterable[Iterable[Step]]) -> None:
        self.user = user
        keys: dict[str, set[int]] = {}
        for steps in decisions:
            for step in steps:
                if step.key and step.record in _MODELS:
                    keys.setdefault(step.record, set()).add(step.key)
        self._rows: dict[str, dict[int, Any]] = {record: {row.pk: row for row in _read(record, found)} for record, found in keys.items()}

    def of(self, steps: Iterable[Step], location: Location, *, accepted: bool = False, asked: bool = True) -> list[Told]:
        """The steps of a decision at `location`; its organization must be loaded. `asked` False: nobody was really asked (a trial). Where
        the card was `accepted`, what did not help it spoke against nothing either.

        Who charged is personal data of the place: where that is masked, no record that leads to the card is named."""
        seen = holds(self.user, PERSONAL_DATA, location.organization.path, location.pk)
        told = [self._one(step, location, seen, asked) for step in steps]
        return [one._replace(good=one.good or None) for one in told] if accepted else told

    def _one(self, step: Step, location: Location, seen: bool, asked: bool) -> Told:
        row = self._rows.get(step.record, {}).get(step.key)
        named = _NAMES[step.record](self.user, row, step, location, seen) if step.record in _NAMES else Named("")
        say = SENTENCES.get((step.rule, step.good)) or SENTENCES.get((step.rule, None))
        if step.rule == "asked" and step.good is None and not asked:
            say = lazy("Its provider is not asked for this trial; for a card held to the reader it would be.")
        if not say:
            return Told(step.rule, step.good, escape(step.rule))
        sentence = str(say)
        text = format_html(_GAP.sub(r"{\1}", sentence), **_values(step, location), name=named.html)
        said = "%(name)s" in sentence or step.record == "pass"  # which pass the first sentence says
        return Told(step.rule, step.good, text, SafeString("") if said else named.html)


def _read(record: str, keys: Iterable[int]) -> Any:
    """Any that there are: `_NAMES` says of each what may be known of it."""
    model, joins = _MODELS[record]
    return model._default_manager.filter(pk__in=keys).select_related(*joins)


def _values(step: Step, location: Location) -> Mapping[str, str]:
    so_far, _slash, most = step.detail.partition("/")
    moment = parse_datetime(step.detail) if step.rule in ("begun", "not_over") else None
    return {
        "moment": _moment(moment, location),
        "time": step.detail,
        "so_far": so_far,
        "most": most,
        "answer": str(ANSWERS.get(step.detail, step.detail)).lower(),
        "silent": str(SILENT.get(step.detail, step.detail)),
    }


def _moment(moment: datetime | None, location: Location) -> str:
    return exact(moment, location.zone) if moment else ""


# (rule, outcome) -> a sentence; None stands for any outcome that has none of its own
SENTENCES: dict[tuple[str, bool | None], Text] = {
    ("open", True): lazy("The access mode is open: any card may charge, unchecked."),
    ("open", False): lazy("The access mode is not open: a card is needed."),
    ("no_authorization", True): lazy("The station is set to let everybody charge, without a card."),
    ("card", False): lazy("The station says that it began without a card."),
    ("typed", False): lazy("The number of a card was typed in at the station: whoever has seen the card could do that."),
    ("known", True): lazy("The card is known: %(name)s."),
    ("known", False): lazy("No pass with this UID is on a list that holds at this station."),
    ("not_blocked", True): lazy("The pass is not blocked."),
    ("not_blocked", False): lazy("The pass is blocked."),
    ("user_active", False): lazy("The user of the pass is deactivated."),
    ("begun", True): lazy("The pass is valid since %(moment)s."),
    ("begun", False): lazy("The pass is not valid before %(moment)s."),
    ("not_over", True): lazy("The pass is valid until %(moment)s."),
    ("not_over", False): lazy("The pass was valid until %(moment)s only."),
    ("place", True): lazy("It is restricted to some stations, and this is one of them."),
    ("place", False): lazy("It is restricted to other stations."),
    ("hours", True): lazy("It is restricted to some times; %(time)s at the station is within them."),
    ("hours", False): lazy("It is restricted to other times than %(time)s at the station."),
    ("day_energy", True): lazy("%(so_far)s of at most %(most)s kWh were charged that day."),
    ("day_energy", False): lazy("All it may charge in a day was used up: %(so_far)s of %(most)s kWh."),
    ("month_energy", True): lazy("%(so_far)s of at most %(most)s kWh were charged that month."),
    ("month_energy", False): lazy("All it may charge in a month was used up: %(so_far)s of %(most)s kWh."),
    ("whitelist_mode", True): lazy("The access mode takes passes that are on the whitelist."),
    ("whitelist_mode", False): lazy("The access mode takes no whitelist."),
    ("whitelisted", True): lazy("The pass is on the whitelist of %(name)s."),
    ("whitelisted", False): lazy("The pass is on the list of %(name)s, but not whitelisted there."),
    ("roaming_mode", True): lazy("The access mode takes cards of connected networks."),
    ("roaming_mode", False): lazy("The access mode takes no cards of networks."),
    ("network", True): lazy("A connected network knows the card."),
    ("network", False): lazy("No connected network knows the card."),
    ("network_valid", True): lazy("By what its provider has told, the card is valid."),
    ("network_valid", False): lazy("By what its provider has told, the card may not charge: %(answer)s."),
    ("asked", True): lazy("Its provider was asked and allows it."),
    ("asked", False): lazy("Its provider was asked and says: %(answer)s."),
    ("asked", None): lazy("Its provider did not answer in time, or could not be asked."),
    ("policy", True): lazy("When a network does not answer, %(silent)s."),
    ("policy", False): lazy("When a network does not answer, %(silent)s."),
    ("roaming_free", True): lazy("It is roaming free at %(name)s: no roaming surcharge."),
    ("concurrent", False): lazy("The card charges already: %(name)s."),
}  # fmt: skip


# -- records, as they may be known ------------------------------------------------------------------------------------------------------


def _whose(path: str, location: Location) -> str:
    """To which organization something belongs that may not be seen, as it stands to the station's."""
    here = location.organization.path
    if path == here:
        return _("the station's organization")
    return _("an organization above") if here.startswith(path) else _("another organization")


def _organization(user: User | AnonymousUser, organization: Organization, location: Location) -> str:
    return str(organization) if holds(user, READ, organization.path) else _whose(organization.path, location)


def pass_named(user: User | AnonymousUser, row: ChargePass | None, location: Location) -> Named:
    """A pass that decided at `location`, as `user` may know it: by name, masked, or only whose it is."""
    if row is None:
        return Named(_("a pass that has been deleted"))
    if not may(user, READ, row):
        return Named(_("a pass of %s") % _whose(row.organization.path, location))
    return Named(str(row) if sees(user, row) else MASK, row.get_absolute_url())


def _of_pass(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    return pass_named(user, row, location) if seen else Named(_("it has a pass"))


def _of_listing(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    if row is None:
        return Named(_("an organization whose list it is no longer on"))
    name = _organization(user, row.organization, location)
    return Named(name, row.charge_pass.get_absolute_url() if seen and may(user, READ, row.charge_pass) else "")


def _of_group(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    if row is None or not seen or not may(user, READ, row):
        return Named(_("the group of the pass"))
    return Named(_("group %s") % row, row.get_absolute_url())


def _of_token(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    if row is None:
        return Named(_("a card that is no longer there"))
    return (
        Named(str(row.provider), row.provider.get_absolute_url())
        if may(user, READ, row.provider)
        else Named(_("a network that is connected above"))
    )


def _of_provider(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    if row is None:
        return Named(_("a provider that is no longer connected") if step.key else "")
    return Named(str(row), row.get_absolute_url()) if may(user, READ, row) else Named(_("a network that is connected above"))


def _of_policy(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    return Named(_("chosen at %s") % _organization(user, row.organization, location) if row else "")


def _of_place(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    """Where the access mode is set, and its form for who may change it."""
    if row is None or not may(user, READ, row):
        return Named("")
    return Named(_("set at this station") if step.record == "station" else _("set at %s") % row, row.get_absolute_url())


def _of_transaction(user: User | AnonymousUser, row: Any, step: Step, location: Location, seen: bool) -> Named:
    if row is None or not seen or not (may(user, READ_TRANSACTIONS, row) and may(user, PERSONAL_DATA, row)):
        return Named(_("at another station"))
    return Named(_("transaction %(number)s at %(station)s") % {"number": row.pk, "station": row.station}, row.get_absolute_url())


_NAMES: dict[str, Callable[[Any, Any, Step, Location, bool], Named]] = {
    "pass": _of_pass, "listing": _of_listing, "group": _of_group, "token": _of_token, "provider": _of_provider, "policy": _of_policy,
    "station": _of_place, "location": _of_place, "transaction": _of_transaction,
}  # fmt: skip
