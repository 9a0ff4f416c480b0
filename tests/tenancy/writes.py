"""Every write of the portal, called once by Ada: the table of test_audit_of_actions.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from allauth.usersessions.models import UserSession
from django.core.files.base import ContentFile
from django.utils import timezone

from passes import actions as cards
from passes.actions import imports as many
from passes.models import ChargePass, Listing, Provider
from passes.ocpi.keys import digest
from stations import actions as fleet
from stations.actions import corrections as decisions
from stations.actions import imports as rows
from stations.actions.evse_ids import give_evse_ids
from stations.actions.inbox import dismiss_unmatched
from stations.actions.knocking import forget_knocks
from stations.actions.manners import forget_deviations
from stations.bulk import KINDS as BULK
from stations.imported_passwords import keep
from stations.models import (
    Authority,
    BulkJob,
    CapacityHours,
    CapacityPlan,
    ConfigurationTemplate,
    Connector,
    Deviation,
    Document,
    FirmwareFile,
    FirmwareUpdate,
    HardwareTemplate,
    InstalledCertificate,
    Knock,
    Location,
    MaintenanceWindow,
    Reservation,
    SecurityChange,
    Station,
    StationCertificate,
    Transaction,
    UnmatchedMessage,
    VendorCode,
)
from stations.ocpp.intents import Reset
from tenancy import actions as people
from tenancy.exports import KINDS as EXPORTS
from tenancy.imports import KINDS, jobs
from tenancy.models import Export, Import, Invitation, Role, ServiceAccess, Team, User
from tenancy.pictures import Picture
from tests.conftest import CARD, PASSWORD, Tree
from tests.csr import new_root
from tests.energycloud.accounts import with_app
from tests.stations.sheets import online
from tests.stations.test_plots import charge

# They write what belongs to another action, which records it, or what follows from it
DERIVED = {
    "tenancy.team_of", "tenancy.create_default_roles", "tenancy.bring_up_to_date", "tenancy.sweep_accesses", "tenancy.renew_closed",
    "stations.save", "stations.note_activation", "tenancy.write_fields", "passes.write_tokens", "passes.end_tokens", "passes.record_lists",
    "stations.follow_stations", "stations.revoke_all_of",
}  # fmt: skip
READ_ONLY = {
    "tenancy.touched_by", "tenancy.permissions_of", "tenancy.find_invitation", "tenancy.digest", "tenancy.lock_tree",
    "tenancy.lock_administrators", "tenancy.keys", "tenancy.companies_by_move",
    "tenancy.newly_above", "tenancy.rights_gained", "stations.what_is_wrong_with", "stations.accesses_at",
    "stations.check_entries", "stations.began_by",
    "stations.version_of", "stations.power_of", "stations.what_is_wrong_with_values", "stations.more_than_possible", "stations.end_of",
    "stations.too_long", "stations.new_end",
    "stations.what_is_wrong_with_window", "stations.what_goes_with_station", "stations.overlapping", "stations.of_place",
    "stations.said", "stations.read_root", "stations.sets_hidden", "stations.said_of_hours", "stations.has_certificate",
    "passes.what_moves", "passes.own_listings", "passes.differences",
}  # fmt: skip


def signer(tree: Tree, actor: User | None = None, name: str = "Root") -> Authority:
    return fleet.create_authority(actor=actor, name=name, use="station", kind="ec", years=10)


def certificate_of(tree: Tree) -> StationCertificate:
    now = timezone.now()
    return StationCertificate.objects.create(
        station=tree.station, state="installed", authority=signer(tree), serial="BEEF", fingerprint="a" * 64, certificate="x",
        not_before=now, not_after=now + timedelta(days=9),
    )  # fmt: skip


def firmware(tree: Tree, actor: User | None = None) -> FirmwareFile:
    file = ContentFile(b"firmware", "alfen.bin")
    return fleet.add_firmware(actor=actor, organization=tree.customer, file=file, vendor="Alfen*", model="*", version="7")


def update(tree: Tree, actor: User | None = None, state: str = "planned") -> FirmwareUpdate:
    now = timezone.now()
    planned = fleet.plan_update(
        actor=actor, station=online(tree.station), firmware=firmware(tree), why="fault", asked_for_by="Cy", reason="it hangs",
        window_from=now, window_until=now + timedelta(hours=1),
    )  # fmt: skip
    FirmwareUpdate.objects.filter(pk=planned.pk).update(state=state)
    return planned


def charging(tree: Tree) -> Transaction:
    """At a station that speaks 2.0.1."""
    station = online(tree.station)
    Station.objects.filter(pk=station.pk).update(ocpp_version="2.0.1")
    station.refresh_from_db()
    now = timezone.now()
    row = Transaction.objects.create(
        station=station, connector=tree.connector, transaction_id="T-1", id_tag=CARD, verdict="Accepted", started_at=now,
        start_received_at=now, meter_start=0, last_report=0,
    )  # fmt: skip
    row.station = station
    return row


def role(tree: Tree, **fields: Any) -> Role:
    return people.create_role(actor=None, organization=tree.partner, name="Yard", rights=["read_logs"], **fields)


def person(tree: Tree) -> User:
    return people.create_user(actor=None, organization=tree.customer, email="eve@example.org", name="Eve", password=PASSWORD)


def viewers(tree: Tree) -> Team:
    return people.team_of(Role.objects.get(default="viewer"), tree.customer)


def invited(tree: Tree) -> Invitation:
    return people.invite_user(
        actor=tree.bob,
        organization=tree.customer,
        email="fay@example.org",
        name="Fay",
        role=None,
        address=lambda token: f"https://x/{token}",
    )


def given(tree: Tree) -> ServiceAccess:
    offered = people.create_role(actor=None, organization=tree.other_partner, name="Installer", rights=["read_logs"], offered=True)
    now = timezone.now()
    return people.let_in(
        actor=None, team=people.team_of(offered, tree.other_partner), organization=tree.customer, rights=["read_logs"],
        starts_at=now, ends_at=now + timedelta(days=1),
    )  # fmt: skip


def let_in(tree: Tree) -> None:
    access = given(tree)
    people.end_access(actor=None, access=access)
    people.let_in(
        actor=tree.ada,
        team=access.team,
        organization=tree.customer,
        rights=["read_logs"],
        starts_at=access.starts_at,
        ends_at=access.ends_at,
    )


def deviating(t: Tree) -> Station:
    now = timezone.now()
    Deviation.objects.create(station=t.station, kind="stray", first_at=now, last_at=now)
    return t.station


def unmatched(tree: Tree) -> UnmatchedMessage:
    now = timezone.now()
    return UnmatchedMessage.objects.create(
        station=tree.station, action="StopTransaction", transaction_id="9", first_at=now, last_at=now, count=1, payload={}
    )


def knock(tree: Tree) -> Any:
    Knock.objects.create(identity="STRANGER-1", reason=Knock.Reason.UNKNOWN, address="192.0.2.1")
    return Knock.objects.all()


def provider(tree: Tree, actor: User | None = None) -> Provider:
    return cards.create_provider(actor=actor, organization=tree.partner, name="Roamio", country_code="NL", party_id="RMO")


def hardware(tree: Tree, actor: User | None = None) -> HardwareTemplate:
    return fleet.create_hardware_template(actor=actor, organization=tree.partner, name="Twin", connectors=2, plug="Type 2; Schuko")


def taken(tree: Tree) -> Any:
    of = uploaded(tree)
    keep(of, [("NEW-1", "secret")])
    return rows.take_passwords(actor=tree.ada, of=of)


def connected(tree: Tree, actor: User | None = None) -> Provider:
    one = provider(tree)
    spent = digest(cards.invite_provider(actor=None, provider=one))
    cards.connect_provider(
        actor=actor, provider=one, spent=spent, token="t", versions_url="https://emsp.example/v", tokens_url="https://emsp.example/t"
    )
    one.refresh_from_db()
    return one


def uploaded(tree: Tree) -> Import:
    file = BytesIO(f"uid,blocked\n{CARD},yes\nAA112233,no\n".encode())
    return people.upload_import(actor=tree.ada, kind=KINDS["passes"], organization=tree.customer, file=file, name="passes.csv")


def template(tree: Tree, actor: User | None = None) -> ConfigurationTemplate:
    return fleet.create_configuration_template(actor=actor, organization=tree.customer, name="AC", entries={"HeartbeatInterval": "300"})


def whitelisted(tree: Tree) -> ChargePass:
    one = ChargePass(organization=tree.customer, uid="AA445566")
    one.whitelist, one.roaming_free = True, False  # type: ignore[attr-defined]
    return one


def explained(tree: Tree, actor: User | None = None) -> VendorCode:
    return fleet.create_vendor_code(actor=actor, organization=tree.customer, vendor="Alfen BV", code="E12", meaning="The lock is stuck.")


def exported(tree: Tree) -> Export:
    return people.start_export(actor=tree.ada, kind=EXPORTS["transactions"], query="", form="csv")


def decided(tree: Tree, act: Callable[..., Any], minutes: float | None = 60, **values: Any) -> None:
    row = charge(tree, minutes=minutes)
    act(actor=tree.ada, transaction=row, version=decisions.version_of(row), reason="It is so.", **values)


def taken_anew(tree: Tree) -> None:
    row, payload = charge(tree), {"transactionId": 1, "meterStop": 9000, "timestamp": timezone.now().isoformat()}
    entry = UnmatchedMessage.objects.create(station=tree.station, action="StopTransaction", transaction_id="1", payload=payload, about=row)
    decisions.take_new_end(actor=tree.ada, entry=entry, version=decisions.version_of(row), reason="It is so.")


def checked(tree: Tree) -> Import:
    of = uploaded(tree)
    jobs.run(of.pk)
    return Import.objects.get(pk=of.pk)


def raised(tree: Tree, actor: User | None = None) -> SecurityChange:
    return fleet.raise_security_profile(actor=actor, station=online(tree.station, origin="https://portal.example.org"), profile=2)


def reserved(t: Tree) -> Reservation:
    return fleet.reserve(actor=t.ada, station=online(t.station), uid=CARD, until=timezone.now() + timedelta(hours=1), connector_number=1)


def kept(t: Tree) -> Reservation:
    row = reserved(t)
    Reservation.objects.filter(pk=row.pk).update(state=Reservation.State.MADE)
    return row


def planned(tree: Tree) -> MaintenanceWindow:
    start = timezone.now() + timedelta(hours=1)
    (window,) = fleet.plan_maintenance(
        actor=None, stations=[tree.station], starts_at=start, ends_at=start + timedelta(hours=1), comment="New cable"
    )
    return window


def plan_of_wires(tree: Tree, actor: User | None = None) -> Document:
    file = ContentFile(b"%PDF", name="plan.pdf")
    return fleet.add_document(actor=actor, location=tree.location, title="Wiring", file=file, file_name="plan.pdf")


def capacity(tree: Tree, actor: User | None = None) -> CapacityPlan:
    return fleet.set_capacity(actor=actor, location=tree.location, limit_l1=63, limit_l2=63, limit_l3=63)


def hours_at(tree: Tree, actor: User | None = None) -> CapacityHours:
    return fleet.add_capacity_hours(actor=actor, plan=capacity(tree), days="01", begins=time(17), ends=time(20), limit=25)


def looked(tree: Tree, actor: User) -> BulkJob:
    return fleet.look_at_many(actor=actor, kind=BULK["deactivate"], stations=Station.objects.filter(pk=tree.station.pk))


def begun(tree: Tree, actor: User) -> BulkJob:
    job = looked(tree, actor)
    fleet.begin_bulk_job(actor=actor, job=job, kind=BULK["deactivate"], at_once=1)
    return job


def retried(tree: Tree, actor: User) -> None:
    job = begun(tree, actor)
    job.items.update(state="failed")
    fleet.retry_bulk_job(actor=actor, job=job, kind=BULK["deactivate"])


def blocked(tree: Tree) -> ChargePass:
    cards.block_pass(actor=None, charge_pass=tree.charge_pass)
    return tree.charge_pass


WRITES: dict[str, Callable[[Tree], Any]] = {
    "tenancy.create_organization": lambda t: people.create_organization(actor=t.ada, parent=t.partner, kind="customer", name="New"),
    "tenancy.edit_organization": lambda t: people.edit_organization(actor=t.ada, organization=t.customer, city="Delft"),
    "tenancy.delete_organization": lambda t: people.delete_organization(
        actor=t.ada, organization=people.create_organization(actor=None, parent=t.partner, kind="customer", name="New")
    ),
    "tenancy.move_organization": lambda t: people.move_organization(actor=t.ada, organization=t.customer, parent=t.other_partner),
    "tenancy.deactivate_organization": lambda t: people.deactivate_organization(actor=t.ada, organization=t.customer),
    "tenancy.activate_organization": lambda t: (
        people.deactivate_organization(actor=None, organization=t.customer),
        people.activate_organization(actor=t.ada, organization=t.customer),
    ),
    "tenancy.set_logo": lambda t: people.set_logo(actor=t.ada, organization=t.customer, picture=Picture(b"x", 1, 1, "d" * 64)),
    "tenancy.create_user": lambda t: people.create_user(
        actor=t.ada, organization=t.customer, email="eve@example.org", name="Eve", password=PASSWORD
    ),
    "tenancy.edit_user": lambda t: people.edit_user(actor=t.ada, user=t.cy, phone="+31 6 1"),
    "tenancy.set_user_active": lambda t: people.set_user_active(actor=t.ada, user=t.cy, active=False),
    "tenancy.delete_user": lambda t: people.delete_user(actor=t.ada, user=person(t)),
    "tenancy.renew_user_password": lambda t: people.renew_user_password(actor=t.ada, user=t.cy, password=PASSWORD),
    "tenancy.edit_own_profile": lambda t: people.edit_own_profile(actor=t.ada, phone="+31 10 1234567"),
    "tenancy.end_own_sessions": lambda t: people.end_own_sessions(
        sessions=[UserSession.objects.create(user=t.ada, ip="192.0.2.1", session_key="k", user_agent="x")]
    ),
    "tenancy.reset_two_factor": lambda t: (with_app(t.cy), people.reset_two_factor(actor=t.ada, user=t.cy)),
    "tenancy.invite_user": lambda t: people.invite_user(
        actor=t.ada, organization=t.customer, email="fay@example.org", name="Fay", role=None, address=lambda token: token
    ),
    "tenancy.send_again": lambda t: people.send_again(actor=t.ada, invitation=invited(t), address=lambda token: token),
    "tenancy.withdraw_invitation": lambda t: people.withdraw_invitation(actor=t.ada, invitation=invited(t)),
    "tenancy.accept_invitation": lambda t: people.accept_invitation(invitation=invited(t), password=PASSWORD),
    "tenancy.create_role": lambda t: people.create_role(actor=t.ada, organization=t.partner, name="Yard", rights=["read_logs"]),
    "tenancy.edit_role": lambda t: people.edit_role(actor=t.ada, role=role(t), rights=[]),
    "tenancy.delete_role": lambda t: people.delete_role(actor=t.ada, role=role(t)),
    "tenancy.assign_role": lambda t: people.assign_role(
        actor=t.ada, user=person(t), role=Role.objects.get(default="viewer"), organization=t.customer
    ),
    "tenancy.withdraw_role": lambda t: people.withdraw_role(actor=t.ada, user=t.cy, team=viewers(t)),
    "tenancy.let_in": let_in,
    "tenancy.end_access": lambda t: people.end_access(actor=t.ada, access=given(t)),
    "tenancy.upload_import": uploaded,
    "tenancy.start_import": lambda t: people.start_import(actor=t.ada, of=checked(t)),
    "tenancy.cancel_import": lambda t: people.cancel_import(actor=t.ada, of=uploaded(t)),
    "tenancy.start_export": exported,
    "tenancy.cancel_export": lambda t: people.cancel_export(actor=t.ada, of=exported(t)),
    "stations.correct_transaction": lambda t: decided(t, decisions.correct_transaction, values={"meter_stop": 1500}),
    "stations.confirm_transaction": lambda t: decided(t, decisions.confirm_transaction),
    "stations.void_transaction": lambda t: decided(t, decisions.void_transaction),
    "stations.close_transaction": lambda t: decided(t, decisions.close_transaction, minutes=None, ended_at=timezone.now(), meter_stop=1500),
    "stations.join_unmatched": lambda t: decided(
        t,
        decisions.join_unmatched,
        minutes=None,
        entry=UnmatchedMessage.objects.create(
            station=t.station,
            action="StopTransaction",
            transaction_id="-1",
            payload={"transactionId": -1, "meterStop": 2000, "timestamp": timezone.now().isoformat()},
        ),
    ),
    "stations.take_new_end": taken_anew,
    "stations.create_location": lambda t: fleet.create_location(actor=t.ada, organization=t.customer, name="New"),
    "stations.edit_location": lambda t: fleet.edit_location(actor=t.ada, location=t.location, name="New"),
    "stations.publish_location": lambda t: fleet.publish_location(actor=t.ada, location=t.location, published=True),
    "stations.move_location": lambda t: fleet.move_location(actor=t.ada, location=t.location, organization=t.other_customer),
    "stations.delete_location": lambda t: fleet.delete_location(
        actor=t.ada, location=fleet.create_location(actor=None, organization=t.customer, name="New")
    ),
    "stations.add_stations": lambda t: fleet.add_stations(actor=t.ada, location=t.location, identities=["NEW-1"]),
    "stations.edit_station": lambda t: fleet.edit_station(actor=t.ada, station=t.station, alias="New"),
    "stations.set_stations_active": lambda t: fleet.set_stations_active(actor=t.ada, stations=Station.objects.all(), active=False),
    "stations.take_out_of_service": lambda t: fleet.take_out_of_service(actor=t.ada, station=online(t.station)),
    "stations.put_in_service": lambda t: fleet.put_in_service(actor=t.ada, station=online(t.station)),
    "stations.deactivate_station": lambda t: fleet.deactivate_station(actor=t.ada, station=t.station),
    "stations.activate_station": lambda t: (
        fleet.deactivate_station(actor=None, station=t.station),
        fleet.activate_station(actor=t.ada, station=t.station),
    ),
    "stations.change_out_of_service": lambda t: fleet.change_out_of_service(
        actor=t.ada, row=fleet.deactivate_station(actor=None, station=t.station), until=None, comment="Cable"
    ),
    "stations.create_vendor_code": lambda t: explained(t, t.ada),
    "stations.edit_vendor_code": lambda t: fleet.edit_vendor_code(actor=t.ada, vendor_code=explained(t), meaning="The lock."),
    "stations.delete_vendor_code": lambda t: fleet.delete_vendor_code(actor=t.ada, vendor_code=explained(t)),
    "stations.reserve": lambda t: reserved(t),
    "stations.cancel_reservation": lambda t: fleet.cancel_reservation(actor=t.ada, reservation=kept(t)),
    "stations.plan_maintenance": lambda t: fleet.plan_maintenance(
        actor=t.ada, stations=[t.station], starts_at=timezone.now(), ends_at=timezone.now() + timedelta(hours=1), comment="New cable"
    ),
    "stations.edit_maintenance": lambda t: fleet.edit_maintenance(actor=t.ada, window=planned(t), comment="Other cable"),
    "stations.end_maintenance": lambda t: fleet.end_maintenance(actor=t.ada, window=planned(t)),
    "stations.add_note": lambda t: fleet.add_note(actor=t.ada, location=t.location, text="The key is with the porter"),
    "stations.edit_note": lambda t: fleet.edit_note(
        actor=t.ada, note=fleet.add_note(actor=None, location=t.location, station=t.station, text="a"), text="b"
    ),
    "stations.delete_note": lambda t: fleet.delete_note(
        actor=t.ada, note=fleet.add_note(actor=None, location=t.location, station=t.station, text="a")
    ),
    "stations.add_document": lambda t: plan_of_wires(t, t.ada),
    "stations.delete_document": lambda t: fleet.delete_document(actor=t.ada, document=plan_of_wires(t)),
    "stations.add_contact": lambda t: fleet.add_contact(actor=t.ada, location=t.location, name="Jan"),
    "stations.edit_contact": lambda t: fleet.edit_contact(
        actor=t.ada, contact=fleet.add_contact(actor=None, location=t.location, name="Jan"), phone="112"
    ),
    "stations.delete_contact": lambda t: fleet.delete_contact(
        actor=t.ada, contact=fleet.add_contact(actor=None, location=t.location, name="Jan")
    ),
    "stations.renew_password": lambda t: fleet.renew_password(actor=t.ada, station=t.station),
    "stations.demand_security_profile": lambda t: fleet.demand_security_profile(actor=t.ada, station=t.station, profile=0),
    "stations.raise_security_profile": lambda t: raised(t, t.ada),
    "stations.send_new_password": lambda t: fleet.send_new_password(actor=t.ada, station=online(t.station)),
    "stations.cancel_security_change": lambda t: fleet.cancel_security_change(actor=t.ada, change=raised(t)),
    "stations.delete_station": lambda t: fleet.delete_station(actor=t.ada, station=t.station),
    "stations.create_connector": lambda t: fleet.create_connector(actor=t.ada, station=t.station, number=3),
    "stations.edit_connector": lambda t: fleet.edit_connector(actor=t.ada, connector=t.connector, plug="CCS"),
    "stations.delete_connector": lambda t: fleet.delete_connector(
        actor=t.ada, connector=Connector.objects.select_related("station__location__organization").get(pk=t.connector.pk)
    ),
    "stations.look_at_many": lambda t: looked(t, t.ada),
    "stations.begin_bulk_job": lambda t: begun(t, t.ada),
    "stations.cancel_bulk_job": lambda t: fleet.cancel_bulk_job(actor=t.ada, job=looked(t, t.ada), kind=BULK["deactivate"]),
    "stations.retry_bulk_job": lambda t: retried(t, t.ada),
    "stations.create_hardware_template": lambda t: hardware(t, actor=t.ada),
    "stations.edit_hardware_template": lambda t: fleet.edit_hardware_template(actor=t.ada, template=hardware(t), voltage=400),
    "stations.delete_hardware_template": lambda t: fleet.delete_hardware_template(actor=t.ada, template=hardware(t)),
    "stations.take_over_template": lambda t: fleet.take_over_template(actor=t.ada, station=t.station, template=hardware(t)),
    "stations.give_evse_ids": lambda t: give_evse_ids(actor=t.ada, station=t.station, country="NL", operator="LTD", number="1"),
    "stations.create_stations": lambda t: rows.create_stations(
        actor=t.ada, stations=[(Station(identity="NEW-1", location=t.location), [{"plug": "CCS"}])]
    ),
    "stations.edit_stations": lambda t: rows.edit_stations(
        actor=t.ada, edits=[rows.StationEdit(t.station, {"alias": ("Gate", "")}, [(t.connector, {"plug": ("Type 2", "CCS")})])]
    ),
    "stations.create_locations": lambda t: rows.create_locations(
        actor=t.ada, locations=[(Location(organization=t.customer, name="New"), ["name"])]
    ),
    "stations.edit_locations": lambda t: rows.edit_locations(actor=t.ada, edits=[(t.location, {"street": ("Kade 7", "")})]),
    "stations.take_passwords": lambda t: taken(t),
    "stations.ask": lambda t: fleet.ask(actor=t.ada, station=online(t.station), intent=Reset()),
    "stations.ask_about_transaction": lambda t: fleet.ask_about_transaction(actor=t.ada, transaction=charging(t)),
    "stations.tell_cost": lambda t: fleet.tell_cost(actor=t.ada, transaction=charging(t), total=Decimal(1)),
    "stations.request_command": lambda t: fleet.request_command(
        actor=t.ada, station=online(t.station), action="Reset", payload={"type": "Soft"}
    ),
    "stations.create_configuration_template": lambda t: template(t, t.ada),
    "stations.edit_configuration_template": lambda t: fleet.edit_configuration_template(
        actor=t.ada, template=template(t), entries={"HeartbeatInterval": "600"}
    ),
    "stations.delete_configuration_template": lambda t: fleet.delete_configuration_template(actor=t.ada, template=template(t)),
    "stations.set_keys": lambda t: fleet.set_keys(actor=t.ada, station=online(t.station), values=[("HeartbeatInterval", "60")]),
    "stations.fetch_log": lambda t: fleet.fetch_log(actor=t.ada, station=online(t.station)),
    "stations.delete_upload": lambda t: fleet.delete_upload(actor=t.ada, upload=fleet.fetch_log(actor=None, station=online(t.station))),
    "stations.record_download": lambda t: fleet.record_download(actor=t.ada, upload=fleet.fetch_log(actor=None, station=online(t.station))),
    "stations.add_firmware": lambda t: firmware(t, t.ada),
    "stations.edit_firmware": lambda t: fleet.edit_firmware(actor=t.ada, firmware=firmware(t), notes="Better"),
    "stations.sign_firmware": lambda t: fleet.sign_firmware(actor=t.ada, firmware=firmware(t), signature_file=None, certificate_file=None),
    "stations.ask_about_customer": lambda t: fleet.ask_about_customer(
        actor=t.ada, station=online(t.station, ocpp_version="2.0.1"), uid="04A2"
    ),
    "stations.delete_inquiry": lambda t: fleet.delete_inquiry(
        actor=t.ada, inquiry=fleet.ask_about_customer(actor=None, station=online(t.station, ocpp_version="2.0.1"), uid="04A2")
    ),
    "stations.retire_firmware": lambda t: fleet.retire_firmware(actor=t.ada, firmware=firmware(t), retired=True),
    "stations.delete_firmware": lambda t: fleet.delete_firmware(actor=t.ada, firmware=firmware(t)),
    "stations.plan_update": lambda t: update(t, t.ada),
    "stations.cancel_update": lambda t: fleet.cancel_update(actor=t.ada, update=update(t)),
    "stations.give_up_update": lambda t: fleet.give_up_update(actor=t.ada, update=update(t, state="sent")),
    "stations.create_authority": lambda t: signer(t, t.ada),
    "stations.import_authority": lambda t: fleet.import_authority(
        actor=t.ada, name="Alfen", use="maker", certificate=new_root()[2], trusted=True
    ),
    "stations.let_authority_sign": lambda t: signer(t) and fleet.let_authority_sign(actor=t.ada, authority=signer(t, name="Second")),
    "stations.trust_authority": lambda t: (
        signer(t) and fleet.trust_authority(actor=t.ada, authority=signer(t, name="Second"), trusted=False)
    ),
    "stations.delete_authority": lambda t: signer(t) and fleet.delete_authority(actor=t.ada, authority=signer(t, name="Second")),
    "stations.ask_for_certificate": lambda t: fleet.ask_for_certificate(actor=t.ada, station=online(t.station)),
    "stations.revoke_certificate": lambda t: fleet.revoke_certificate(actor=t.ada, certificate=certificate_of(t), reason="keyCompromise"),
    "stations.read_installed": lambda t: fleet.read_installed(actor=t.ada, station=online(t.station)),
    "stations.install_root": lambda t: fleet.install_root(
        actor=t.ada, station=online(t.station), use="CSMSRootCertificate", certificate=new_root()[2]
    ),
    "stations.delete_root": lambda t: fleet.delete_root(
        actor=t.ada,
        root=InstalledCertificate.objects.create(
            station=online(t.station),
            use="CSMSRootCertificate",
            algorithm="SHA256",
            name_hash="a",
            key_hash="b",
            serial="1",
            told_at=timezone.now(),
        ),
    ),
    "stations.dismiss_unmatched": lambda t: dismiss_unmatched(actor=t.ada, entry=unmatched(t)),
    "stations.forget_knocks": lambda t: forget_knocks(actor=t.ada, knocks=knock(t)),
    "stations.forget_deviations": lambda t: forget_deviations(actor=t.ada, station=deviating(t)),
    "passes.create_passes": lambda t: many.create_passes(actor=t.ada, passes=[whitelisted(t)], fields=["uid"]),
    "passes.edit_passes": lambda t: many.edit_passes(actor=t.ada, changes=[(t.charge_pass, {"blocked": (False, True)})]),
    "passes.list_pass": lambda t: cards.list_pass(actor=t.ada, charge_pass=t.charge_pass, organization=t.partner, whitelist=True),
    "passes.unlist_pass": lambda t: cards.unlist_pass(
        actor=t.ada, listing=cards.list_pass(actor=None, charge_pass=t.charge_pass, organization=t.partner, whitelist=True)
    ),
    "stations.set_capacity": lambda t: capacity(t, actor=t.ada),
    "stations.add_capacity_hours": lambda t: hours_at(t, actor=t.ada),
    "stations.delete_capacity_hours": lambda t: fleet.delete_capacity_hours(actor=t.ada, hours=hours_at(t)),
    "stations.set_share": lambda t: fleet.set_share(actor=t.ada, connector=t.connector, priority=4),
    "passes.begin_learning": lambda t: cards.begin_learning(actor=t.ada, station=t.station),
    "passes.put_on_list": lambda t: cards.put_on_list(
        actor=t.ada, organization=t.partner, charge_pass=t.charge_pass, switches={"roaming_free": True}
    ),
    "passes.free_at_both": lambda t: cards.free_at_both(
        actor=t.ada, office=t.partner, home=t.customer, charge_pass=None, uid="04FFEE11", places=[t.location]
    ),
    "passes.send_local_list": lambda t: cards.send_local_list(actor=t.ada, station=t.station),
    "passes.read_local_list_version": lambda t: cards.read_local_list_version(actor=t.ada, station=online(t.station)),
    "passes.create_group": lambda t: cards.create_group(actor=t.ada, organization=t.customer, name="Fitters"),
    "passes.edit_group": lambda t: cards.edit_group(
        actor=t.ada, group=cards.create_group(actor=None, organization=t.customer, name="Fitters"), monthly_kwh=300
    ),
    "passes.delete_group": lambda t: cards.delete_group(
        actor=t.ada, group=cards.create_group(actor=None, organization=t.customer, name="Fitters")
    ),
    "passes.create_pass": lambda t: cards.create_pass(actor=t.ada, organization=t.customer, uid="04FFEE11"),
    "passes.edit_pass": lambda t: cards.edit_pass(actor=t.ada, charge_pass=t.charge_pass, blocked=True),
    "passes.block_pass": lambda t: cards.block_pass(actor=t.ada, charge_pass=t.charge_pass, reason="lost"),
    "passes.unblock_pass": lambda t: cards.unblock_pass(actor=t.ada, charge_pass=blocked(t)),
    "passes.block_passes": lambda t: cards.block_passes(actor=t.ada, passes=ChargePass.objects.all(), reason="lost"),
    "passes.unblock_passes": lambda t: blocked(t) and cards.unblock_passes(actor=t.ada, passes=ChargePass.objects.all()),
    "passes.delete_passes": lambda t: cards.delete_passes(actor=t.ada, passes=ChargePass.objects.all()),
    "passes.switch_listings": lambda t: cards.switch_listings(actor=t.ada, listings=Listing.objects.all(), name="whitelist", on=False),
    "passes.group_passes": lambda t: cards.group_passes(
        actor=t.ada, passes=ChargePass.objects.all(), group=cards.create_group(actor=None, organization=t.customer, name="Fitters")
    ),
    "passes.move_pass": lambda t: cards.move_pass(actor=t.ada, charge_pass=t.charge_pass, organization=t.partner),
    "passes.create_provider": lambda t: provider(t, actor=t.ada),
    "passes.edit_provider": lambda t: cards.edit_provider(actor=t.ada, provider=provider(t), realtime=True),
    "passes.invite_provider": lambda t: cards.invite_provider(actor=t.ada, provider=provider(t)),
    "passes.connect_provider": lambda t: connected(t, actor=t.ada),
    "passes.disconnect_provider": lambda t: cards.disconnect_provider(actor=t.ada, provider=connected(t)),
    "passes.delete_provider": lambda t: cards.delete_provider(actor=t.ada, provider=provider(t)),
    "passes.fetch_cards": lambda t: cards.fetch_cards(actor=t.ada, provider=connected(t)),
    "passes.set_roaming_policy": lambda t: cards.set_roaming_policy(actor=t.ada, organization=t.customer, when_silent="any"),
    "passes.delete_pass": lambda t: cards.delete_pass(actor=t.ada, charge_pass=t.charge_pass),
}
