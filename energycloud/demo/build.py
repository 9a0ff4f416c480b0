"""Making the demo, and giving its stations new passwords when the file that kept them is gone."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from energycloud.demo import capacity, cards, data, files, stations_file
from energycloud.demo.history import History, stamp
from energycloud.simulator.fleet import Known, read_json, write_private
from energycloud.simulator.makes import MAKES, Make
from passes.models import ChargePass, RoamingToken
from stations import credentials
from stations.actions import add_stations, create_hardware_template, create_location, edit_connector, edit_station, renew_password
from stations.actions.corrections import correct_transaction, version_of
from stations.models import (
    ActivationChange,
    Connector,
    CurrentType,
    Knock,
    Location,
    SecurityEvent,
    Station,
    StatusChange,
    Transaction,
    UnmatchedMessage,
)
from stations.ocpp import numbering
from tenancy.actions import assign_role, create_organization, create_role, create_user, let_in, team_of
from tenancy.models import Organization, Role, User

# What a station of the demo is like: in which order the simulator takes them ("charging" first), or why it has nothing to simulate.
TRAITS = ("charging", "broken", "lively", "idle", "silent", "offline", "deactivated", "never")
SIMULATED = ("charging", "broken", "lively", "idle")
SEED = 16


def exists() -> bool:
    """Whether this database has the demo already."""
    return Station.objects.filter(identity=_identities()[0]).exists()


@transaction.atomic
def build() -> list[tuple[str, str]]:
    """Make it all; returns the logins of its people as (e-mail, password). The platform must exist."""
    rng, now = random.Random(SEED), timezone.now()
    organizations = _organizations()
    people = [(email, secrets.token_urlsafe(12)) for _key, _name, email, _role in data.PEOPLE]
    for (key, name, _email, role), (email, password) in zip(data.PEOPLE, people, strict=True):
        create_user(
            actor=None, organization=organizations[key], email=email, name=name, password=password, role=Role.objects.get(default=role)
        )
    for described in data.HARDWARE:
        create_hardware_template(actor=None, organization=organizations[""], below=True, **described)
    every = cards.make(rng, organizations, now)
    history = History(rng, now)
    known: list[tuple[int, Known]] = []
    identities = iter(_identities())
    evse = 1000
    for place in data.LOCATIONS:
        organization = organizations[place.owner]
        location = create_location(
            actor=None, organization=organization, name=place.name, street=place.street, postal_code=place.postal_code,
            city=place.city, country=place.country, latitude=place.latitude, longitude=place.longitude, time_zone=place.time_zone,
            access_mode=place.access_mode,
        )  # fmt: skip
        for make_key, alias, trait in place.stations:
            make, evse = MAKES[make_key], evse + 10
            station, password = _station(location, next(identities), make, alias, evse)
            registers: dict[int, int] = {}
            taken = cards.accepted(station, every, now)
            if trait != "never":
                seen = _last_seen(rng, now, trait)
                registers = history.live(station, make, place.habit, taken, seen)
                for number, register in registers.items():
                    station.connectors.filter(number=number).update(energy_register=register)
                _was_connected(rng, station, make, trait, now, seen)
            if alias in data.REFUSALS:
                name, count = data.REFUSALS[alias]
                known_card = ChargePass.objects.filter(organization=organization, nickname=name).first()
                history.refused(station, known_card.uid if known_card else "", count)
            if trait in SIMULATED:
                known.append((TRAITS.index(trait), _known(station, password, make_key, trait, taken, registers)))
    history.write()
    _problems(now)
    _service(organizations, now)
    files.make(organizations[""], now)
    capacity.make(now)
    stranger = _stranger()
    Knock.objects.get_or_create(identity=stranger.identity, defaults={
        "reason": Knock.Reason.UNKNOWN, "address": "127.0.0.1", "first_at": now - timedelta(hours=3), "last_at": now - timedelta(minutes=1),
        "count": 181, "password_digest": credentials.digest(stranger.password),
    })  # fmt: skip
    transaction.on_commit(lambda: _keep(known, stranger))
    return people


@transaction.atomic
def mend() -> int:
    """Where the file with the stations' passwords is lost or of another database: new passwords. How many there were to make."""
    kept: dict[str, Any] = read_json(stations_file()) or {}
    entries = [Known(**entry) for entry in kept.get("stations", ())]
    digests = dict(Station.objects.filter(identity__in=_identities()).values_list("identity", "password_digest"))
    if entries and all(digests.get(entry.identity) == credentials.digest(entry.password) for entry in entries if entry.identity in digests):
        return 0
    known: list[tuple[int, Known]] = []
    every = [*ChargePass.objects.values_list("uid", flat=True), *RoamingToken.objects.values_list("uid", flat=True)[: cards.TOKENS]]
    described = dict(zip(_identities(), _described(), strict=True))
    for station in Station.objects.filter(identity__in=digests, active=True).select_related("location__organization"):
        make_key, trait = described[station.identity]
        if trait in SIMULATED:
            password = renew_password(actor=None, station=station)
            registers = dict(station.connectors.exclude(number=0).values_list("number", "energy_register"))
            uids = cards.accepted(station, every, timezone.now())
            known.append((TRAITS.index(trait), _known(station, password, make_key, trait, uids, registers)))
    stranger = _stranger()
    transaction.on_commit(lambda: _keep(known, stranger))
    return len(known)


