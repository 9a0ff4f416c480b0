"""The map of locations."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stations.models import Location
from stations.pages.location_list import Counts, may_add
from tenancy.links import link
from tenancy.pages.shared import user_of

MOST_ON_MAP = 5000


def locations_map(request: HttpRequest) -> HttpResponse:
    """Every location with its worst state; `?part=live` gives the list beside the map with the data of its marks.

    Without a tile server the map is plain: places, their names and how they lie to each other.
    """
    user = user_of(request)
    drill = request.drill  # type: ignore[attr-defined]
    rows = list(drill.limit(Location.objects.visible_to(user))[: MOST_ON_MAP + 1])
    cut = len(rows) > MOST_ON_MAP
    del rows[MOST_ON_MAP:]
    counts = Counts(rows)
    entries = [(row, counts.worst(row.pk), counts.words(row.pk)) for row in rows]
    pins = [
        {
            "name": row.name, "city": row.city, "url": row.get_absolute_url(), "lat": row.latitude, "lng": row.longitude, "state": worst,
            "words": [{"state": name, "text": str(text)} for name, text in words],
        }
        for row, worst, words in entries
        if row.latitude is not None and row.longitude is not None
    ]  # fmt: skip
    context = {
        "title": _("Map"),
        "may_add": may_add(user),
        "pins": pins,
        "cut": MOST_ON_MAP if cut else 0,
        "topic": f"in:{drill.token or 'all'}",
        "live_url": link("map", part="live"),
        "placed": [entry for entry in entries if entry[0].latitude is not None],
        "unplaced": [entry for entry in entries if entry[0].latitude is None],
        "tiles": {"url": settings.MAP_TILES_URL, "attribution": settings.MAP_TILES_ATTRIBUTION},
    }
    return render(request, "stations/map_list.html" if request.GET.get("part") == "live" else "stations/map.html", context)
