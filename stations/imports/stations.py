"""Stations from a file. The same columns are what the list of stations exports for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import imported_passwords
from stations.actions.imports import StationEdit, create_stations, edit_stations
from stations.actions.infrastructure import why_station_not_moved
from stations.hardware import of_connectors, of_station, spread, together
from stations.imports.cells import ChoiceOrNone, Found, Places, Several, Whole, exact, or_error
from stations.models import Connector, HardwareTemplate, Location, Station
from stations.models.infrastructure import MAX_CONNECTORS, canonical_evse_id
from stations.models.shared import above
from tenancy.imports import Column as Told
from tenancy.imports import Kind
from tenancy.imports.files import LONGEST_CELL
from tenancy.imports.rows import Choice, Column, Rows, Text, YesNo, text_of, unpacked
from tenancy.links import link
from tenancy.models import Import, ImportPart, Organization, User
from tenancy.names import same_name
from tenancy.personal import MASK
from tenancy.rights import MANAGE_STATIONS, READ, at_platform, forget, may

COLUMNS = (
    Told("id", lazy("Exactly as the station sends it; capitals matter. Format the column as text. A station that is there already is "
         "changed, else it is new."), "EXAMPLE-0001", required=True),
    Told("alias", lazy("A name people use, shown beside the id."), "Gate", empties=True),
    Told("organization", lazy("Name of the organization of the location. Only needed where several have a location of this name."), ""),
    Told("location", lazy("Name of a location of the organization chosen, or of one below it. A new station needs one."), "Quay 7"),
    Told("template", lazy("Name of a hardware template. Cells that are empty take their value from it, of a station that is there too."),
         "AC 22 kW, two sockets"),
    Told("make", lazy("Told by the station itself. Only in exports; an import passes it over."), ""),
    Told("model", lazy("Told by the station itself. Only in exports; an import passes it over."), ""),
    Told("current", lazy("AC or DC. Empty: AC for a new station."), "AC"),
    Told("phases", lazy("1 or 3. Empty: 3 for a new station."), "3"),
    Told("voltage", lazy("In V; AC: between phase and neutral. Empty: 230 for a new station."), "230"),
    Told("max_current", lazy("Of the station, in A per phase."), "64", empties=True),
    Told("connectors", lazy("How many. Empty: 1 for a new station."), "2"),
    Told("format", lazy("socket or cable; where the connectors differ, one for each: socket;cable."), "socket"),
    Told("plug", lazy("Such as Type 2, CCS, CHAdeMO; where the connectors differ, one for each: CCS;CHAdeMO."), "Type 2", empties=True),
    Told("connector_current", lazy("Of a connector, in A per phase; where they differ, one for each: 125;100."), "32", empties=True),
    Told("evse_ids", lazy("One for each connector, with ; between. Nobody else may have them."), "NL*LTD*E1;NL*LTD*E2", empties=True),
    Told("communication", lazy("Such as 4G, Ethernet, Wi-Fi."), "4G", empties=True),
    Told("access_mode", lazy("open, whitelist, roaming or roaming_whitelist. Where there is none, that of the location counts."), "",
         empties=True),
    Told("active", lazy("yes or no: whether it may connect. Empty: yes for a new station."), "yes"),
)  # fmt: skip
# Attributes of a station while it is read: its own, and those of its connectors together
OWN = ("identity", "alias", "location", "current_type", "phases", "voltage", "max_current", "communication", "access_mode", "active")
TOGETHER = {"formats": "format", "plugs": "plug", "currents": "max_current", "evse_ids": "evse_id"}
ATTRIBUTES = (*OWN, *TOGETHER)
# Column -> attribute, of those that hold a value
VALUES = {
    "alias": "alias", "current": "current_type", "phases": "phases", "voltage": "voltage", "max_current": "max_current",
    "communication": "communication", "access_mode": "access_mode", "active": "active", "connectors": "connector_count",
    "format": "formats", "plug": "plugs", "connector_current": "currents", "evse_ids": "evse_ids",
}  # fmt: skip
COLUMN_OF = {attribute: column for column, attribute in VALUES.items()}
_SPOILT = re.compile(r"\d[.,]\d+E\+?\d{1,3}|\dE\+\d{1,3}", re.IGNORECASE)  # what spreadsheets make of long numbers
TAKEN = lazy("%s is already in use: a station id can be used once only, by anyone.")


def station_field(name: str) -> Any:
    return Station._meta.get_field(name)


def connector_field(name: str) -> Any:
    return Connector._meta.get_field(name)


class Phases(Choice):
    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        found = super().clean(value, row)
        return int(found) if found else None


class EvseId(Text):
    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = super().clean(value, row)
        return canonical_evse_id(text) if text else ""


class Format(Choice):
    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return super().clean(value, row) or Connector.Format.SOCKET.value


def column(name: str, widget: Any, *, keeps: bool = False) -> Column:
    made = Column(name, widget, keeps=keeps)
    made.attribute = VALUES[name]
    return made


def checked_identity(value: Any) -> str:
    text = text_of(value).removeprefix("'")
    if not text:
        raise ValidationError(_("A station id is needed."))
    if _SPOILT.fullmatch(text):
        raise ValidationError(
            _("The spreadsheet has changed this id into a number: format the column as text, then type or paste it again.")
        )
    station_field("identity").run_validators(text)
    return text


def hashed(evse_key: str) -> int:
    """To be known again in a later part of the file."""
    return int.from_bytes(hashlib.sha256(evse_key.encode()).digest()[:8], "big", signed=True)


def put_together(station: Any, connectors: Sequence[Connector]) -> None:
    """The connectors of a station as attributes of it, one tuple for each of their fields."""
    station.connector_list, station.connector_count = list(connectors), len(connectors)
    for attribute, name in TOGETHER.items():
        setattr(station, attribute, tuple(getattr(one, name) for one in connectors))


class StationRows(Rows):
    alias = column("alias", Text(station_field("alias"), name=True))
    current = column("current", Choice(station_field("current_type")), keeps=True)
    phases = column("phases", Phases(station_field("phases")), keeps=True)
    voltage = column("voltage", Whole(100, 1500), keeps=True)
    max_current = column("max_current", Whole(1, 2000))
    connectors = column("connectors", Whole(1, MAX_CONNECTORS), keeps=True)
    format = column("format", Several(Format(connector_field("format"))), keeps=True)
    plug = column("plug", Several(Text(connector_field("plug"))))
    connector_current = column("connector_current", Several(Whole(1, 2000)))
    evse_ids = column("evse_ids", Several(EvseId(connector_field("evse_id"))))
    communication = column("communication", Text(station_field("communication")))
    access_mode = column("access_mode", ChoiceOrNone(station_field("access_mode")))
    active = column("active", YesNo(), keeps=True)
    empties = frozenset(told.name for told in COLUMNS if told.empties)

    def __init__(self, user: User, organization: Organization, options: dict[str, Any]) -> None:
        super().__init__([told.name for told in COLUMNS])
        self.user, self.home = user, organization
        # Who knocks is the platform's business
        self.adopt = bool(options.get("adopt")) and at_platform(user, MANAGE_STATIONS)
        for name, attribute in (
            ("id", "identity"), ("organization", "location__organization__name"), ("location", "location__name"),
            ("template", "template_name"), ("make", "vendor"), ("model", "model"),
        ):  # fmt: skip
            self.fields[name] = Column(name, Found())
            self.fields[name].attribute = attribute
        self.moves: dict[tuple[int, int], str] = {}

    # -- what is read together --------------------------------------------------------------------------------------------------------

    def prepare(self, rows: Sequence[dict[str, Any]]) -> None:
        places = Places(self.user, self.home, MANAGE_STATIONS)
        self.ids, self.places = [or_error(checked_identity, row["id"]) for row in rows], [or_error(places.find, row) for row in rows]
        wanted = [found for found in self.ids if isinstance(found, str)]
        stations = Station.objects.visible_to(self.user, MANAGE_STATIONS).below(self.home.path).filter(identity__in=wanted)
        own = Prefetch("connectors", Connector.objects.filter(number__gt=0).order_by("number"), to_attr="read_connectors")
        self.known = {one.identity: one for one in stations.select_related("location__organization").prefetch_related(own)}
        for one in self.known.values():
            put_together(one, one.read_connectors)
        others = Station.objects.filter(identity__in=wanted).exclude(pk__in=[one.pk for one in self.known.values()])
        self.taken = {one.identity: one for one in others.select_related("location__organization")}
        self._read_locations({text_of(row.get("location")) for row in rows} - {""})
        self.templates: dict[str, list[HardwareTemplate]] = {}
        if any(text_of(row.get("template")) for row in rows):
            for template in HardwareTemplate.objects.visible_to(self.user).select_related("organization"):
                self.templates.setdefault(same_name(template.name), []).append(template)
        keys = {re.sub(r"[\s*]", "", part).upper() for row in rows for part in text_of(row.get("evse_ids")).split(";")} - {""}
        used = Connector.objects.filter(evse_key__in=keys)
        self.used: dict[str, int] = {key: station for key, station in used.values_list("evse_key", "station") if key}
        self.evse_rows: dict[str, int] = {}
        self.earlier: set[int] = set()
        of = self.of
        if of and of.position and "evse_ids" in self.columns:
            parts = ImportPart.objects.filter(of=of, raw=False, number__lt=of.position).values_list("touched", flat=True)
            self.earlier = {number for content in parts for number in unpacked(content)}

    def _read_locations(self, names: set[str]) -> None:
        self.locations: dict[str, list[Location]] = {}
        if not names:
            return
        rows = Location.objects.visible_to(self.user, MANAGE_STATIONS).below(self.home.path).select_related("organization")
        found = list(rows.filter(name__in=names))
        if names - {one.name for one in found}:  # written in another way
            folded = {same_name(name) for name in names}
            found = [one for one in rows if same_name(one.name) in folded]
        for one in found:
            self.locations.setdefault(same_name(one.name), []).append(one)

    # -- a row ------------------------------------------------------------------------------------------------------------------------

    def key_at(self, index: int, row: dict[str, Any]) -> Any:
        errors = {
            name: found
            for name, found in (("id", self.ids[index]), ("organization", self.places[index]))
            if isinstance(found, ValidationError)
        }
        identity = self.ids[index]
        if not errors and (other := self.taken.get(identity)):
            if not may(self.user, READ, other):
                errors["id"] = ValidationError(str(TAKEN) % identity)
            elif not may(self.user, MANAGE_STATIONS, other):
                errors["id"] = ValidationError(_("Your role does not let you change this station."))
            else:
                words = {"organization": other.location.organization, "home": self.home}
                errors["id"] = ValidationError(_("This station belongs to %(organization)s, not to %(home)s or below it.") % words)
        if errors:
            raise ValidationError(errors)
        return identity

    def init_instance(self, row: dict[str, Any] | None = None) -> Station:
        made: Any = Station(identity=self.ids[self.at])
        put_together(made, [])
        made.connector_count, made.formats, made.plugs, made.currents, made.evse_ids = 1, ("socket",), ("",), (None,), ("",)
        return made  # type: ignore[no-any-return]

    def values(self, instance: Any) -> list[Any]:
        return [getattr(instance, name) for name in ATTRIBUTES]

    def changes(self, instance: Any) -> dict[str, tuple[Any, Any]]:
        pairs = zip(ATTRIBUTES, instance.was, self.values(instance), strict=True)
        return {name: (before, after) for name, before, after in pairs if before != after}

    def after_init_instance(self, instance: Any, new: bool, row: Any, **rest: Any) -> None:
        instance.template_name = text_of(row.get("template"))
        super().after_init_instance(instance, new, row, **rest)

    def import_instance(self, instance: Any, row: dict[str, Any], **rest: Any) -> None:
        errors: dict[str, Any] = {}
        instance.typed = {name for name in row if text_of(row[name])}
        location = or_error(lambda cells: self._location(instance, cells), row)
        if isinstance(location, ValidationError):
            errors["location"] = location
        else:
            instance.location = location
            template = or_error(self._template, instance)
            if isinstance(template, ValidationError):
                errors["template"] = template
            elif template:
                self._fill_in(instance, template, row)
        for name, attribute in VALUES.items():
            if name not in row or (instance.template_name and not text_of(row[name]) and name in FILLED):
                continue
            if (cell := self.cell(instance, name, row[name])) == MASK:
                continue
            try:
                field = self.fields[name]
                if len(text_of(row[name])) >= LONGEST_CELL:
                    raise ValidationError(_("This is too long for a file. Enter it on the page of the station."))
                value = field.widget.clean(cell, row)
                if value is not None or field.saves_null_values:
                    setattr(instance, attribute, value)
            except (ValidationError, ValueError) as error:
                errors[name] = error if isinstance(error, ValidationError) else ValidationError(str(error))
        if not errors:
            errors |= self._spread(instance)
        if errors:
            raise ValidationError(errors)

    def _location(self, station: Any, row: dict[str, Any]) -> Location:
        text, place, own = text_of(row.get("location")), self.places[self.at], station.location if station.pk else None
        elsewhere = ValidationError(_("This would move the station to another organization. Do that on its page: it says what goes along."))
        if own and (not text or same_name(text) == same_name(own.name)):
            if place and place.pk != own.organization_id:
                raise elsewhere
            return own  # type: ignore[no-any-return]
        if not text:
            raise ValidationError(_("A new station needs a location."))
        found = [one for one in self.locations.get(same_name(text), ()) if place is None or one.organization_id == place.pk]
        if not found:
            raise ValidationError(_("%s and what is below it have no location with this name where you may manage stations.") % self.home)
        if own:
            found = [one for one in found if one.organization_id == own.organization_id]
            if not found:
                raise elsewhere
        found = exact(found, text)
        if len(found) > 1:
            names = ", ".join(sorted({str(one.organization) for one in found}))
            raise ValidationError(_("There are several locations with this name, at %s. Name one in the column organization.") % names)
        if own and (reason := self._why_not_moved(station, found[0])):
            raise ValidationError(reason)
        return found[0]

    def _why_not_moved(self, station: Station, to: Location) -> str:
        key = station.location_id, to.pk
        if key not in self.moves:
            self.moves[key] = why_station_not_moved(self.user, station, to)
        return self.moves[key]

    def _template(self, station: Any) -> HardwareTemplate | None:
        text = station.template_name
        if not text:
            return None
        organization = station.location.organization
        higher = set(above(organization.path))
        found = [
            one
            for one in self.templates.get(same_name(text), ())
            if one.organization_id == organization.pk or (one.below and one.organization.path in higher)
        ]
        found = exact(found, text)
        if not found:
            raise ValidationError(_("%s has no hardware template with this name.") % organization)
        return max(found, key=lambda one: len(one.organization.path))  # the nearest one

    def _fill_in(self, station: Any, template: HardwareTemplate, row: dict[str, Any]) -> None:
        """What the row leaves empty. Connectors beyond the template's stay as they are."""
        for attribute, value in of_station(template).items():
            if not text_of(row.get(COLUMN_OF[attribute])):
                setattr(station, attribute, value)
        if not text_of(row.get("connectors")):
            station.connector_count = max(template.connectors, len(station.connector_list))
        described = of_connectors(template)
        for attribute in ("formats", "plugs", "currents"):
            if not text_of(row.get(COLUMN_OF[attribute])):
                there = getattr(station, attribute)
                empty = None if attribute == "currents" else ""
                before = (*there, *[empty] * (len(described) - len(there)))
                told = (fields.get(TOGETHER[attribute], before[at]) for at, fields in enumerate(described))
                setattr(station, attribute, (*told, *there[len(described) :]))

    def _spread(self, station: Any) -> dict[str, Any]:
        """One value for each connector; what is wrong with them, by column."""
        count, before = station.connector_count, len(station.connector_list)
        if count < before:
            said = _("This station has %d connectors already. Delete one on its page, if it may be deleted.") % before
            return {"connectors": ValidationError(said)}
        errors: dict[str, Any] = {}
        for attribute in ("formats", "plugs", "currents"):
            values = getattr(station, attribute)
            try:
                if COLUMN_OF[attribute] not in station.typed:  # of those that were there, or the template's; more are as the last of them
                    last = values[-1] if values else {"formats": "socket", "plugs": ""}.get(attribute)
                    values = (*values[:count], *[last] * (count - len(values)))
                setattr(station, attribute, tuple(spread(values, count)))
            except ValidationError as error:
                errors[COLUMN_OF[attribute]] = error
        while station.evse_ids and not station.evse_ids[-1]:
            station.evse_ids = station.evse_ids[:-1]
        if len(station.evse_ids) > count:
            said = _("There are more EVSE IDs than connectors: %(ids)d for %(connectors)d.")
            errors["evse_ids"] = ValidationError(said % {"ids": len(station.evse_ids), "connectors": count})
        else:
            station.evse_ids = (*station.evse_ids, *[""] * (count - len(station.evse_ids)))
        return errors

    def check(self, instance: Any, new: bool, row: dict[str, Any], errors: dict[str, Any]) -> None:
        if errors:
            return
        keys = [evse_id.replace("*", "") for evse_id in instance.evse_ids if evse_id]
        number = self.numbers[self.at]
        for key in keys if new or "evse_ids" in self.changes(instance) else ():
            words = ""
            if key in self.used and self.used[key] != instance.pk:
                words = _("Another connector already has the EVSE ID %s.")
            elif key in self.evse_rows or keys.count(key) > 1 or hashed(key) in self.earlier:
                words = _("The EVSE ID %s stands in the file twice.")
            if words:
                errors["evse_ids"] = ValidationError(words % next(one for one in instance.evse_ids if one.replace("*", "") == key))
                return
        self.evse_rows |= dict.fromkeys(keys, number)
        self.touched.extend(map(hashed, keys))

    def before_import_row(self, row: dict[str, Any], **rest: Any) -> None:
        super().before_import_row(row, **rest)
        known: Any = self.known.get(self.ids[self.at]) if isinstance(self.ids[self.at], str) else None
        for name, told in (("make", "vendor"), ("model", "model")):
            text = text_of(row.get(name))
            if text and text != (getattr(known, told) if known else ""):
                self.warn(name, text, _("A station tells its make and model itself. This is passed over."))
        if isinstance(row["id"], int | float):
            self.warn(
                "id", row["id"], _("The spreadsheet has made a number of this id. Were there zeros before it? Format the column as text.")
            )

    # -- all of them ------------------------------------------------------------------------------------------------------------------

    def bulk_write(self, new: list[Any], changed: list[Any]) -> None:
        forget(self.user)  # what was allowed when this part was read must be allowed still
        if new:
            made = create_stations(actor=self.user, stations=[(one, list(described(one))) for one in new], adopt=self.adopt)
            if self.of:
                imported_passwords.keep(self.of, made)
        if changed:
            edit_stations(actor=self.user, edits=[self._edit(one) for one in changed])

    def _edit(self, station: Any) -> StationEdit:
        made = {name: pair for name, pair in self.changes(station).items() if name in OWN}
        last = station.connector_list[-1].number if station.connector_list else 0
        connectors = []
        for at, fields in enumerate(described(station)):
            there = at < len(station.connector_list)
            one = station.connector_list[at] if there else Connector(station=station, number=last + 1 + at - len(station.connector_list))
            one.station = station
            changes = {name: (getattr(one, name), value) for name, value in fields.items() if getattr(one, name) != value}
            for name, (_before, value) in changes.items():
                setattr(one, name, value)
            if not there:
                connectors.append((one, {"number": (None, one.number), **changes}))
            elif changes:
                connectors.append((one, changes))
        return StationEdit(station, made, connectors)


