"""What stations keep of a pass: the stations where its card was held to the reader, each with the way to ask it."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from passes.pages.sheet import crumbs, name_of, pass_of
from stations import customer_information
from stations.models import CardOffer, Station
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import PERSONAL_DATA

MOST = 100  # stations shown, where the card was offered last


class Row(NamedTuple):
    station: Station
    at: object  # when the card was offered there last
    reason: str  # why the station cannot be asked
    url: str


@never_cache
def pass_kept(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk, PERSONAL_DATA)
    offers = CardOffer.objects.visible_to(user, PERSONAL_DATA).filter(id_tag=found.uid).order_by().values_list("station")
    latest = dict(offers.annotate(at=Max("at")).order_by("-at")[: MOST + 1])
    stations = Station.objects.visible_to(user, PERSONAL_DATA).filter(pk__in=list(latest)[:MOST]).select_related("location__organization")
    rows = [
        Row(one, latest[one.pk], customer_information.why_never(one.ocpp_version), link("station_customer_ask", one.pk, uid=found.uid))
        for one in sorted(stations, key=lambda one: latest[one.pk], reverse=True)
    ]
    name = name_of(user, found)
    context = {
        "title": _("What stations keep of %s") % name, "rows": rows, "more": len(latest) > MOST, "most": MOST,
        "breadcrumbs": [*crumbs(found), (name, link("pass", pk))],
    }  # fmt: skip
    return render(request, "passes/kept.html", context)


urlpatterns: list[URLPattern] = [path("passes/<int:pk>/kept/", pass_kept, name="pass_kept")]
