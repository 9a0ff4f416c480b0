"""What the page shell needs on every page: the main menu, whose portal it is, and which help page explains this one. A query for each
of the first two, and none where they are not drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet, Subquery, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from energycloud import help
from stations.models import Knock, Transaction, UnmatchedMessage
from tenancy.brand import brand_of
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.letters import sees_letters
from tenancy.rights import MANAGE_NETWORKS, MANAGE_STATIONS, READ_AUDIT, READ_TRANSACTIONS, UPDATE_USER_ROLES, anywhere, at_platform, reach
from tenancy.scope import Drill


@dataclass(frozen=True)
class Entry:
    label: str
    icon: str
    url: str
    active: bool
    badge: int = 0


class Level(NamedTuple):
    name: str
    url: str
    last: bool


def shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    route = request.resolver_match.url_name if request.resolver_match else None
    slug = help.explaining(route or "")
    return {
        "drill": getattr(request, "drill", None),
        "nav": SimpleLazyObject(lambda: _menu(request, user)),
        "way": SimpleLazyObject(lambda: _way(request, user)),
        "brand": SimpleLazyObject(lambda: brand_of(request)),
        "how_url": link("help_page", slug) if slug else "",
    }


def _way(request: HttpRequest, user: User) -> list[Level]:
    """From the highest level that the user may see down to the scope. On a page that shows no object of its own each level leads to the
    same page, limited to that level; elsewhere to the level's own page."""
    match = request.resolver_match
    same = match is not None and not match.kwargs and request.path not in {reverse("organization_add"), reverse("location_add")}
    way = request.drill.way(user)  # type: ignore[attr-defined]
    return [
        Level(str(place), f"{request.path}?{urlencode({'in': token})}" if same else place.get_absolute_url(), number == len(way))
        for number, (token, place) in enumerate(way, 1)
    ]


def _menu(request: HttpRequest, user: User) -> list[Entry]:
    scope = f"?{urlencode({'in': request.GET['in']})}" if request.GET.get("in") else ""
    path = request.path
    drill: Drill = getattr(request, "drill", None) or Drill()
    knocks, charges, member = at_platform(user, MANAGE_STATIONS), anywhere(user, READ_TRANSACTIONS), bool(reach(user).paths)
    waiting, wrong, knocking = User.objects.filter(pk=user.pk).values_list(
        _count(drill.limit(UnmatchedMessage.objects.visible_to(user)).filter(resolved_at=None)),
        _count(drill.limit(Transaction.objects.visible_to(user)).to_review()),
        _count(Knock.objects.all() if knocks else Knock.objects.none()),
    )[0]

    def entry(label: str, name: str, *, icon: str, badge: int | None = 0, but: str = "") -> Entry:
        url = reverse(name)
        active = path == url if url == "/" else path.startswith(url) and not (but and path.startswith(but))
        return Entry(label, icon, url + scope, active, badge or 0)

    entries = [
        entry(_("Dashboard"), "dashboard", icon="layout-dashboard"),
        entry(_("Stations"), "stations", icon="charging-pile", but=reverse("knocking") if knocks else ""),
        entry(_("Locations"), "locations", icon="building"),
        entry(_("Map"), "map", icon="map"),
        entry(_("Operations"), "operations", icon="tools"),
    ]
    if charges:
        entries += [
            entry(_("Transactions"), "transactions", icon="bolt", but=reverse("inbox")),
            entry(_("Inbox"), "inbox", icon="inbox", badge=(waiting or 0) + (wrong or 0)),
        ]
    if member:
        entries.append(entry(_("Passes"), "passes", icon="id-badge-2"))
    if charges:
        entries.append(entry(_("Cards offered"), "card_offers", icon="nfc"))
    if member:
        entries += [
            entry(_("Organizations"), "organizations", icon="sitemap"),
            entry(_("Users"), "users", icon="users"),
        ]
    if anywhere(user, MANAGE_NETWORKS):
        at = next(number for number, one in enumerate(entries) if one.icon == "sitemap") if member else len(entries)
        entries.insert(at, entry(_("Networks"), "providers", icon="affiliate"))
    if anywhere(user, UPDATE_USER_ROLES):
        entries.append(entry(_("Roles"), "roles", icon="shield-check"))
    if anywhere(user, READ_AUDIT):
        entries.append(entry(_("History"), "history", icon="history"))
    entries.append(entry(_("Help"), "help", icon="help"))
    if sees_letters(user):
        entries.insert(-1, entry(_("Mails"), "letters", icon="mail"))
    if knocks:
        entries.insert(2, entry(_("Knocking"), "knocking", icon="door-enter", badge=knocking))
    return entries


def _count(rows: QuerySet[Any]) -> Subquery:
    """How many, as a column; None for none."""
    return Subquery(rows.order_by().annotate(one=Value(1)).values("one").annotate(number=Count("pk")).values("number"))
