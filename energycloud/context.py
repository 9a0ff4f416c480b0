"""What the page shell needs on every page: the entries of the main menu. At most two small queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from stations.models import Knock, UnmatchedMessage
from tenancy.models import User


@dataclass(frozen=True)
class Entry:
    label: str
    icon: str
    url: str
    active: bool
    badge: int = 0


def shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    scope = f"?{urlencode({'in': request.GET['in']})}" if request.GET.get("in") else ""
    path = request.path

    def entry(label: str, name: str, *, icon: str, badge: int = 0, but: str = "") -> Entry:
        url = reverse(name)
        active = path == url if url == "/" else path.startswith(url) and not (but and path.startswith(but))
        return Entry(label, icon, url + scope, active, badge)

    entries = [
        entry(_("Dashboard"), "dashboard", icon="layout-dashboard"),
        entry(_("Stations"), "stations", icon="charging-pile", but=reverse("knocking")),
        entry(_("Locations"), "locations", icon="building"),
        entry(_("Map"), "map", icon="map"),
        entry(_("Transactions"), "transactions", icon="bolt", but=reverse("inbox")),
        entry(_("Inbox"), "inbox", icon="inbox", badge=UnmatchedMessage.objects.visible_to(user).filter(resolved_at=None).count()),
        entry(_("Passes"), "passes", icon="id-badge-2"),
        entry(_("Organizations"), "organizations", icon="sitemap"),
        entry(_("Help"), "help", icon="help"),
    ]
    if user.organization.parent_id is None:
        entries.insert(2, entry(_("Knocking"), "knocking", icon="door-enter", badge=Knock.objects.count()))
    return {"nav": entries}
