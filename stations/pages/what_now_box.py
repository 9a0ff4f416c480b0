"""The box “What now?” of the Overview: what is wrong, what to try with the buttons for it, what was tried, and whom to call then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from stations import certificate_words, command_words, knocks, what_now
from stations.configuration.catalogue import known
from stations.configuration.values import in_words, is_secret
from stations.controls import INTENTS, Situation
from stations.models import CardOffer, Command, Connector, Contact, DeviceEvent, Knock, Severity
from stations.models.device import SEVERE
from stations.ocpp import masking
from stations.ocpp.device_model import PROBLEMS
from stations.ocpp.intents import Start, Stop, Switch, Trigger, Unlock
from stations.ocpp.numbering import number, shown
from stations.ocpp.variables import Variable
from stations.ocpp.versions import has_variables
from stations.pages.command_rows import CommandRow
from stations.pages.sheet_head import Action, action
from stations.what_now import WHOLE, Alert, Case, Offer, Picture, Refused, Seen
from tenancy.links import link
from tenancy.personal import MASK
from tenancy.rights import KEEP_NOTES, MANAGE_STATIONS, PERSONAL_DATA, READ, READ_CONFIGURATION

DAY = timedelta(hours=24)
MOST_ALERTS = 5
TRIED = 3  # attempts shown of each case
# Who is called first
KINDS = [Contact.Kind.TECHNICIAN, Contact.Kind.ELECTRICIAN, Contact.Kind.SITE, Contact.Kind.OWNER, Contact.Kind.GRID, Contact.Kind.OTHER]


@dataclass
class Box:
    case: Case
    actions: list[Action]
    tried: list[CommandRow] = field(default_factory=list)
    explain_url: str = ""  # where a code of the station as a whole can be explained; those of connectors stand on their tiles

    @property
    def place(self) -> str:
        """The connector, as people say it."""
        return shown(self.case.connector)

    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reasons(self) -> list[tuple[str, list[str]]]:
        """Why buttons are grey, each reason once."""
        grouped: dict[str, list[str]] = {}
        for one in self.actions:
            if one.reason:
                grouped.setdefault(one.reason, []).append(str(one.label))
        return list(grouped.items())


def picture(situation: Situation) -> Picture:
    station, now = situation.station, situation.now
    every = [situation.whole] if situation.whole else []
    seen = [
        Seen(
            one.number, one.status, now - one.status_at if one.status_at else None, one.error_code,
            situation.codes.of(one.vendor_error_code, one.info) if one.error_code not in {"", "NoError"} or one.vendor_error_code else None,
            situation.stays_out(one) and not {0, one.number} & {row.connector_number for row in situation.out_of_service},
        )
        for one in [*every, *situation.connectors]
    ]  # fmt: skip
    offers = CardOffer.objects.visible_to(situation.user).filter(station=station, at__gte=now - DAY)
    yes = Q(verdict="Accepted")
    cards = offers.aggregate(refused=Count("id_tag", distinct=True, filter=~yes), accepted=Count("pk", filter=yes))
    return Picture(
        connection=situation.connection,
        silent=now - station.last_message_at if station.last_message_at else None,
        clock_offset=station.clock_offset if station.connected else None,
        connectors=tuple(seen),
        dc=frozenset(one.number for one in situation.connectors if one.is_dc),
        refused_cards=cards["refused"],
        accepted_cards=cards["accepted"],
        alerts=tuple(_alerts(situation)),
        certificate=certificate_words.warning_of(station, now),
        refused=refused_of(situation),
    )


def refused_of(situation: Situation) -> Refused | None:
    knock = knocks.lately(situation.station, situation.now)
    return Refused(knock.reason, situation.now - knock.first_at, situation.now - knock.last_at) if knock else None


def refused_links(situation: Situation, reason: str) -> list[tuple[str, str]]:
    """(words, address) of where something can be done about it, for this person."""
    pk, found = situation.station.pk, []
    if reason == Knock.Reason.PASSWORD and situation.may(MANAGE_STATIONS):
        found.append((_("Renew its password"), link("station_password", pk)))
    if situation.may(READ_CONFIGURATION):
        found.append((_("Look at its security"), link("station_security", pk)))
    return found


def _alerts(situation: Situation) -> list[Alert]:
    """The severe ones that stand; not those that are told as the fault of a connector already."""
    if not has_variables(situation.station.ocpp_version):
        return []
    severe = Q(severity__lte=SEVERE) | Q(severity=None)
    rows = DeviceEvent.objects.visible_to(situation.user, READ).filter(severe, station=situation.station, stands=True)
    every = [situation.whole, *situation.connectors] if situation.whole else situation.connectors
    faulted = {one.number for one in every if one.status == Connector.Status.FAULTED}
    found = []
    for row in rows.order_by("severity", "-at", "-pk")[:MOST_ALERTS]:
        entry, variable = known(row.key), Variable.parse(row.key)
        connector = number(row.evse, row.connector or None) if row.evse else 0
        if variable and variable.name in PROBLEMS and connector in faulted:
            continue
        name = f"{entry.name} ({row.key})" if entry else row.key
        hidden = is_secret(row.key) or masking.is_personal(row.key)
        value = MASK if hidden else in_words(entry, row.value) or row.value[:100]
        code = "" if hidden else ": ".join(part for part in (row.tech_code, row.tech_info[:200]) if part)
        words = f"{row.severity}, {Severity(row.severity).label}" if row.severity in Severity.values else ""
        found.append(Alert(name, value, connector if situation.connector(connector) else 0, words, code))
    return found


def what_now_context(situation: Situation, back: str, recent: Sequence[CommandRow]) -> dict[str, Any]:
    """`recent` are the commands of the last day, the newest first."""
    seen = picture(situation)
    found = what_now.cases(seen)
    boxes = [_box(situation, back, case, f"w{number}", recent) for number, case in enumerate(found)]
    for box in boxes:
        if box.case.kind == "refused" and seen.refused:
            box.links = refused_links(situation, seen.refused.reason)
    return {"boxes": boxes, "contacts": _contacts(situation) if boxes else [], "contacts_masked": not _whole(situation)}


def _box(situation: Situation, back: str, case: Case, place: str, recent: Sequence[CommandRow]) -> Box:
    actions = [_action(situation, back, offer, f"{place}{number}") for number, offer in enumerate(case.offers)]
    whole, url = situation.whole, ""
    if case.kind == "fault" and not case.connector and whole and not situation.codes.of(whole.vendor_error_code, whole.info):
        url = explain_url(situation, whole.vendor_error_code, back)
    return Box(case, actions, [row for row in recent if _is_try(row.command, case)][:TRIED], url)


def _action(situation: Situation, back: str, offer: Offer, place: str) -> Action:
    connector = situation.connector(offer.connector) if offer.connector and offer.slug not in WHOLE else None
    label = ""
    if offer.slug == "trigger":
        label = str({"Heartbeat": command_words.ASK_FOR_HEARTBEAT}.get(offer.message, command_words.ASK_FOR_STATUS))
    return action(situation, offer.slug, back, connector, label=label, message=offer.message, place=place)


def _is_try(command: Command, case: Case) -> bool:
    """Whether it was one of what the case offers, or a reset or an unlock: what people try."""
    wanted = command_words.intent_of(command)
    if wanted is None:
        return False
    kinds = {INTENTS[offer.slug] for offer in case.offers} | {INTENTS["reset-soft"], Switch}
    at = command.connector_number or 0
    if isinstance(wanted, (Unlock, Start)) and at != case.connector:
        return False
    if isinstance(wanted, (Trigger, Switch)) and at not in {0, case.connector}:
        return False
    return type(wanted) in kinds or isinstance(wanted, (Unlock, Stop))


def _whole(situation: Situation) -> bool:
    """Whether names and numbers of contacts are seen."""
    return situation.may(KEEP_NOTES) or situation.may(PERSONAL_DATA)


def _contacts(situation: Situation) -> list[Contact]:
    """The technician first, those of the station before those of its location; masked where stations.pages.care does."""
    station = situation.station
    rows = Contact.objects.visible_to(situation.user).filter(Q(station=station) | Q(station=None, location=station.location_id))
    found = list(rows[:20])
    for one in () if _whole(situation) else found:
        one.name, one.phone, one.email = (value and MASK for value in (one.name, one.phone, one.email))
    return sorted(found, key=lambda one: (KINDS.index(Contact.Kind(one.kind)), one.station_id is None, one.pk))


def explain_url(situation: Situation, vendor_code: str, back: str) -> str:
    """The form that explains a vendor code, filled in; empty for who may not."""
    if not vendor_code or not situation.may(MANAGE_STATIONS):
        return ""
    station = situation.station
    given = {"vendor": station.vendor, "model": station.model, "code": vendor_code, "organization": station.location.organization_id}
    url = link("vendor_code_add")
    return f"{url}{'&' if '?' in url else '?'}{urlencode(given | {'next': back})}"