def _known(station: Station, password: str, make: str, trait: str, uids: list[str], registers: Mapping[int, float | None]) -> Known:
    """`registers`: Wh, by number of the connector."""
    begin = trait if trait in ("charging", "broken") else "idle"
    in_order = [round(registers[number] or 0) for number in sorted(registers, key=lambda number: _in_order(MAKES[make], number))]
    return Known(station.identity, password, make, serial=station.identity, cards=uids, begin=begin, registers=in_order)


def _stranger() -> Known:
    make, identity = data.STRANGER
    return Known(identity, credentials.generate_password(), make, serial=identity, cards=["04F1E2D3C4B5A6"])


def _keep(known: list[tuple[int, Known]], stranger: Known) -> None:
    """The liveliest first: the simulator takes as many as it is asked for from the beginning."""
    stations = [asdict(entry) for _order, entry in sorted(known, key=lambda pair: pair[0])]
    write_private(stations_file(), {"stations": stations, "stranger": asdict(stranger)})


def _described() -> list[tuple[str, str]]:
    return [(make, trait) for place in data.LOCATIONS for make, _alias, trait in place.stations]


def _identities() -> list[str]:
    """The stations' ids, as their makes number them; always the same."""
    rng = random.Random(SEED)
    return ["".join(rng.choice("123456789") if sign == "9" else sign for sign in MAKES[make].serial) for make, _trait in _described()]


def _organizations() -> dict[str, Organization]:
    made = {"": Organization.objects.get(parent=None)}
    for org in data.ORGANIZATIONS:
        made[org.key] = create_organization(
            actor=None, parent=made[org.parent], kind=org.kind, name=org.name, street=org.street, postal_code=org.postal_code,
            city=org.city, country=org.country, email=org.email, phone=org.phone, colour=data.COLOURS.get(org.key, ""),
        )  # fmt: skip
    return made


def _service(organizations: dict[str, Organization], now: datetime) -> None:
    """A hotline at work for another organization's customer."""
    key, name, purpose, rights = data.SERVICE
    offered = create_role(actor=None, organization=organizations[key], name=name, description=purpose, rights=rights, offered=True)
    assign_role(actor=None, user=User.objects.get(email=data.ON_DUTY), role=offered, organization=organizations[key])
    owner, place = data.LET_IN
    location = Location.objects.get(organization=organizations[owner], name=place)
    let_in(
        actor=None, team=team_of(offered, organizations[key]), organization=organizations[owner], rights=rights,
        starts_at=now - timedelta(days=3), ends_at=now + timedelta(days=27), place=f"l{location.pk}", place_name=place,
        reason="Nights in the holidays",
    )  # fmt: skip


def _station(location: Location, identity: str, make: Make, alias: str, evse: int) -> tuple[Station, str]:
    evses = make.connectors // make.per_evse
    fields = {"max_current": make.max_current, "format": Connector.Format.CABLE if make.cable else Connector.Format.SOCKET}
    ((station, password),) = add_stations(
        actor=None, location=location, identities=[identity], connectors=evses, alias=alias,
        current_type=CurrentType(make.current_type), phases=make.phases, voltage=make.voltage,
        max_current=make.max_current * (evses if make.current_type == "AC" else 1),
        communication=make.communication,
        connector_fields=fields,
    )  # fmt: skip
    further = (numbering.number(number, at) for number in range(1, evses + 1) for at in range(2, make.per_evse + 1))
    Connector.objects.bulk_create([Connector(station=station, number=number, **fields) for number in further])
    operator = {"NL": "LTD", "BE": "LTD", "DE": "LTD", "AT": "ALP"}[location.country]
    for connector in station.connectors.exclude(number=0):
        edit_connector(
            actor=None,
            connector=connector,
            plug=make.plug(_in_order(make, connector.number)),
            evse_id=f"{location.country}*{operator}*E{evse + _in_order(make, connector.number)}",
        )
    assert password is not None
    return station, password


def _in_order(make: Make, number: int) -> int:
    """How the simulator counts the connector of this number: through all EVSEs, from 1."""
    return (numbering.evse_of(number) - 1) * make.per_evse + numbering.connector_of(number)


