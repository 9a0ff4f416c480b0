"""A date and time in a form, as clocks show it at a location."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _

FORMAT = "%Y-%m-%dT%H:%M"


class WallField(forms.CharField):
    """What a clock on the wall shows, without a zone: "2026-11-21T14:30", cleaned to a naive datetime."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT))
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return f"{value:{FORMAT}}" if isinstance(value, datetime) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text).replace(microsecond=0)
        except ValueError:
            raise forms.ValidationError(_("Enter a date and a time.")) from None
        if found.tzinfo is not None:
            raise forms.ValidationError(_("Enter a date and a time."))
        if not 2000 <= found.year < 2200:
            raise forms.ValidationError(_("Enter a date between the years 2000 and 2199."))
        return found


class PlaceTimeField(forms.DateTimeField):
    """A date and time as the clock at a place shows it: in `zone`, which is given at once or before it is used."""

    zone: ZoneInfo

    def __init__(self, *, zone: ZoneInfo | None = None, **options: Any) -> None:
        super().__init__(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT), **options)
        if zone:
            self.zone = zone

    def prepare_value(self, value: Any) -> Any:
        with timezone.override(self.zone):
            return super().prepare_value(value)

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(self.zone):
            found = super().to_python(value)
        if found and not 1970 <= found.year < 9999:  # at the edges of the calendar there is no other zone to convert to
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return found


def at_location(wall: datetime, zone: ZoneInfo, *, late: bool = False) -> datetime:
    """The moment when clocks in `zone` show `wall`. Of the two of autumn's repeated hour `late` takes the second."""
    return wall.replace(tzinfo=zone, fold=int(late)).astimezone(UTC)


def on_the_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
