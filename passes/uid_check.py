"""The one place that looks at a UID which somebody enters: whether it can be one, whether the card is known with its bytes in the other
order, and whether it is a public card. Forms, guides, learning a card and imports ask here. Remote start does not: apps send as they like.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import F, Q, Value
from django.db.models.functions import Replace, Upper
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import ChargePass, RoamingToken, check_uid, normalize_uid, reversed_uid
from passes.models.passes import is_printed_number, usual_uid
from stations.models import CardOffer
from tenancy.actions.moves import keys
from tenancy.models import Organization, User
from tenancy.personal import sees, where_seen
from tenancy.rights import MANAGE_PASSES, READ_TRANSACTIONS, condition

RECENTLY = timedelta(days=30)  # in which a card was offered at a station
HEXADECIMAL = re.compile(r"(?:[0-9A-F]{2}){2,10}")
FORMULA = "=+-@#"  # what a UID never begins with, whoever sends it
PUBLIC = lazy("A connected network knows this card: it is a public card. Do not whitelist a card that should be settled.")
PRINTED = lazy(
    "This looks like the number printed on the card. The UID is what the reader sends: 8, 14 or 20 hexadecimal digits, "
    "shown in the station's activity."
)


class Offered(NamedTuple):
    """A button beside a field: pressing it puts `value` there, under `name`."""

    label: str | Promise
    name: str
    value: str
    first: bool = False


class Refusal(NamedTuple):
    """Why something cannot be a UID: empty where it can. `printed`: it is the number on the card."""

    text: str = ""
    printed: bool = False

    def offers(self) -> list[Offered]:
        return [Offered(_("Put it into the visible number"), "take", "number", True)] if self.printed else []


class Look(NamedTuple):
    """What is to be said of a UID at an organization. `turned`: the other order of its bytes is what is known, and `other` is that UID.
    `public`: a network connected at the organization or above knows the card; more of it is not told. `odd` is a mere warning."""

    uid: str
    refusal: Refusal = Refusal()
    turned: str = ""
    other: str = ""
    public: bool = False
    odd: str = ""

    def asks_public(self, *, whitelist: bool, non_public: bool) -> bool:
        """Whether whoever lists the card so must be told that it is a public one."""
        return self.public and (whitelist or non_public)

    def offers(self) -> list[Offered]:
        """The buttons beside the field for `turned`."""
        return [Offered(_("Use %s") % self.other, "take", self.other, True), Offered(_("Keep %s") % self.uid, "keep_uid", self.uid)]


def look(user: User, organization: Organization, uid: str, typed: str = "", *, known: int | None = None) -> Look:
    """`typed` is the UID with its separators, where somebody typed it; `known` the pass that it belongs to already."""
    found = looks(user, [(organization, uid)], typed={uid: typed} if typed else None, leaving_out=() if known is None else (known,))
    return found[organization.pk, uid]


def looks(
    user: User,
    cards: Iterable[tuple[Organization, str]],
    *,
    typed: Mapping[str, str] | None = None,
    leaving_out: Collection[int] = (),
) -> dict[tuple[int, str], Look]:
    """(organization, normalized UID) -> what is to be said; in a constant number of queries. Passes and offered cards are told of as far as
    `user` may see whose they are."""
    wanted = {(place.pk, uid): place for place, uid in cards}
    turned = {uid: other for _place, uid in wanted if (other := reversed_uid(uid)) and other != uid}
    asked = {*turned.values(), *(uid for _place, uid in wanted)}
    passes = _passes(user, wanted.values(), turned.values(), leaving_out) if turned else {}
    offered = _offered(user, asked)
    networks = _networks(wanted.values(), asked)
    found = {}
    for (key, uid), place in wanted.items():
        line, other = {*keys(place.path)}, turned.get(uid, "")
        public, public_other = bool(networks.get(uid, set()) & line), bool(networks.get(other, set()) & line)
        said = ""
        if same := passes.get((key, other)):
            words = {"pass": same, "uid": other}
            said = _("This card may be a pass already, its bytes in the other order: %(pass)s, %(uid)s. Look there first.") % words
        elif other in offered and uid not in offered:
            said = _("Readers send this card as %s, its bytes in the other order.") % other
        elif public_other and not public:
            said = _("A connected network knows this card as %s, its bytes in the other order.") % other
        refusal = refused(uid, (typed or {}).get(uid, uid), offered=uid in offered)
        odd = "" if refusal.text or usual_uid(uid) else odd_length(uid)
        found[key, uid] = Look(uid, refusal, "" if refusal.text else said, other if said else "", public, odd)
    return found


def refused(uid: str, typed: str, *, offered: bool) -> Refusal:
    """Whether this can be a UID. What a station sends may be one whatever it looks like: `offered`."""
    if any(sign in "<>" for sign in uid) or uid[:1] in tuple(FORMULA):
        return Refusal(_("A UID has letters and digits only."))
    printed = is_printed_number(typed) or is_printed_number(uid)
    if printed and not (offered and usual_uid(uid)):
        return Refusal(str(PRINTED), printed=True)
    try:
        check_uid(uid)
    except ValidationError as error:
        return Refusal(str(error.messages[0]))
    if not offered and not HEXADECIMAL.fullmatch(uid):
        if re.fullmatch(r"[0-9A-F]+", uid):
            return Refusal(odd_length(uid))
        return Refusal(
            _(
                "This is no UID: a UID has 8, 14 or 20 digits from 0 to 9 and letters from A to F. It is in the activity of the station at "
                "which the card was offered; learn the card there if its reader sends something else."
            )
        )
    return Refusal()


def odd_length(uid: str) -> str:
    words = {"uid": len(uid)}
    return _("A UID has 8, 14 or 20 digits, this one has %(uid)d. Has the spreadsheet taken leading zeros away?") % words


def _passes(
    user: User, places: Iterable[Organization], uids: Iterable[str], leaving_out: Collection[int]
) -> dict[tuple[int, str], ChargePass]:
    rows = ChargePass.objects.visible_to(user).filter(organization__in={place.pk for place in places}, uid__in=set(uids))
    rows = rows.exclude(pk__in=leaving_out).select_related("organization")
    return {(one.organization_id, one.uid): one for one in rows if sees(user, one)}


def _offered(user: User, uids: Collection[str]) -> set[str]:
    """Those that were offered lately at stations whose cards `user` sees. Stations send them as they like: what they send is kept so."""
    tag: Any = F("id_tag")
    for sign in " :.-":
        tag = Replace(tag, Value(sign), Value(""))
    seen = condition(user, READ_TRANSACTIONS, CardOffer), condition(user, MANAGE_PASSES, CardOffer)
    either: Q = seen[0] | seen[1] if all(seen) else Q()
    rows = CardOffer.objects.filter(where_seen(user, CardOffer), either, at__gte=timezone.now() - RECENTLY)
    found = rows.alias(tag=Upper(tag)).filter(tag__in=set(uids))
    return {normalize_uid(sent) for sent in found.order_by().values_list("id_tag", flat=True).distinct()}


def _networks(places: Iterable[Organization], uids: Collection[str]) -> dict[str, set[int]]:
    """UID -> organizations with a connected network that knows it, of those at or above the places."""
    lines = {key for place in places for key in keys(place.path)}
    rows = RoamingToken.objects.filter(
        uid__in=set(uids), provider__active=True, provider__leaving_since=None, provider__organization__in=lines
    )
    found: dict[str, set[int]] = {}
    for uid, organization in rows.order_by().values_list("uid", "provider__organization"):
        found.setdefault(uid, set()).add(organization)
    return found