def _last_seen(rng: random.Random, now: datetime, trait: str) -> datetime:
    match trait:
        case "offline":
            return now - timedelta(hours=rng.uniform(3, 40))
        case "silent":
            return now - timedelta(days=4)
        case "deactivated":
            return now - timedelta(days=12)
    return now - timedelta(minutes=15)


def _was_connected(rng: random.Random, station: Station, make: Make, trait: str, now: datetime, seen: datetime) -> None:
    """What an earlier connection has left: who it said it was, and when it was heard last."""
    station.vendor, station.model, station.firmware_version, station.serial_number = (
        make.vendor,
        make.model,
        make.firmware,
        station.identity,
    )
    station.first_connected_at = now - timedelta(days=rng.randint(60, 500))
    station.booted_at = station.connected_at = seen - timedelta(days=rng.uniform(0.5, 20))
    station.last_message_at = station.disconnected_at = seen
    station.ocpp_version, station.clock_offset = make.version, rng.uniform(-0.8, 0.8)
    station.created_at = station.first_connected_at - timedelta(days=3)
    station.save()
    station.connectors.update(status=Connector.Status.AVAILABLE, error_code="NoError", status_at=seen)
    if trait == "deactivated":
        edit_station(actor=None, station=station, active=False)
        ActivationChange.objects.filter(station=station).update(at=seen)


def _problems(now: datetime) -> None:
    """What goes wrong in the field: a charge without an end, a meter that ran backwards, a clock from 1970."""
    stations = {trait: Station.objects.get(identity=identity) for identity, (_make, trait) in zip(_identities(), _described(), strict=True)}
    silent, lively = stations["silent"], stations["idle"]
    connector = silent.connectors.get(number=1)
    began = now - timedelta(days=4, hours=2)
    endless = Transaction.objects.create(
        station=silent, connector=connector, id_tag="04A1B2C3D4E5F6", verdict="Accepted", started_at=began, reported_start=stamp(began),
        start_received_at=began, meter_start=1_204_400, meter_last=1_209_950,
    )  # fmt: skip
    Transaction.objects.filter(pk=endless.pk).update(transaction_id=str(endless.pk))
    Connector.objects.filter(pk=connector.pk).update(status=Connector.Status.CHARGING, status_at=began)
    backwards, wrong, jumped, decided = Transaction.objects.filter(station=lively).order_by("-started_at")[:4]
    backwards.meter_stop = backwards.meter_last = backwards.meter_start - 412
    backwards.problems = [Transaction.Problem.NEGATIVE]
    backwards.save()
    wrong.reported_start, wrong.problems = "1970-01-01T00:03:12Z", [Transaction.Problem.CLOCK]
    wrong.save()
    jumped.meter_stop = jumped.meter_start + 1_874_000  # the meter was exchanged while a car charged
    jumped.problems = [Transaction.Problem.TOO_MUCH]
    jumped.save()
    right = decided.meter_stop or 0
    decided.meter_stop, decided.problems = decided.meter_start - 90, [Transaction.Problem.NEGATIVE]
    decided.save()
    correct_transaction(
        actor=None, transaction=decided, version=version_of(decided), values={"meter_stop": right},
        reason="Read on the meter's display by the technician.",
    )  # fmt: skip
    UnmatchedMessage.objects.create(
        station=silent, action="StopTransaction", transaction_id="0", first_at=now - timedelta(days=3), last_at=now - timedelta(days=3),
        payload={"transactionId": 0, "meterStop": 1_211_300, "timestamp": stamp(began + timedelta(hours=5)), "reason": "PowerLoss"},
    )  # fmt: skip
    UnmatchedMessage.objects.create(
        station=lively, action="StopTransaction", transaction_id="-1", first_at=now - timedelta(hours=30),
        last_at=now - timedelta(hours=29), count=3,
        payload={"transactionId": -1, "meterStop": 3_481_220, "timestamp": stamp(now - timedelta(hours=30)), "reason": "PowerLoss"},
    )  # fmt: skip
    offline = stations["offline"]
    last = offline.last_message_at or now
    plug = offline.connectors.get(number=1)
    Connector.objects.filter(pk=plug.pk).update(
        status=Connector.Status.FAULTED,
        error_code="PowerMeterFailure",
        vendor_error_code="E0411",
        info="No answer from meter",
        status_at=last,
    )
    StatusChange.objects.create(
        connector=plug,
        at=last,
        received_at=last,
        status="Faulted",
        error_code="PowerMeterFailure",
        vendor_error_code="E0411",
        info="No answer from meter",
    )
    SecurityEvent.objects.create(
        station=lively,
        at=now - timedelta(days=6),
        received_at=now - timedelta(days=6),
        type="TamperDetectionActivated",
        info="Door contact",
    )