FILLED = {*(COLUMN_OF[name] for name in ("current_type", "phases", "voltage", "max_current", "communication")),
          "connectors", "format", "plug", "connector_current"}  # fmt: skip


def described(station: Any) -> Iterator[dict[str, Any]]:
    """The fields of each connector."""
    for values in zip(*(getattr(station, attribute) for attribute in TOGETHER), strict=True):
        fields = dict(zip(TOGETHER.values(), values, strict=True))
        yield {**fields, "evse_key": fields["evse_id"].replace("*", "") or None}


def key(row: dict[str, Any]) -> str:
    return text_of(row["id"]).removeprefix("'")


def exported(stations: Iterable[Station]) -> Iterator[list[Any]]:
    """The lines of an export that can be imported again; each station comes with its connectors, location and organization."""
    yield [told.name for told in COLUMNS]
    yes = YesNo()
    for one in stations:
        own = [connector for connector in one.connectors.all() if connector.number]
        evse_ids = [connector.evse_id for connector in own]
        yield [
            one.identity, one.alias, one.location.organization.name, one.location.name, "", one.vendor, one.model, one.current_type,
            one.phases, one.voltage, one.max_current, len(own) or "", together([connector.format for connector in own]),
            together([connector.plug for connector in own]), together([connector.max_current for connector in own]),
            ";".join(evse_ids) if any(evse_ids) else "", one.communication, one.access_mode, yes.render(one.active),
        ]  # fmt: skip


def done_url(of: Import) -> str:
    return link("stations", **{"in": f"o{of.organization_id}"})


STATIONS = Kind(
    slug="stations",
    title=lazy("Stations"),
    intro=lazy(
        "Stations that are there already are changed in the columns that the file has; the others are added, and each gets a password, "
        "which you download once after the import."
    ),
    right=MANAGE_STATIONS,
    columns=COLUMNS,
    resource=StationRows,
    form="stations.pages.imports.StationImportForm",
    done_url=done_url,
    done_label=lazy("Show the stations"),
    list_url="stations",
    most_rows=20_000,
    key=key,
    touches=lambda options: True,
    after=imported_passwords.offer,
    part_rows=500,
)
