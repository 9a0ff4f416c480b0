"""Locations from a file. The same columns are what the list of locations exports for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from import_export.widgets import Widget

from stations.actions.imports import create_locations, edit_locations
from stations.imports.cells import Degrees, Found, Places, exact, or_error
from stations.models import Location
from tenancy.imports import Column as Told
from tenancy.imports import Kind
from tenancy.imports.rows import Choice, Column, Rows, Text, YesNo, text_of
from tenancy.links import link
from tenancy.models import Import, Organization, User
from tenancy.names import same_name
from tenancy.rights import LABELS, MANAGE_LOCATIONS, PUBLISH_LOCATIONS, forget, holds
from tenancy.validation import clean_country, clean_postal_code

COLUMNS = (
    Told("name", lazy("A location of this name that the organization already has is changed, else it is new."),
         "Quay 7 (example)", required=True),
    Told("organization", lazy("Name of the organization, or of one below it. Empty: the one chosen."), ""),
    Told("street", lazy("Street and number."), "Kade 7", empties=True),
    Told("postal_code", lazy("As the country writes it. Format the column as text."), "3011 AA", empties=True),
    Told("city", "", "Rotterdam", empties=True),
    Told("country", lazy("Two letters, such as NL."), "NL", empties=True),
    Told("latitude", lazy("Degrees north, such as 51.9170. With both coordinates the location is on the map."), "51.9170", empties=True),
    Told("longitude", lazy("Degrees east, such as 4.4870."), "4.4870", empties=True),
    Told("time_zone", lazy("Such as Europe/Amsterdam. Empty: that of the portal for a new location."), "Europe/Amsterdam"),
    Told("access_mode", lazy("open, whitelist, roaming or roaming_whitelist. Empty: whitelist for a new location."), "whitelist"),
    Told("published", lazy("yes or no. To change it you need the right to publish locations. Empty: no for a new location."), "no"),
)  # fmt: skip


def field(name: str) -> Any:
    return Location._meta.get_field(name)


class Country(Widget):
    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return clean_country(text_of(value))


class Zone(Widget):
    """Empty: None."""

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value)
        if text and text not in available_timezones():
            raise ValidationError(_("There is no time zone “%(name)s”. Write it like Europe/Amsterdam.") % {"name": text})
        return text or None


class LocationRows(Rows):
    name = Column("name", Text(field("name"), name=True), keeps=True)
    street = Column("street", Text(field("street")))
    postal_code = Column("postal_code", Text(field("postal_code")))
    city = Column("city", Text(field("city")))
    country = Column("country", Country())
    latitude = Column("latitude", Degrees(90))
    longitude = Column("longitude", Degrees(180))
    time_zone = Column("time_zone", Zone(), keeps=True)
    access_mode = Column("access_mode", Choice(field("access_mode")), keeps=True)
    published = Column("published", YesNo(), keeps=True)
    empties = frozenset(told.name for told in COLUMNS if told.empties)

    def __init__(self, user: User, organization: Organization, options: dict[str, Any]) -> None:
        super().__init__([told.name for told in COLUMNS])
        self.user, self.home = user, organization
        self.fields["organization"] = Column("organization", Place(lambda: self.places[self.at] or self.home))

    def prepare(self, rows: Sequence[dict[str, Any]]) -> None:
        places = Places(self.user, self.home, MANAGE_LOCATIONS)
        self.places = [or_error(places.find, row) for row in rows]
        keys = {one.pk for one in self.places if isinstance(one, Organization)} | {self.home.pk}
        names = {same_name(text_of(row.get("name"))) for row in rows}
        found = Location.objects.visible_to(self.user, MANAGE_LOCATIONS).filter(organization__in=keys).select_related("organization")
        self.known = {}
        self.there: dict[tuple[int, str], list[Location]] = {}
        for one in found:
            if (folded := same_name(one.name)) in names:
                self.there.setdefault((one.organization_id, folded), []).append(one)

    def key_at(self, index: int, row: dict[str, Any]) -> Any:
        name, place = text_of(row["name"]), self.places[index]
        if isinstance(place, ValidationError):
            raise ValidationError({"organization": place})
        if not name:
            raise ValidationError({"name": _("A location needs a name.")})
        key = (place or self.home).pk, same_name(name)
        found = exact(self.there.get(key, []), name)
        if len(found) > 1:
            raise ValidationError({"name": _("%s has several locations of this name, in other capitals. Rename one first.") % place})
        if found:
            self.known[key] = found[0]
        return key

    def init_instance(self, row: dict[str, Any] | None = None) -> Location:
        return Location(organization=self.places[self.at] or self.home)

    def check(self, instance: Any, new: bool, row: dict[str, Any], errors: dict[str, Any]) -> None:
        changed = set(self.columns) if new else self.changes(instance).keys()
        if (instance.latitude is None) != (instance.longitude is None) and not {"latitude", "longitude"} & errors.keys():
            missing = "longitude" if instance.longitude is None else "latitude"
            errors[missing if missing in self.columns else "latitude"] = ValidationError(_("Enter both coordinates, or neither."))
        if instance.postal_code and {"postal_code", "country"} & changed and not {"postal_code", "country"} & errors.keys():
            try:
                instance.postal_code = clean_postal_code(instance.postal_code, instance.country)
            except ValidationError as error:
                errors["postal_code" if "postal_code" in self.columns else "country"] = error
        wanted = instance.published if new else "published" in changed
        if wanted and not holds(self.user, PUBLISH_LOCATIONS, instance.organization.path):
            errors["published"] = ValidationError(_("You don't have the right to %s here.") % LABELS[PUBLISH_LOCATIONS])

    def bulk_write(self, new: list[Any], changed: list[Any]) -> None:
        forget(self.user)  # what was allowed when this part was read must be allowed still
        if new:
            names = [name for name in self.columns if name != "organization"]
            create_locations(actor=self.user, locations=[(one, names) for one in new])
        if changed:
            edit_locations(actor=self.user, edits=[(one, self.changes(one)) for one in changed])


class Place(Found):
    """The organization of the row, looked up before."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return self.of()


def key(row: dict[str, Any]) -> str:
    return f"{same_name(text_of(row['name']))}\n{same_name(text_of(row.get('organization')))}"


def exported(locations: Iterable[Location]) -> Iterator[list[Any]]:
    """The lines of an export that can be imported again; each location comes with its organization."""
    yield [told.name for told in COLUMNS]
    yes, degrees = YesNo(), Degrees(180)
    for one in locations:
        yield [
            one.name, one.organization.name, one.street, one.postal_code, one.city, one.country, degrees.render(one.latitude),
            degrees.render(one.longitude), one.time_zone, one.access_mode, yes.render(one.published),
        ]  # fmt: skip


def done_url(of: Import) -> str:
    return link("locations", **{"in": f"o{of.organization_id}"})


LOCATIONS = Kind(
    slug="locations",
    title=lazy("Locations"),
    intro=lazy("Locations that are there already are changed in the columns that the file has; the others are added."),
    right=MANAGE_LOCATIONS,
    columns=COLUMNS,
    resource=LocationRows,
    form="stations.pages.imports.LocationImportForm",
    done_url=done_url,
    done_label=lazy("Show the locations"),
    list_url="locations",
    most_rows=20_000,
    key=key,
    part_rows=500,
)
