"""The Activity tab: what happened at a station, as one line of time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import hooks
from stations.models import Station
from stations.pages.sheet_head import sheet_context
from stations.timeline import Happening, Mark, happenings, kinds_for
from tenancy.links import link
from tenancy.rights import get_for

PAGE = 50
SENSIBLE = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]


class ActivityFilter(forms.Form):
    kind = forms.MultipleChoiceField(label=lazy("Show"), required=False, widget=forms.CheckboxSelectMultiple)
    since = forms.DateField(label=lazy("From"), required=False, validators=SENSIBLE, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=lazy("Until"), required=False, validators=SENSIBLE, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, kinds: dict[str, Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kind"].choices = list(kinds.items())  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("since") and cleaned.get("until") and cleaned["until"] < cleaned["since"]:
            raise ValidationError({"until": _("The end lies before the beginning.")})
        return cleaned

    def limits(self, zone: ZoneInfo) -> dict[str, datetime | None]:
        """The period as moments: from the first day's midnight to the end of the last day, in the location's zone."""
        found = self.cleaned_data
        until = found.get("until")
        return {"since": _midnight(found.get("since"), zone), "until": _midnight(until + timedelta(days=1) if until else None, zone)}


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day else None


def _by_day(found: list[Happening], zone: ZoneInfo) -> list[tuple[date, list[tuple[Happening, str]]]]:
    """The entries with their time of day, under their day in `zone`."""
    days: list[tuple[date, list[tuple[Happening, str]]]] = []
    for one in found:
        there = one.at.astimezone(zone)
        if not days or days[-1][0] != there.date():
            days.append((there.date(), []))
        days[-1][1].append((one, f"{there:%H:%M:%S}"))
    return days


def activity_context(request: HttpRequest, station: Station) -> dict[str, Any]:
    zone = station.location.zone
    possible = kinds_for(request.user, station)
    form = ActivityFilter(request.GET, kinds=possible)
    valid = form.is_valid()
    kinds = (form.cleaned_data.get("kind") if valid else None) or list(possible)
    limits = form.limits(zone) if valid else {}
    after = Mark.read(request.GET.get("after", ""))
    found, more = happenings(request.user, station, kinds=kinds, after=after, limit=PAGE, **limits)
    kept = request.GET.copy()
    kept.pop("after", None)
    page = reverse("station_activity", args=[station.pk])
    older = kept.copy()
    if more:
        older["after"] = str(more)
    return {
        "station": station,
        "zone": zone,
        "form": form,
        "days": _by_day(found, zone),
        "first_page": after is None,
        "filtered": valid and bool(form.cleaned_data.get("kind") or form.cleaned_data.get("since") or form.cleaned_data.get("until")),
        "older_url": f"{page}?{older.urlencode()}" if more else "",
        "newest_url": f"{page}?{kept.urlencode()}" if kept else page,
        "clear_url": link("station_activity", station.pk),
        "check_url": hooks.check_url(request.user, station),
        "fragment_url": f"{reverse('station_activity_live', args=[station.pk])}?{kept.urlencode()}",
    }


def activity(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location__organization"), pk=pk)
    context = {**sheet_context(request, station, "activity"), **activity_context(request, station)}
    return render(request, "stations/activity.html", context | {"remarks": hooks.remarks(request.user, station)})  # type: ignore[arg-type]


def activity_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest page of the line."""
    station = get_for(request.user, Station.objects.select_related("location__organization"), pk=pk)
    return render(request, "stations/activity_live.html", activity_context(request, station))


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/activity/", activity, name="station_activity"),
    path("stations/<int:pk>/activity/live/", activity_fragment, name="station_activity_live"),
]
