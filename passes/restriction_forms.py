"""The form of restrictions, shared by passes and groups: where, when and how much."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.utils.dateparse import parse_time
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import ChargePass, PassGroup
from passes.models.restrictions import MOST_HOURS, MOST_PLACES, hours_in_words
from stations.models import Location, Station
from tenancy.models import User

OFFERED = 20  # stations and locations of which all are offered without a search; of a search at most so many
EMPTY_ROWS = 2
MIDNIGHT = "00:00"
KWH = [MinValueValidator(1), MaxValueValidator(1_000_000)]


class Window(NamedTuple):
    """A row of times as it stands on the page."""

    number: int
    days: list[str]
    begin: str
    end: str

    @property
    def day_boxes(self) -> list[tuple[int, Any, bool]]:
        return [(day, WEEKDAYS_ABBR[day], str(day) in self.days) for day in range(7)]


class Rows(forms.Widget):
    """Days, beginning and end of each row; drawn by `passes/restrictions_fields.html`."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Window]:
        found = []
        for number in range(MOST_HOURS):
            days = data.getlist(f"{name}-{number}-days") if hasattr(data, "getlist") else []
            window = Window(number, days, data.get(f"{name}-{number}-from", ""), data.get(f"{name}-{number}-to", ""))
            if window.days or window.begin or window.end:
                found.append(window)
        return found

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class HoursField(forms.Field):
    widget = Rows

    def clean(self, value: Any) -> list[dict[str, Any]]:
        found = []
        for number, window in enumerate(value, 1):
            days = sorted({int(day) for day in window.days if day in tuple("0123456")})
            if not days:
                raise forms.ValidationError(_("Row %d: choose at least one day.") % number)
            begin, end = _time(window.begin), _end(window.end)
            if not begin or not end:
                raise forms.ValidationError(_("Row %d: enter when it begins and when it ends, such as 08:00 and 18:00.") % number)
            if begin == end != MIDNIGHT:
                raise forms.ValidationError(_("Row %d: it ends when it begins. For a whole day enter 00:00 and 00:00.") % number)
            found.append({"days": days, "from": begin, "to": end})
        return found

    # -- ui.edits -------------------------------------------------------------------------------------------------------------------------

    def as_text(self, value: Any) -> str:
        rows = [(sorted(set(one.days)), _time(one.begin) or one.begin, _end(one.end) or one.end) for one in value or ()]
        return json.dumps(rows)

    def put(self, data: Any, name: str, text: str) -> None:
        for number in range(MOST_HOURS):
            for part in ("days", "from", "to"):
                data.pop(f"{name}-{number}-{part}", None)
        for number, (days, begin, end) in enumerate(json.loads(text)):
            data.setlist(f"{name}-{number}-days", days)
            data[f"{name}-{number}-from"], data[f"{name}-{number}-to"] = begin, end

    def told(self, text: str) -> str:
        return "; ".join(
            hours_in_words({"days": [int(day) for day in days], "from": begin, "to": end} for days, begin, end in json.loads(text))
        )


class PlacesField(forms.TypedMultipleChoiceField):
    """Of them only those that the person sees."""

    def as_text(self, value: Any) -> str:
        return json.dumps(sorted({str(key) for key in value or ()}))

    def put(self, data: Any, name: str, text: str) -> None:
        data.setlist(name, json.loads(text))

    def told(self, text: str) -> str:
        chosen = json.loads(text)
        return ", ".join(str(label) for key, label in self.widget.choices if str(key) in chosen)


def _time(text: str) -> str:
    try:
        moment = parse_time(text.strip())
    except ValueError:
        moment = None
    return f"{moment:%H:%M}" if moment else ""


def _end(text: str) -> str:
    """The end of the day is 24:00 for people, and 00:00 for browsers and for us."""
    return MIDNIGHT if text.strip() in ("24:00", "24:00:00") else _time(text)


def windows_of(hours: Iterable[Mapping[str, Any]]) -> list[Window]:
    return [Window(n, [str(day) for day in one["days"]], one["from"], one["to"]) for n, one in enumerate(hours)]


class Places:
    """The stations or locations that are chosen or offered, of those that the person may see. What is chosen and not seen stays."""

    def __init__(self, rows: Any, names: tuple[str, ...], chosen: Iterable[int], text: str) -> None:
        seen = {row.pk: row for row in rows.filter(pk__in=list(chosen)[: 2 * MOST_PLACES])}
        self.hidden = [key for key in chosen if key not in seen]
        found = Q()
        for name in names:
            found |= Q(**{f"{name}__icontains": text})
        matching = list((rows.filter(found) if text else rows)[: OFFERED + 1])
        self.more = len(matching) > OFFERED
        offered = matching[:OFFERED] if text or not self.more else []
        self.rows = {**seen, **{row.pk: row for row in offered}}


def stations_for(user: User, thing: ChargePass | PassGroup) -> Any:
    """Those at which it could work: of the organizations on its line."""
    rows = Station.objects.visible_to(user).filter(_on_line(thing, "location__organization")).select_related("location")
    return rows.order_by("location__name", "alias", "identity")


