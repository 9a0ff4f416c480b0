"""The forms of a location's capacity, of a connector's share, and of a charging profile made by hand."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.capacity import hours
from stations.capacity.words import DAYS
from stations.models import CapacityPlan, CapacityShare, Connector, Location, Station, Transaction
from stations.moments import WallField, at_location
from stations.ocpp import profiles
from stations.ocpp.profiles import Profile, Step


class CapacityForm(forms.ModelForm):  # type: ignore[type-arg]
    parts = (
        (lazy("Limit"), ("active", "limit_l1", "limit_l2", "limit_l3", "margin")),
        (lazy("Charging"), ("minimum", "safe")),
    )

    class Meta:
        model = CapacityPlan
        fields = ("active", "limit_l1", "limit_l2", "limit_l3", "margin", "minimum", "safe")

    def __init__(self, *args: Any, location: Location, wired: list[tuple[str, ...]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.location, self.wired = location, wired
        self.fields["active"].label = lazy("Share the capacity among the stations that charge")
        self.fields["active"].help_text = lazy("Off: the portal takes its limits away, and stations charge as they are set themselves.")
        for name in ("limit_l2", "limit_l3"):
            self.fields[name].required = False
        self.fields["limit_l3"].help_text = lazy("A connection with one phase: leave L2 and L3 empty.")
        self.fields["limit_l1"].help_text = lazy("What may be taken for charging on each phase: the fuse, less what else is used there.")
        most = max(self._count(self.instance.phases).values(), default=0)
        if most:
            self.fields["safe"].help_text = _(
                "What each connector may take by itself when its station has no connection. All together must fit: here %(count)d "
                "connectors are on the fullest phase. Empty: the minimum where that fits, else 0, and cars wait until it is back."
            ) % {"count": most}

    def clean_limit_l2(self) -> int:
        return self.cleaned_data.get("limit_l2") or 0

    def clean_limit_l3(self) -> int:
        return self.cleaned_data.get("limit_l3") or 0

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        every: list[int] = [values[name] for name in ("limit_l1", "limit_l2", "limit_l3") if values.get(name) is not None]
        limits = [one for one in every if one]  # 0: there is no such phase
        if len(every) < 3:
            return values
        if len(limits) == 2 or (limits and not every[0]):  # else cars would be counted on phases on which they are not
            lacking = next(name for name, limit in zip(("limit_l1", "limit_l2", "limit_l3"), every, strict=True) if not limit)
            self.add_error(lacking, _("A connection has three phases or one. Enter all three limits, or L1 alone."))
            return values
        if not limits:
            self.add_error("limit_l1", _("Enter what may be taken of at least one phase."))
            return values
        margin, minimum, safe = values.get("margin") or 0, values.get("minimum") or 6, values.get("safe")
        if margin >= min(limits):
            self.add_error("margin", _("With this margin nothing is left of the lowest limit, %d A.") % min(limits))
        elif max(limits) - margin < minimum:
            self.add_error("limit_l1", _("Nobody could charge: the minimum current is %d A.") % minimum)
        if safe:
            if reason := self._too_much(max(safe, minimum), every, margin, minimum):
                self.add_error("safe", reason)
            elif safe < minimum:
                self.add_error("safe", _("With less than the minimum current, %d A, a car does not charge. Enter that, or 0.") % minimum)
        return values

    def _count(self, there: tuple[str, ...]) -> dict[str, int]:
        """How many connectors are on each phase, where the location has these."""
        each = ([one for one in phases if one in there] or there[:1] for phases in self.wired)
        return Counter(phase for phases in each for phase in phases)

    def _too_much(self, safe: int, limits: list[int], margin: int, minimum: int) -> str:
        """Why not every connector can have `safe` at once, by the fullest phase; empty where it fits."""
        rules = [row.rule_with(margin) for row in self.instance.hours.all()] if self.instance.pk else []
        lowest = hours.lowest_ever((max(0, limits[0] - margin), max(0, limits[1] - margin), max(0, limits[2] - margin)), rules)
        names = ("l1", "l2", "l3")
        counts = self._count(tuple(name for name, limit in zip(names, limits, strict=True) if limit))
        counted = [(int(limit) // counts[phase], phase, limit) for phase, limit in zip(names, lowest, strict=True) if counts.get(phase)]
        most, phase, limit = min(counted, default=(safe, "", 0))
        if safe <= most:
            return ""
        count = counts[phase]
        why = _(
            "Without any connection %(count)d connectors on %(phase)s would take %(sum)d A, and %(limit)d A is the lowest limit of the "
            "week."
        ) % {"count": count, "phase": phase.upper(), "sum": safe * count, "limit": limit}  # fmt: skip
        if most < minimum:
            only = _("Each could have %(most)d A, less than the minimum of %(minimum)d A: only 0 is possible, and cars wait then.")
            return f"{why} {only % {'most': most, 'minimum': minimum}}"
        return f"{why} {_('At most %d A fits; or 0: cars wait then.') % most}"


class HoursForm(forms.Form):
    days = forms.TypedMultipleChoiceField(
        label=lazy("Days"), choices=[(str(number), day) for number, day in enumerate(DAYS)], widget=forms.CheckboxSelectMultiple
    )
    begins = forms.TimeField(label=lazy("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    ends = forms.TimeField(
        label=lazy("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=lazy("Earlier than the beginning: on the next day."),
    )  # fmt: skip
    limit = forms.IntegerField(
        label=lazy("At most per phase (A)"), min_value=0, max_value=4000,
        help_text=lazy(
            "The margin of the location is kept free of this, too. Where the limit of the location is lower, that holds. Stations are "
            "lowered 11 minutes before it begins; where it holds already, at once, which takes about a minute."
        ),
    )  # fmt: skip

    def clean_days(self) -> str:
        return "".join(sorted(set(self.cleaned_data["days"])))


class ShareForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = CapacityShare
        fields = ("priority", "rotation")
        widgets = {"priority": forms.RadioSelect}

    def __init__(self, *args: Any, connector: Connector, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["priority"].help_text = lazy("A pass with a priority of its own goes before.")
        self.fields["priority"].choices = CapacityShare._meta.get_field("priority").choices  # type: ignore[attr-defined]


class ProfileForm(forms.Form):
    """A limit by hand."""

    connector = forms.TypedChoiceField(label=lazy("Where"), coerce=int)
    purpose = forms.ChoiceField(
        label=lazy("What for"), widget=forms.RadioSelect, initial=profiles.DEFAULT,
        choices=[
            (profiles.DEFAULT, lazy("Every charge that begins there")),
            (profiles.TRANSACTION, lazy("The charge that runs there now")),
            (profiles.STATION, lazy("The station as a whole")),
        ],
    )  # fmt: skip
    limit = forms.DecimalField(label=lazy("At most"), min_value=0, max_value=1_000_000, decimal_places=1)
    unit = forms.ChoiceField(label=lazy("Unit"), choices=[("A", lazy("A per phase")), ("W", "W")])
    phases = forms.TypedChoiceField(
        label=lazy("Phases"), required=False, coerce=int, empty_value=None, choices=[("", lazy("as the station likes")), (1, "1"), (3, "3")]
    )
    kind = forms.ChoiceField(
        label=lazy("When"), widget=forms.RadioSelect, initial=profiles.ABSOLUTE, choices=[
            (profiles.ABSOLUTE, lazy("Once: from now on, or from the time below")),
            (profiles.RELATIVE, lazy("With each charge, from its start; leave the time below empty")),
            (profiles.DAILY, lazy("Every day, from the time below; 24 hours at most")),
            (profiles.WEEKLY, lazy("Every week, from the day and time below")),
        ],
    )  # fmt: skip
    starts_at = WallField(label=lazy("From"), required=False)
    hours = forms.DecimalField(
        label=lazy("For how many hours"), required=False, min_value=Decimal("0.01"), max_value=168, decimal_places=2,
        help_text=lazy("Empty: without an end, or for a repeated one the whole day or week."),
        error_messages={"min_value": lazy("Enter more than 0 hours. For a limit without an end leave it empty.")},
    )  # fmt: skip
    valid_until = WallField(label=lazy("Valid until"), required=False, help_text=lazy("Empty: until it is cleared."))
    level = forms.IntegerField(
        label=lazy("Rank"), min_value=0, max_value=1000, initial=1,
        help_text=lazy(
            "Where the station has several limits for the same, the one with the highest rank counts. Leave it at 1 otherwise. In OCPP: "
            "stack level."
        ),
    )  # fmt: skip

    def __init__(
        self, data: Any, *, station: Station, places: list[tuple[int, str]], running: dict[int, Transaction], now: datetime,
        shared: bool = False,
    ) -> None:  # fmt: skip
        """`places` can be limited by themselves, by number, and `running` is what runs there."""
        super().__init__(data)
        self.station, self.running, self.now = station, running, now
        self.fields["connector"].choices = [(0, _("The whole station")), *places]  # type: ignore[attr-defined]
        if shared:
            purpose: Any = self.fields["purpose"]
            reason = _(
                "The location shares its capacity, so the portal limits each charge itself, and only the station as a whole can be limited "
                "by hand. To give a charge more or less, change the capacity of the location or the priority of the connector."
            )
            purpose.choices, purpose.initial, purpose.help_text = purpose.choices[2:], profiles.STATION, reason
            purpose.error_messages = {**purpose.error_messages, "invalid_choice": reason}
        self.fields["starts_at"].help_text = _("In the time of the location, %s.") % station.location.time_zone

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        place, purpose = values.get("connector"), values.get("purpose")
        if place == 0 and purpose == profiles.TRANSACTION:
            self.add_error("connector", _("A running charge is limited where it runs. Choose that place, or every charge instead."))
        elif place is not None and purpose == profiles.TRANSACTION and place not in self.running:
            self.add_error("connector", _("Nothing charges there now, so there is no charge to limit. Choose every charge instead."))
        if purpose == profiles.STATION and place:
            self.add_error("connector", _("A limit of the station is one of the whole station: choose it here."))
        if values.get("kind") in (profiles.DAILY, profiles.WEEKLY) and not values.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Say from when it is repeated."))
        if purpose == profiles.STATION and values.get("kind") == profiles.RELATIVE:
            self.add_error("kind", _("A limit of the station does not begin with a charge. Choose another one."))
        if values.get("kind") == profiles.RELATIVE and values.get("starts_at"):
            self.add_error("starts_at", _("It begins with each charge and has no time of its own. Empty this, or choose another “When”."))
        if values.get("kind") == profiles.DAILY and (values.get("hours") or 0) > 24:
            self.add_error("hours", _("A day has 24 hours. Enter fewer, or choose every week."))
        self._clean_end(values)
        return values

    def _clean_end(self, values: dict[str, Any]) -> None:
        """A limit that never holds would only take the place of one that does."""
        zone, kind = self.station.location.zone, values.get("kind")
        starts, until = (at_location(at, zone) if at else None for at in (values.get("starts_at"), values.get("valid_until")))
        if until and until <= self.now:
            self.add_error("valid_until", _("That is over already."))
        elif until and starts and kind != profiles.RELATIVE and until <= starts:
            self.add_error("valid_until", _("It begins only then, or later. Enter a later time, or an earlier one in “From”."))
        hours_ = values.get("hours")
        if starts and hours_ and kind == profiles.ABSOLUTE and starts + timedelta(hours=float(hours_)) <= self.now:
            self.add_error("starts_at", _("With these hours it is over already. Enter a later time, or more hours."))

    def profile(self, key: int) -> Profile:
        values, zone = self.cleaned_data, self.station.location.zone
        starts, until, hours_ = values["starts_at"], values["valid_until"], values["hours"]
        start = at_location(starts, zone) if starts else self.now
        running = self.running.get(values["connector"]) if values["purpose"] == profiles.TRANSACTION else None
        return Profile(
            key, values["purpose"], (Step(0, float(values["limit"]), values["phases"]),), values["unit"], values["level"], values["kind"],
            None if values["kind"] == profiles.RELATIVE else start.replace(microsecond=0),
            int(hours_ * 3600) if hours_ else None, None, at_location(until, zone) if until else None,
            running.transaction_id if running else "",
        )  # fmt: skip
