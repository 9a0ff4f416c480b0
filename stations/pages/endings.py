"""The questions “until when?” and “why?” of what is taken away for a time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.moments import PlaceTimeField

MORNING = time(8)
AT = "at"
LENGTHS = {"1h": timedelta(hours=1), "4h": timedelta(hours=4)}


class Ending(forms.Form):
    """`cleaned_data` has `until`, a moment or None, and `comment`. A length of time counts from `now`."""

    ends = forms.ChoiceField(
        label=lazy("Until when?"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            ("", lazy("Until somebody ends it")),
            ("1h", lazy("For an hour")),
            ("4h", lazy("For four hours")),
            ("tomorrow", lazy("Until tomorrow, 8:00")),
            (AT, lazy("Until this time:")),
        ],
    )
    until = PlaceTimeField(label=lazy("Date and time"), required=False)
    comment = forms.CharField(label=lazy("Comment"), max_length=200, required=False, help_text=lazy("Such as: cable is repaired."))

    def __init__(self, *args: Any, zone: ZoneInfo, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.zone, self.now = zone, now
        field: Any = self.fields["until"]
        field.zone = zone
        field.help_text = _("By the clock of the location (%s). The portal ends it then by itself.") % zone.key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        ends, typed = cleaned.get("ends", ""), cleaned.get("until")
        if ends in LENGTHS:
            cleaned["until"] = self.now + LENGTHS[ends]
        elif ends == "tomorrow":
            cleaned["until"] = datetime.combine(self.now.astimezone(self.zone).date() + timedelta(days=1), MORNING, self.zone)
        elif ends == AT and not typed and "until" not in self.errors:
            self.add_error("until", _("Enter date and time, or choose another answer above."))
        elif typed and typed <= self.now:
            self.add_error("until", _("This time is over already. Choose a later one."))
        return cleaned
