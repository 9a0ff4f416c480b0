"""Many locations or stations at once, as imports write them, and the passwords of the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import credentials, hooks, imported_passwords, nudges
from stations.actions.infrastructure import note_activation
from stations.models import Connector, ImportedPasswords, Knock, Location, Station
from tenancy import audit
from tenancy.imports import Refused
from tenancy.models import Import, User
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_STATIONS, PUBLISH_LOCATIONS, holds, may

AT_ONCE = 500
Made = dict[str, tuple[Any, Any]]  # field -> (before, after)


class StationEdit(NamedTuple):
    """What is to change of a station, which has the new values already; and of its connectors, new ones among them."""

    station: Station
    made: Made
    connectors: Sequence[tuple[Connector, Made]] = ()


def _check(actor: User | None, right: str, things: Sequence[Any]) -> None:
    if actor and not all(may(actor, right, thing) for thing in things):
        raise Refused(_("You no longer have the right to do this everywhere in the file. Nothing more is written."))


@transaction.atomic
def create_stations(
    *, actor: User | None, stations: Sequence[tuple[Station, Sequence[dict[str, Any]]]], adopt: bool = False
) -> list[tuple[str, str]]:
    """As add_stations does of each: (station, fields of each of its connectors), all of them checked. Returns (station id, password),
    but not of those that keep the one they offered (`adopt`). IntegrityError where somebody else was quicker."""
    _check(actor, MANAGE_STATIONS, [station.location for station, _connectors in stations])
    identities = [station.identity for station, _connectors in stations]
    knocks = Knock.objects.filter(identity__in=identities)
    offered = dict(knocks.exclude(password_digest="").values_list("identity", "password_digest")) if adopt else {}
    made = {}
    for station, _connectors in stations:
        if (digest := offered.get(station.identity)) is None:
            made[station.identity] = credentials.generate_password()
            digest = credentials.digest(made[station.identity])
        station.password_digest = digest
    Station.objects.bulk_create([station for station, _connectors in stations], batch_size=AT_ONCE)
    Connector.objects.bulk_create(
        [
            Connector(station=station, number=number, **fields)
            for station, connectors in stations
            for number, fields in enumerate([{}, *connectors])
        ],
        batch_size=AT_ONCE,
    )
    audit.record_each(
        actor, "create",
        [
            (station, station.location.organization, {"identity": [None, station.identity], "location": [None, station.location.name]})
            for station, _connectors in stations
        ],
    )  # fmt: skip
    knocks.delete()
    nudges.stations_changed(*(station.pk for station, _connectors in stations))
    return list(made.items())


def _write(model: Any, changes: Sequence[tuple[Any, Made]]) -> None:
    """Only where it changed: what somebody else writes meanwhile stays."""
    for name in sorted({name for _one, made in changes for name in made}):
        model.objects.bulk_update([one for one, made in changes if name in made], [name], batch_size=AT_ONCE)


def _told(made: Made) -> dict[str, Any]:
    """As the record has it."""
    before, after = ({name: pair[side] for name, pair in made.items() if name != "evse_key"} for side in (0, 1))
    return audit.differences(before, after)


@transaction.atomic
def edit_stations(*, actor: User | None, edits: Sequence[StationEdit]) -> None:
    """As edit_station and edit_connector do of each, within its organization. A station that is gone meanwhile, or belongs to another
    organization, is left out."""
    _check(actor, MANAGE_STATIONS, [edit.station.location for edit in edits])
    rows = Station.objects.select_for_update(of=("self",)).filter(pk__in=[edit.station.pk for edit in edits])
    there = dict(rows.values_list("pk", "location__organization"))
    edits = [edit for edit in edits if there.get(edit.station.pk) == edit.station.location.organization_id]
    _write(Station, [(edit.station, edit.made) for edit in edits])
    connectors = [(one, made, edit.station) for edit in edits for one, made in edit.connectors]
    old = [(one, made) for one, made, _station in connectors if one.pk]
    # Two connectors may swap their ids
    Connector.objects.filter(pk__in=[one.pk for one, made in old if "evse_key" in made]).update(evse_key=None)
    was = {one.pk for one, _made in old}
    _write(Connector, old)
    Connector.objects.bulk_create([one for one, _made, _station in connectors if one.pk not in was], batch_size=AT_ONCE)
    audit.record_each(
        actor, "edit", [(edit.station, edit.station.location.organization, _told(edit.made)) for edit in edits if edit.made]
    )  # fmt: skip
    for verb, told in (("edit", True), ("create", False)):
        chosen = [(one, station.location.organization, _told(made)) for one, made, station in connectors if (one.pk in was) == told]
        audit.record_each(actor, verb, chosen)
    for active in (True, False):
        if switched := [edit.station for edit in edits if "active" in edit.made and edit.station.active is active]:
            note_activation(actor, switched, active)
            for station in switched if not active else ():
                nudges.close_station(station.pk)
    if moved := [edit.station.pk for edit in edits if {"access_mode", "location"} & edit.made.keys()]:
        hooks.tell_access_changed(moved)
    nudges.stations_changed(*(edit.station.pk for edit in edits))


@transaction.atomic
def create_locations(*, actor: User | None, locations: Sequence[tuple[Location, Sequence[str]]]) -> None:
    """As create_location does of each: (location, the fields to record), all of them checked. IntegrityError where somebody else was
    quicker."""
    _check(actor, MANAGE_LOCATIONS, [location.organization for location, _names in locations])
    _check_publishing(actor, [location for location, _names in locations if location.published])
    Location.objects.bulk_create([location for location, _names in locations], batch_size=AT_ONCE)
    audit.record_each(
        actor, "create",
        [(one, one.organization, audit.differences({}, {name: getattr(one, name) for name in names})) for one, names in locations],
    )  # fmt: skip


@transaction.atomic
def edit_locations(*, actor: User | None, edits: Sequence[tuple[Location, Made]]) -> None:
    """As edit_location and publish_location do of each. A location that is gone meanwhile, or belongs to another organization, is left
    out."""
    _check(actor, MANAGE_LOCATIONS, [location.organization for location, _made in edits])
    _check_publishing(actor, [location for location, made in edits if "published" in made])
    rows = Location.objects.select_for_update(of=("self",)).filter(pk__in=[location.pk for location, _made in edits])
    there = dict(rows.values_list("pk", "organization"))
    edits = [(one, made) for one, made in edits if there.get(one.pk) == one.organization_id]
    _write(Location, edits)
    fields = [(one, one.organization, _told({name: pair for name, pair in made.items() if name != "published"})) for one, made in edits]
    audit.record_each(actor, "edit", [entry for entry in fields if entry[2]])
    for published, verb in ((True, "publish"), (False, "unpublish")):
        audit.record_each(
            actor, verb,
            [(one, one.organization, _told({"published": made["published"]})) for one, made in edits
             if "published" in made and one.published is published],
        )  # fmt: skip
    if modes := [one.pk for one, made in edits if "access_mode" in made]:
        hooks.tell_access_changed(Station.objects.filter(location__in=modes).values_list("pk", flat=True))


def _check_publishing(actor: User | None, locations: Sequence[Location]) -> None:
    if actor and not all(holds(actor, PUBLISH_LOCATIONS, one.organization.path) for one in locations):
        raise Refused(_("You no longer have the right to do this everywhere in the file. Nothing more is written."))


@transaction.atomic
def take_passwords(*, actor: User, of: Import) -> list[tuple[str, str]]:
    """(station id, password) of the stations that this import has added: given once, to who imported them."""
    if actor.pk != of.actor_id:
        raise ValidationError(_("%s imported these stations, so nobody else gets their passwords. Renew them instead.") % (of.actor_name))
    rows = list(ImportedPasswords.objects.select_for_update().filter(of=of).order_by("pk"))
    ImportedPasswords.objects.filter(pk__in=[row.pk for row in rows]).delete()
    found = imported_passwords.opened([row for row in rows if row.created_at >= timezone.now() - imported_passwords.KEPT])
    if not found:
        raise ValidationError(_("The passwords are gone: they can be downloaded once, within 24 hours. Renew those that are missing."))
    audit.record(actor, "take_passwords", of, of.organization, {"count": [None, len(found)]})
    return found