def locations_for(user: User, thing: ChargePass | PassGroup) -> Any:
    return Location.objects.visible_to(user).filter(_on_line(thing, "organization")).order_by("name", "pk")


def _on_line(thing: ChargePass | PassGroup, lookup: str) -> Q:
    own = thing.organization
    return Q(**{f"{lookup}__path__startswith": own.path}) | Q(**{f"{lookup}__in": own.ancestor_ids})


class RestrictionsForm(forms.ModelForm):  # type: ignore[type-arg]
    """`stations` and `locations` are those of `only_…` that the person sees; with `keep_hidden` the others stay."""

    find = forms.CharField(label=lazy("Find stations and locations"), required=False, max_length=100)
    stations = PlacesField(label=lazy("Only these stations"), required=False, coerce=int)
    locations = PlacesField(label=lazy("Only these locations"), required=False, coerce=int)
    keep_hidden = forms.BooleanField(required=False)
    hours = HoursField(label=lazy("Only at these times"), required=False)
    daily_kwh = forms.IntegerField(label=lazy("At most per day (kWh)"), required=False, validators=KWH)
    monthly_kwh = forms.IntegerField(label=lazy("At most per month (kWh)"), required=False, validators=KWH)

    class Meta:
        model: Any = ChargePass
        fields: tuple[str, ...] = ("daily_kwh", "monthly_kwh")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        thing: ChargePass | PassGroup = self.instance
        data: Any = self.data
        text = str(data.get("find", "")).replace("\x00", "").strip()[:100]
        self.places = {
            "stations": Places(
                stations_for(user, thing), ("identity", "alias", "location__name"), self._chosen("stations", thing.only_stations), text
            ),
            "locations": Places(locations_for(user, thing), ("name", "city"), self._chosen("locations", thing.only_locations), text),
        }
        self.searchable = bool(text) or any(places.more for places in self.places.values())
        # What is set already and not seen is not in what a browser sends
        self.hidden_stations = [
            key for key in thing.only_stations if key not in self._visible(stations_for(user, thing), thing.only_stations)
        ]
        self.hidden_locations = [
            key for key in thing.only_locations if key not in self._visible(locations_for(user, thing), thing.only_locations)
        ]
        for name, places in self.places.items():
            labels = [(pk, f"{row.location} · {row.name_and_id}" if name == "stations" else str(row)) for pk, row in places.rows.items()]
            self.fields[name].choices = labels  # type: ignore[attr-defined]
            self.fields[name].widget = forms.CheckboxSelectMultiple(choices=labels)
            self.fields[name].many = places.more  # type: ignore[attr-defined]
            stored, hidden = (
                (thing.only_stations, self.hidden_stations) if name == "stations" else (thing.only_locations, self.hidden_locations)
            )
            self.initial[name] = [key for key in stored if key not in hidden]
        self.initial["hours"] = windows_of(thing.hours)
        count = len(self.hidden_stations) + len(self.hidden_locations)
        if count:
            self.fields["keep_hidden"].label = _("And %d that you do not see") % count
            self.initial["keep_hidden"] = True
        else:
            del self.fields["keep_hidden"]
        if not self.searchable:
            del self.fields["find"]
        for name in ("daily_kwh", "monthly_kwh"):
            self.fields[name].help_text = lazy("Empty: as much as is wanted.")

    @staticmethod
    def _visible(rows: Any, keys: Sequence[int]) -> set[int]:
        return set(rows.filter(pk__in=keys).values_list("pk", flat=True)) if keys else set()

    def _chosen(self, name: str, stored: Sequence[int]) -> list[int]:
        if not self.is_bound:
            return list(stored)
        data: Any = self.data
        chosen = [int(key) for key in data.getlist(name) if key.isascii() and key.isdecimal() and len(key) < 19]
        # What is stored is offered too: somebody else may have chosen it since the page was drawn
        return list(dict.fromkeys([*chosen[:MOST_PLACES], *stored]))

    @property
    def rows(self) -> list[Window]:
        """Those that are filled in, and some empty ones."""
        filled = self["hours"].value() or []
        first = max((one.number for one in filled), default=-1) + 1
        return [*filled, *(Window(number, [], "", "") for number in range(first, min(first + EMPTY_ROWS, MOST_HOURS)))]

    def restrictions(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """What the action is to write: of the fields those that were changed."""
        values, found = self.cleaned_data, {name: changed[name] for name in ("hours", "daily_kwh", "monthly_kwh") if name in changed}
        for name, hidden in (("stations", self.hidden_stations), ("locations", self.hidden_locations)):
            if name in changed or (hidden and "keep_hidden" in changed):
                found[f"only_{name}"] = [*values[name], *(hidden if values.get("keep_hidden") else [])]
        return found


class GroupRestrictionsForm(RestrictionsForm):
    class Meta(RestrictionsForm.Meta):
        model = PassGroup
