"""What people decide of transactions that cannot be as they were reported, or were never ended. What was reported is never touched.

Each takes the `version` of the transaction that the person looked at (`version_of`): where somebody else, or the station, has changed it
meanwhile, they are told and nothing is written.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction as database
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges, plausible
from stations.models import Connector, Correction, SignedMeterValue, Transaction, UnmatchedMessage
from stations.ocpp import versions
from tenancy import audit
from tenancy.models import User
from tenancy.personal import person
from ui.templatetags.ui import exact

CLOSED_BY_HAND = "ClosedByHand"
VALUES = ("started_at", "ended_at", "meter_start", "meter_stop")
TOLD = (*VALUES, "stop_reason", "problems", "void")


def version_of(row: Transaction) -> str:
    """Changes with whatever a decision rests on."""
    parts = [*(getattr(row, name) for name in VALUES), row.reviewed_at, row.void, row.closed_by_hand, *row.problems]
    text = "|".join(part.isoformat() if isinstance(part, datetime) else str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def power_of(connector: Connector) -> int:
    """W that it gives at most; its station must be loaded."""
    station = connector.station
    return plausible.most_power(station.current_type, connector.max_current or station.max_current, station.voltage, station.phases)


def what_is_wrong_with_values(row: Transaction, values: dict[str, Any]) -> dict[str, str]:
    """By the name of the value: why it cannot be so. All of VALUES must be there."""
    started, ended, first, last = (values[name] for name in VALUES)
    wrong: dict[str, str] = {}
    now = timezone.now()
    if started > now:
        wrong["started_at"] = _("This is in the future.")
    elif started < plausible.EARLIEST:
        wrong["started_at"] = _("This is before %(year)s: no charge of this portal is that old.") % {"year": plausible.EARLIEST.year}
    if ended is not None and ended > now:
        wrong["ended_at"] = _("This is in the future.")
    elif ended is not None and ended < started:
        wrong["ended_at"] = _("It cannot end before it began.")
    if first < 0:
        wrong["meter_start"] = _("A meter is never below zero.")
    if last is not None and last < first:
        wrong["meter_stop"] = _("The meter cannot end below where it began.")
    return wrong


def more_than_possible(row: Transaction, values: dict[str, Any]) -> bool:
    """Whether these values mean more energy than the connector can have given. The station must be loaded."""
    started, ended, first, last = (values[name] for name in VALUES)
    return ended is not None and last is not None and plausible.too_much(last - first, ended - started, power_of(row.connector))


def too_long(values: dict[str, Any]) -> bool:
    """Whether it would have taken longer than anybody charges."""
    started, ended = values["started_at"], values["ended_at"]
    return ended is not None and ended - started > plausible.LONGEST


def correct_transaction(*, actor: User | None, transaction: Transaction, version: str, values: dict[str, Any], reason: str) -> Correction:
    """`values` has those of VALUES that become others. What is true afterwards is what is settled."""
    with database.atomic():
        row = _held(actor, transaction, version)
        if row.running:
            raise ValidationError(_("It has not ended. Close it first."))
        now = _values(row)
        changed = {name: value for name, value in values.items() if value != now[name]}
        if not changed:
            raise ValidationError(_("Nothing is changed. If it is right as it stands, confirm it."))
        _check(row, now | changed)
        return _decide(actor, row, Correction.Kind.VALUES, reason, changed | {"reviewed_at": timezone.now(), "void": False})


def confirm_transaction(*, actor: User | None, transaction: Transaction, version: str, reason: str) -> Correction:
    """It is right as it stands, whatever it looks like."""
    with database.atomic():
        row = _held(actor, transaction, version)
        if row.running:
            raise ValidationError(_("It has not ended. Close it first."))
        _check(row, _values(row))
        return _decide(actor, row, Correction.Kind.CONFIRMED, reason, {"reviewed_at": timezone.now(), "void": False})


def void_transaction(*, actor: User | None, transaction: Transaction, version: str, reason: str) -> Correction:
    """Nothing is settled for it."""
    with database.atomic():
        row = _held(actor, transaction, version)
        if row.running:
            raise ValidationError(_("It has not ended. Close it first."))
        return _decide(actor, row, Correction.Kind.VOIDED, reason, {"reviewed_at": timezone.now(), "void": True})


def close_transaction(
    *, actor: User | None, transaction: Transaction, version: str, ended_at: datetime, meter_stop: int, reason: str
) -> Correction:
    """End what the station did not end. Should it report the end after all, its report takes force."""
    with database.atomic():
        row = _held(actor, transaction, version)
        if not row.running:
            raise ValidationError(_("It has ended meanwhile: the station has reported it, or somebody has closed it."))
        _check(row, _values(row) | {"ended_at": ended_at, "meter_stop": meter_stop})
        changed = {
            "ended_at": ended_at, "meter_stop": meter_stop, "closed_by_hand": True, "stop_reason": CLOSED_BY_HAND,
            "reviewed_at": timezone.now(),
        }  # fmt: skip
        nudges.transaction_closed(row.station_id, row.transaction_id)
        return _decide(actor, row, Correction.Kind.CLOSED, reason, changed)


def end_of(entry: UnmatchedMessage) -> dict[str, Any]:
    """What an entry of the inbox says of the end of a transaction: `ended_at`, `meter_stop` (Wh), `stop_reason`, `reported_end`,
    `clock_wrong`; empty where it says nothing of an end."""
    ended = versions.ended_of(entry.action, entry.payload)
    if ended is None:
        return {}
    at = plausible.effective(ended.at.at, entry.last_at)
    return {
        "ended_at": at or entry.last_at, "meter_stop": ended.meter_stop, "stop_reason": ended.reason, "reported_end": ended.at.text,
        "stop_id_tag": ended.id_tag, "clock_wrong": at is None or not ended.at.exact,
    }  # fmt: skip


def join_unmatched(*, actor: User | None, entry: UnmatchedMessage, transaction: Transaction, version: str, reason: str) -> Correction:
    """The message is the end of this transaction of the same station, which is open or was closed by hand."""
    with database.atomic():
        row = _held(actor, transaction, version)
        end = end_of(entry)
        if row.station_id != entry.station_id or not end:
            raise ValidationError(_("This message is not the end of that transaction."))
        if not row.running and not row.closed_by_hand:
            raise ValidationError(_("It has ended meanwhile: the station has reported it, or somebody has closed it."))
        _work_off(entry, row)
        _keep_signed(entry, row)
        problems = plausible.at_the_end(
            started=row.started_at, ended=end["ended_at"], meter_start=row.meter_start, meter_last=row.meter_last,
            meter_stop=end["meter_stop"], power=power_of(row.connector), clock_wrong=end.pop("clock_wrong"),
        ) | set(row.problems) - {Transaction.Problem.NOT_ENDED, Transaction.Problem.BEYOND_END}  # fmt: skip
        if row.void:
            problems |= {Transaction.Problem.AFTER_DECISION}
        changed = end | {
            "problems": sorted(str(problem) for problem in problems), "end_received_at": entry.last_at, "closed_by_hand": False,
            "reviewed_at": None, "void": False,
        }  # fmt: skip
        nudges.transaction_closed(row.station_id, row.transaction_id)
        return _decide(actor, row, Correction.Kind.REPORTED, reason, changed)


def take_new_end(*, actor: User | None, entry: UnmatchedMessage, version: str, reason: str) -> Correction:
    """What the station says now of the end of a transaction that it ended otherwise before becomes true."""
    if entry.about is None:
        raise ValidationError(_("This message is not the end of a known transaction."))
    with database.atomic():
        row = _held(actor, entry.about, version)
        changed = new_end(entry, row)
        if row.running or not changed:
            raise ValidationError(_("This message is not the end of that transaction."))
        _check(row, _values(row) | changed)
        _work_off(entry, row)
        _keep_signed(entry, row)
        return _decide(actor, row, Correction.Kind.VALUES, reason, changed | {"reviewed_at": timezone.now(), "void": False})


def new_end(entry: UnmatchedMessage, row: Transaction) -> dict[str, Any]:
    """The values that a transaction would have by an entry that contradicts its end; its time only where the station's clock was right."""
    end = end_of(entry)
    if not end:
        return {}
    return {"meter_stop": end["meter_stop"]} | ({} if end["clock_wrong"] else {"ended_at": end["ended_at"]})


