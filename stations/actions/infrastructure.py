"""Every write to stations and connectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from stations import credentials, hooks, nudges
from stations.actions.care import follow_stations
from stations.actions.certificates import revoke_all_of
from stations.actions.saving import save
from stations.models import (
    ActivationChange,
    AvailabilityDay,
    Command,
    ConfigurationChange,
    ConfigurationKey,
    Connector,
    Contact,
    DeviceEvent,
    DeviceVariable,
    Document,
    FirmwareUpdate,
    Knock,
    Location,
    LocationGrant,
    Note,
    OutOfService,
    SecurityChange,
    Station,
    StationUpload,
    Transaction,
)
from tenancy import audit
from tenancy.actions.moves import why_not_given_away, why_not_moved
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

PORTION = 500  # stations changed in one transaction


def what_is_wrong_with(identities: Sequence[str]) -> list[str]:
    """Why these cannot all be ids of new stations: a sentence for each that is taken, malformed or entered twice."""
    if not identities:
        return [_("Enter at least one station id.")]
    errors: list[str] = []
    seen: set[str] = set()
    taken = set(Station.objects.filter(identity__in=identities).values_list("identity", flat=True))
    for identity in identities:
        if identity in seen:
            errors.append(_("%s is entered twice.") % identity)
            continue
        seen.add(identity)
        if identity in taken:
            errors.append(_("%s is already in use: a station id can be used once only, by anyone.") % identity)
        try:
            Station._meta.get_field("identity").run_validators(identity)
        except ValidationError as error:
            errors.append(f"{identity}: {error.messages[0]}")
    return errors


@transaction.atomic
def add_stations(
    *,
    actor: User | None,
    location: Location,
    identities: Sequence[str],
    connectors: int = 1,
    connector_fields: dict[str, Any] | None = None,
    plugs: Sequence[str] = (),
    password: str | None = None,
    adopt_offered_password: bool = False,
    **fields: Any,
) -> list[tuple[Station, str | None]]:
    """Add a station per identity, all with the same technical data `fields` and `connectors` alike connectors, but for their `plugs`.

    Returns (station, password) pairs; the password is shown once and only its digest is kept. It is None where
    `adopt_offered_password` took over the one that the station already offered while it was refused (see Knock).
    ValidationError {"identities": …} names every id that is taken or malformed; then nothing is added.
    """
    if errors := what_is_wrong_with(identities):
        raise ValidationError({"identities": errors})
    offered = dict(Knock.objects.filter(identity__in=identities).exclude(password_digest="").values_list("identity", "password_digest"))
    added: list[tuple[Station, str | None]] = []
    for identity in identities:
        adopted = offered.get(identity) if adopt_offered_password else None
        clear = None if adopted else password or credentials.generate_password()
        station = Station(location=location, identity=identity, password_digest=adopted or credentials.digest(clear or ""))
        for key, value in fields.items():
            setattr(station, key, value)
        station.full_clean()
        station.save()
        each = [{**(connector_fields or {}), **({"plug": plugs[at]} if plugs else {})} for at in range(connectors)]
        Connector.objects.bulk_create([Connector(station=station, number=number, **of) for number, of in enumerate([{}, *each])])
        audit.record(actor, "create", station, location.organization, {"identity": [None, identity], "location": [None, location.name]})
        added.append((station, clear))
    Knock.objects.filter(identity__in=identities).delete()
    nudges.stations_changed(*(station.pk for station, _password in added))
    return added


def why_station_not_moved(actor: User | None, station: Station, to: Location) -> str:
    """Why `actor` cannot move this station to the location `to`; empty when they can."""
    here = station.location
    if to.pk == here.pk:
        return ""
    if to.organization_id != here.organization_id and (reason := why_not_given_away(actor, MANAGE_STATIONS, here.organization)):
        return reason
    let_in = LocationGrant.objects.filter(content_object=to, group__user__isnull=False).exclude(until__lte=timezone.now())
    gained = let_in.values_list("permission__codename", flat=True)
    return why_not_moved(actor, here.organization.path, to.organization.path, here.pk, gained)


@transaction.atomic
def edit_station(*, actor: User | None, station: Station, **fields: Any) -> Station:
    """The identity is the station's address and never changes. Deactivating closes its socket. Moved to another organization, it takes
    its transactions and its log along; both organizations keep a record of that."""
    if fields.get("identity", station.identity) != station.identity:
        raise ValidationError({"identity": _("A station id never changes. Add a new station instead.")})
    was = station.location
    to: Location = fields.get("location", was)
    if reason := why_station_not_moved(actor, station, to):
        raise ValidationError({"location": reason})
    mode, active = station.access_mode, station.active
    save(actor, station, to.organization, fields)
    if to.pk != was.pk:
        follow_stations([station.pk], to)
    if to.pk != was.pk or station.access_mode != mode:
        hooks.tell_access_changed([station.pk])
    if to.organization_id != was.organization_id:
        audit.record(actor, "edit", station, was.organization, {"location": [audit.named(was), audit.named(to)]})
    if station.active != active:
        note_activation(actor, [station], station.active)
    if not station.active:
        nudges.close_station(station.pk)
    nudges.stations_changed(station.pk)
    return station


def note_activation(actor: User | None, stations: Sequence[Station], active: bool) -> None:
    """Activated, they are no longer deactivated for a time."""
    now = timezone.now()
    if active:
        over = OutOfService.objects.filter(station__in=stations, deactivated=True, ended_at=None)
        over.update(ended_at=now, ended_by=actor)
    ActivationChange.objects.bulk_create([ActivationChange(station=station, at=now, active=active) for station in stations])


def set_stations_active(*, actor: User | None, stations: models.QuerySet[Station], active: bool) -> int:
    """Activate or deactivate many; returns how many changed. Deactivating closes their sockets.

    One transaction per portion: a large fleet must not keep the ledger waiting.
    """
    keys = list(stations.filter(active=not active).order_by("pk").values_list("pk", flat=True))
    changed = 0
    for first in range(0, len(keys), PORTION):
        with transaction.atomic():
            portion = list(
                Station.objects.select_for_update(of=("self",))
                .filter(pk__in=keys[first : first + PORTION], active=not active)
                .select_related("location__organization")
                .order_by("pk")
            )
            Station.objects.filter(pk__in=[station.pk for station in portion]).update(active=active)
            change = {"active": [not active, active]}
            audit.record_each(actor, "edit", ((station, station.location.organization, change) for station in portion))
            note_activation(actor, portion, active)
            if not active:
                for station in portion:
                    nudges.close_station(station.pk)
            nudges.stations_changed(*(station.pk for station in portion))
            changed += len(portion)
    return changed


@transaction.atomic
def renew_password(*, actor: User | None, station: Station, password: str | None = None) -> str:
    """A new password; the old one stops working with the next connect, and the open socket is closed. Shown once."""
    clear = password or credentials.generate_password()
    if not credentials.SHORTEST <= len(clear.encode()) <= credentials.LONGEST:
        raise ValidationError({"password": _("A station's password has 16 to 40 characters.")})
    station.password_digest = credentials.digest(clear)
    station.password_set_at = timezone.now()
    station.save(update_fields=["password_digest", "password_set_at"])
    under_way = SecurityChange.objects.filter(station=station, kind=SecurityChange.Kind.PASSWORD, ended_at=None)
    under_way.update(
        state=SecurityChange.State.FAILED, ended_at=station.password_set_at, password_digest="", note=_("A newer password has replaced it.")
    )
    audit.record(actor, "renew_password", station, station.location.organization)
    nudges.close_station(station.pk)
    return clear


def why_station_stays(station: Station) -> str:
    """Why this station cannot be deleted now; empty when it can."""
    if count := Transaction.objects.filter(station=station).count():
        return (
            ngettext(
                "It has %d transaction, which must be kept. Deactivate the station instead.",
                "It has %d transactions, which must be kept. Deactivate the station instead.",
                count,
            )
            % count
        )
    return ""


def what_goes_with_station(station: Station) -> list[str]:
    """“2 documents”, “1 note”: what is kept of this station and is gone once it is deleted."""
    now = timezone.now()
    coming, past = station.maintenance_windows.filter(ends_at__gt=now).count(), station.maintenance_windows.filter(ends_at__lte=now).count()
    days = AvailabilityDay.objects.filter(connector__station=station).values("day").distinct().count()

    def kept(model: type[models.Model]) -> int:
        return model._default_manager.filter(station=station).count()

    counted = (
        (station.frames.count(), ngettext_lazy("%d message of its log", "%d messages of its log")),
        (kept(Document), ngettext_lazy("%d document", "%d documents")),
        (kept(Note), ngettext_lazy("%d note", "%d notes")),
        (kept(Contact), ngettext_lazy("%d contact", "%d contacts")),
        (coming, ngettext_lazy("%d planned maintenance window", "%d planned maintenance windows")),
        (past, ngettext_lazy("%d past maintenance window", "%d past maintenance windows")),
        (kept(StationUpload), ngettext_lazy("%d file that it uploaded", "%d files that it uploaded")),
        (kept(FirmwareUpdate), ngettext_lazy("%d firmware update", "%d firmware updates")),
        (kept(ConfigurationKey), ngettext_lazy("%d value of its configuration", "%d values of its configuration")),
        (kept(DeviceVariable), ngettext_lazy("%d variable of its device model", "%d variables of its device model")),
        (kept(DeviceEvent), ngettext_lazy("%d event that its monitors told", "%d events that its monitors told")),
        (kept(ConfigurationChange), ngettext_lazy("%d change of its configuration", "%d changes of its configuration")),
        (kept(Command), ngettext_lazy("%d command", "%d commands")),
        (days, ngettext_lazy("its availability of %d day", "its availability of %d days")),
    )
    return [words % count for count, words in counted if count]


@transaction.atomic
def delete_station(*, actor: User | None, station: Station) -> None:
    if reason := why_station_stays(station):
        raise ValidationError(reason)
    audit.record(actor, "delete", station, station.location.organization)
    revoke_all_of([station])
    nudges.close_station(station.pk)
    station.frames.all().delete()
    station.delete()


@transaction.atomic
def create_connector(*, actor: User | None, station: Station, **fields: Any) -> Connector:
    connector = Connector(station=station)
    save(actor, connector, station.location.organization, fields)
    nudges.stations_changed(station.pk)
    return connector


@transaction.atomic
def edit_connector(*, actor: User | None, connector: Connector, **fields: Any) -> Connector:
    save(actor, connector, connector.station.location.organization, fields)
    nudges.stations_changed(connector.station_id)
    return connector


def why_connector_stays(connector: Connector) -> str:
    """Why this connector cannot be deleted now; empty when it can."""
    if connector.number == 0:
        return _("This is the station itself.")
    if connector.transactions.exists():
        return _("It has transactions, which must be kept.")
    if connector.status:
        return _("The station reports it.")
    return ""


@transaction.atomic
def delete_connector(*, actor: User | None, connector: Connector) -> None:
    if reason := why_connector_stays(connector):
        raise ValidationError(reason)
    # In the history of the station, which stays
    station = connector.station
    audit.record(actor, "delete_connector", station, station.location.organization, {"number": [connector.shown, None]})
    nudges.stations_changed(station.pk)
    connector.delete()
