"""What the stations' pages ask about cards: the answer to `stations.hooks.Cards`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from passes.authorizing import listed
from passes.findings import remarks
from passes.mode_changes import changed_by_mode
from passes.models import ChargePass, check_uid, normalize_uid
from passes.reasons import REASONS
from passes.remedies import add_url
from stations.hooks import Button, Card, ModeEffect, Place, Remark
from stations.models import AccessMode, Station
from tenancy.links import link
from tenancy.personal import MASK, sees
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ_TRANSACTIONS, holds, may

if TYPE_CHECKING:
    from stations.cards import Face
    from stations.models import CardOffer
    from tenancy.models import Organization, User

MOST_FOUND = 500  # by a name
MOST_CHOICES = 200  # in a list to choose from; a UID can always be typed


class Desk:
    reasons: Mapping[str, str | Promise] = REASONS

    def clean_uid(self, typed: str) -> str:
        uid = normalize_uid(typed)
        check_uid(uid)
        return uid

    def known(self, user: User | AnonymousUser, id_tags: Collection[str]) -> dict[str, Card]:
        """A card with passes in several organizations is named as the user knows it; one whose passes are elsewhere only, or where names
        are masked, is hidden."""
        tags: dict[str, list[str]] = {}
        for tag in id_tags:
            tags.setdefault(normalize_uid(tag), []).append(tag)
        found: dict[str, Card] = {}
        for charge_pass in ChargePass.objects.filter(uid__in=tags).select_related("organization", "user").order_by("pk"):
            visible = sees(user, charge_pass)
            for tag in tags[charge_pass.uid]:
                if visible:
                    found[tag] = Card(str(charge_pass), charge_pass.get_absolute_url(), user=str(charge_pass.user or ""))
                else:
                    found.setdefault(tag, Card(hidden=True))
        return found

    def named(self, user: User | AnonymousUser, text: str) -> list[str]:
        found = ChargePass.objects.visible_to(user, PERSONAL_DATA).filter(Q(nickname__icontains=text) | Q(visible_number__icontains=text))
        return list(found.order_by("pk").values_list("uid", flat=True)[:MOST_FOUND])

    def startable(self, user: User | AnonymousUser, place: Place) -> list[tuple[str, str]]:
        mode, now, here = AccessMode(place.access_mode), timezone.now(), listed(place.organization_path)
        if mode != AccessMode.OPEN:  # where any card charges, all that are on the list are at hand
            charging = Q(whitelist=True) if mode.whitelists else Q(pk__in=[])
            here = here.filter(charging | Q(roaming_free=True) if mode.roams else charging)
        usable = (
            ChargePass.objects.visible_to(user, PERSONAL_DATA)
            .filter(Q(valid_until=None) | Q(valid_until__gt=now), Q(valid_from=None) | Q(valid_from__lte=now), blocked=False)
            .filter(listings__in=here)
            .order_by("nickname", "uid")[:MOST_CHOICES]
        )
        return list({charge_pass.uid: str(charge_pass) for charge_pass in usable}.items())

    def changed_by_move(self, user: User | AnonymousUser, from_path: str, to_path: str) -> tuple[int, int]:
        now = timezone.now()
        valid = ChargePass.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now), blocked=False).order_by()

        def gone(path: str, other: str) -> int:
            """Those that charge free at the one and not at the other."""
            here, there = (valid.filter(listings__in=listed(where).filter(whitelist=True)) for where in (path, other))
            return here.visible_to(user).exclude(uid__in=there.values("uid")).values("uid").distinct().count()

        return gone(from_path, to_path), gone(to_path, from_path)

    def changed_by_mode(self, user: User, changes: Sequence[tuple[Place, str]]) -> ModeEffect:
        return changed_by_mode(user, changes)

    def doings(self, user: User | AnonymousUser, offer: CardOffer, face: Face) -> tuple[Button, ...]:
        why = Button(_("Why?"), link("card_offer", offer.pk))
        url = add_offered(user, offer, face)
        return (why, Button(_("Add as a pass"), url)) if url else (why,)

    def check_url(self, user: User | AnonymousUser, station: Station) -> str:
        allowed = may(user, READ_TRANSACTIONS, station) and may(user, PERSONAL_DATA, station)
        return link("card_check", station=str(station.pk)) if allowed else ""

    def remarks(self, user: User, station: Station) -> list[Remark]:
        if not may(user, READ_TRANSACTIONS, station):
            return []
        return remarks(user, Station.objects.visible_to(user, READ_TRANSACTIONS).filter(pk=station.pk))


def add_offered(user: User | AnonymousUser, offer: CardOffer, face: Face) -> str:
    """The form that makes a card that was offered a pass of the station's organization: where nobody knew it, nobody knows it now as far
    as `user` can tell, and they may add it. Else empty."""
    organization = offer.station.location.organization
    unknown = not (offer.pass_key or offer.token_key or offer.holder or face.url or face.number in ("", MASK))
    return add_url(organization, offer.id_tag) if unknown and holds(user, MANAGE_PASSES, organization.path) else ""


def tab_of_cards(request: HttpRequest, organization: Organization) -> Iterable[tuple[str, Any, str]]:
    """The way from an organization to the cards offered at its stations."""
    if holds(request.user, READ_TRANSACTIONS, organization.path):
        yield "cards", _("Cards offered"), link("card_offers", **{"in": f"o{organization.pk}"})