def _work_off(entry: UnmatchedMessage, row: Transaction) -> None:
    if not UnmatchedMessage.objects.filter(pk=entry.pk, resolved_at=None).update(resolved_at=timezone.now(), about=row):
        raise ValidationError(_("Somebody else has worked this entry off already."))


def _keep_signed(entry: UnmatchedMessage, row: Transaction) -> None:
    """The signed values in the message, unchanged, with the transaction that it ends."""
    ended = versions.ended_of(entry.action, entry.payload)
    SignedMeterValue.objects.bulk_create(
        SignedMeterValue(
            connector_id=row.connector_id, transaction=row, at=plausible.effective(one.at, entry.last_at) or entry.last_at,
            context=one.context[:20], value=one.value,
        )
        for one in (ended.signed if ended else ())
    )  # fmt: skip


def _values(row: Transaction) -> dict[str, Any]:
    return {name: getattr(row, name) for name in VALUES}


def _held(actor: User | None, transaction: Transaction, version: str) -> Transaction:
    """The row, held until the end of the database's transaction."""
    rows = Transaction.objects.select_for_update(of=("self",)).select_related("station__location__organization", "connector__station")
    row = rows.get(pk=transaction.pk)
    if version_of(row) != version:
        raise ValidationError(_meanwhile(actor, row))
    return row


def _meanwhile(actor: User | None, row: Transaction) -> str:
    last = row.corrections.select_related("actor").first()
    if last is None:
        return _("The station has reported something of it meanwhile. Look at it again, then decide.")
    return _("%(who)s was faster: %(what)s, on %(when)s. Look at it again, then decide.") % {
        "who": _who(actor, row, last.actor), "what": last.get_kind_display(), "when": exact(last.at),
    }  # fmt: skip


def _who(actor: User | None, row: Transaction, who: User | None) -> str:
    """As the transaction's page names them."""
    if who is None:
        return _("The portal")
    at = row.station.location
    return str(who) if actor is None else person(actor, who, at.organization.path, at.pk)


def _check(row: Transaction, values: dict[str, Any]) -> None:
    if wrong := what_is_wrong_with_values(row, values):
        raise ValidationError(wrong)


def _decide(actor: User | None, row: Transaction, kind: Correction.Kind, reason: str, changed: dict[str, Any]) -> Correction:
    before = {name: getattr(row, name) for name in changed}
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))
    told = {name: pair for name, pair in audit.differences(before, changed).items() if name in TOLD}
    correction = Correction.objects.create(
        transaction=row, kind=kind, actor=actor, actor_name=str(actor) if actor else "", reason=reason,
        before={name: _plain(before[name]) for name in told}, after={name: _plain(changed[name]) for name in told},
    )  # fmt: skip
    audit.record(actor, f"transaction_{kind}", row, row.station.location.organization, told | {"reason": [None, reason]})
    nudges.stations_changed(row.station_id)
    return correction


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
