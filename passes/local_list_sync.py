"""Keeps the local lists of stations in step: looks at what is due, sends the difference, reads the answer from the command's final state.

Run by the tick (energycloud.tick). A row of LocalList is the work; its state changes by compare-and-swap, together with the command that
carries the list, so it may end at any point: the row says what is on its way, and a command that is final or gone says what became of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from passes.local_lists import ANYTHING, DAILY, Plan, next_message, plans
from passes.models import LocalList
from stations import nudges
from stations.actions import CommandRefused, ask
from stations.controls import profiles_of
from stations.models import AccessMode, Command, Station, Transaction
from stations.ocpp import intents
from stations.ocpp.intents import AskListVersion, Configure, SendList
from stations.ocpp.versions import actions, speaker

ORIGIN = "local_list"
QUIET = timedelta(minutes=1)  # after a connect, a start or a change of the configuration nothing is sent that nobody asked for
LOOK_AT = 100  # lists looked at in one run
ON_THEIR_WAY = 50  # lists that are sent at the same time
NEW = 500  # stations given a row in one run
ASK_AT = 20  # stations asked for their version in one run
TIMEOUT = 60  # seconds for a station to take a list
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(days=1)  # after a refusal; four times as long after each further one
SOON = 3  # times in a row a list without an answer is sent again as soon as the station is back; what makes it crash must not for ever
NEVER = frozenset({"NotSupported", "NotImplemented"})  # a station that answers with one of these errors has no local list
LARGEST = 2**31 - 2  # a version beyond is none
CONFIRMED: dict[str, Any] = {"unconfirmed": None, "unanswered_at": None, "pause_until": None}

FULL, DIFFERENTIAL = "Full", "Differential"  # Sending.type

_State = LocalList.State
_WHITELISTS = [mode for mode in AccessMode if mode.whitelists]


class Sending(TypedDict, total=False):
    """What is on its way: a list, or with `ask` alone the question for the version."""

    ask: bool
    type: str  # FULL or DIFFERENTIAL
    version: int
    entries: dict[str, dict[str, str]]


def keep_in_step() -> None:
    """Everything that is due now; bounded work, the rest follows with the next run."""
    now = timezone.now()
    _settle(now)
    _welcome(now)
    _begin(now)
    _look(now)


def check_versions() -> None:
    """Ask stations that were away or have started anew whether they still have their list, at most once a day and when nobody charges
    there; try those without a list again that have another firmware."""
    now = timezone.now()
    other = LocalList.objects.filter(state=_State.UNSUPPORTED).exclude(station__firmware_version=F("firmware"))
    other.update(state=_State.WAITING, due_at=now, failures=0, problem="", firmware="")
    since = Coalesce("checked_at", "synced_at"), Coalesce("synced_at", "checked_at")
    back = Q(station__connected_at__gt=since[0]) & Q(station__connected_at__gt=since[1])
    anew = Q(station__booted_at__gt=since[0]) & Q(station__booted_at__gt=since[1])
    charging = Transaction.objects.filter(station=OuterRef("station"), ended_at=None)
    idle = _reachable(now).filter(state=_State.IN_STEP, version__gt=0).filter(back | anew).exclude(Exists(charging))
    for one in idle.filter(Q(checked_at=None) | Q(checked_at__lt=now - DAILY)).order_by("checked_at", "pk")[:ASK_AT]:
        _send(one, AskListVersion(), {"ask": True})


# -- answers ----------------------------------------------------------------------------------------------------------------------------


def _settle(now: datetime) -> None:
    """What became of what was on its way."""
    done = LocalList.objects.filter(state=_State.SENDING).exclude(command__state__in=Command.OPEN)
    for one in done.select_related("command", "station").order_by("pk")[:LOOK_AT]:
        fields = _outcome(one, one.command, now)
        if _swap(one, sending=None, command=None, **fields):
            nudges.stations_changed(one.station_id)


def _outcome(one: LocalList, command: Command | None, now: datetime) -> dict[str, Any]:
    """The fields that an answer changes. A command that is gone counts as not delivered."""
    state = Command.State
    again: dict[str, Any] = {"state": _State.WAITING, "due_at": now}
    if command is None or command.state == state.EXPIRED:
        return again
    sending: Sending = one.sending or Sending()
    asked = bool(sending.get("ask"))
    if command.state == state.ACCEPTED:
        return again | (_version_read(one, command, now) if asked else _taken(sending))
    said = command.answer_status if command.state == state.REJECTED else command.error_code
    outcome = speaker(command.version).outcome(command.answer) if command.state == state.REJECTED else ""
    never, other = outcome == intents.NOT_SUPPORTED or said in NEVER, outcome == intents.MISMATCH
    if asked and (one.version or not never):  # some take a list and cannot say which they have
        return again | {"checked_at": now, "ask_next": False, "full_next": one.full_next or one.ask_next}
    if never:
        return _unsupported(one)
    if command.state == state.TIMED_OUT:
        return _unanswered(one, sending, command, now)
    if sending.get("type") == DIFFERENTIAL:
        unsure: dict[str, Any] = {"unconfirmed": [ANYTHING]} if other else {}
        return again | unsure | {"full_next": True, "problem": said, "full_only": one.full_only or not other}
    return _refused(one, now, said) | {"full_next": True, "full_only": False, "ask_next": other}


def _taken(sending: Sending) -> dict[str, Any]:
    return CONFIRMED | {"version": sending["version"], "entries": sending["entries"], "full_next": False, "failures": 0, "problem": ""}


def _unanswered(one: LocalList, sending: Sending, command: Command, now: datetime) -> dict[str, Any]:
    """It may have taken it all the same: it has this list, or what it had. The next one replaces either."""
    maybe = sorted({*(one.unconfirmed or []), *sending.get("entries", {})})
    return _refused(one, now, "timed_out") | {
        "state": _State.UNANSWERED, "full_next": True, "version": sending.get("version", one.version), "unconfirmed": maybe,
        "unanswered_at": command.sent_at or command.created_at,
    }  # fmt: skip


def _version_read(one: LocalList, command: Command, now: datetime) -> dict[str, Any]:
    told = speaker(command.version).list_version(command.answer) if isinstance(command.answer, dict) else None
    version = told if told is not None and told <= LARGEST else 0
    if version == -1:
        return _unsupported(one)
    fields: dict[str, Any] = {"checked_at": now, "ask_next": False}
    if max(version, 0) == one.version or (version <= 0 and not one.entries):
        return fields
    other = {"unconfirmed": [ANYTHING]} if version > 0 else {}
    return fields | other | {"full_next": True, "version": max(version, one.version)}


def _unsupported(one: LocalList) -> dict[str, Any]:
    return CONFIRMED | {
        "state": _State.UNSUPPORTED, "due_at": None, "version": 0, "entries": {}, "failures": 0, "problem": "", "full_next": False,
        "full_only": False, "ask_next": False, "firmware": one.station.firmware_version,
    }  # fmt: skip


def _refused(one: LocalList, now: datetime, problem: str) -> dict[str, Any]:
    """What was tried before the pause was over, because something had changed, leaves the pause as it is."""
    said = {"state": _State.FAILED, "problem": problem[:200]}
    if one.failures and one.pause_until and one.pause_until > now:
        return said | {"due_at": one.pause_until}
    failures = min(one.failures + 1, 100)
    until = now + min(FIRST_PAUSE * 4 ** min(failures - 1, 5), LONGEST_PAUSE)
    return said | {"due_at": until, "pause_until": until, "failures": failures}


def _welcome(now: datetime) -> None:
    """A station that was away since it was sent what it did not answer is sent it again now, not after the pause."""
    back = Q(station__connected=True, station__connected_at__gt=F("unanswered_at"))
    away = LocalList.objects.filter(back, state=_State.UNANSWERED, failures__lte=SOON, due_at__gt=now)
    LocalList.objects.filter(pk__in=list(away.values_list("pk", flat=True)[:NEW])).update(due_at=now, pause_until=None)


# -- what to send -----------------------------------------------------------------------------------------------------------------------


def _begin(now: datetime) -> None:
    """A row for stations that whitelist and have none."""
    mode = Q(access_mode__in=_WHITELISTS) | Q(access_mode="", location__access_mode__in=_WHITELISTS)
    new = Station.objects.filter(mode, connected=True, local_list=None).order_by("pk").values_list("pk", flat=True)[:NEW]
    LocalList.objects.bulk_create([LocalList(station_id=pk, due_at=now) for pk in new], ignore_conflicts=True)


def _reachable(now: datetime) -> QuerySet[LocalList]:
    """The lists of stations that may be sent something now: connected for a while, and asked nothing else."""
    quiet = now - QUIET
    commands = Command.objects.filter(station=OuterRef("station")).order_by()
    busy = commands.filter(state__in=Command.OPEN)
    changed = commands.filter(action__in=actions(Configure), created_at__gt=now - DAILY, answered_at__gt=quiet)
    ready = LocalList.objects.filter(station__connected=True, station__active=True, station__connected_at__lt=quiet)
    ready = ready.filter(Q(station__booted_at=None) | Q(station__booted_at__lt=quiet)).exclude(Exists(busy)).exclude(Exists(changed))
    return ready.select_related("station__location__organization")


def _look(now: datetime) -> None:
    """Compare what is due with what it should be; send the difference."""
    due = _reachable(now).filter(due_at__lte=now).exclude(state__in=[_State.SENDING, _State.UNSUPPORTED]).order_by("due_at", "pk")
    lists = _able(list(due[:LOOK_AT]))
    if not lists:
        return
    planned = plans([one.station for one in lists], whole=[one.station_id for one in lists if one.full_only], now=now)
    room = ON_THEIR_WAY - LocalList.objects.filter(state=_State.SENDING).count()
    for one in lists:
        plan = planned[one.station_id]
        if _in_step(one, plan):
            _rest(one, plan, now)
        elif room > 0:
            room -= _bring(one, plan)


def _able(lists: list[LocalList]) -> list[LocalList]:
    """Without those whose stations have told that they keep no list: nothing is sent to them."""
    told, able = profiles_of([one.station_id for one in lists]), []
    for one in lists:
        if speaker(one.station.ocpp_version).missing_profile(SendList, told.get(one.station_id, {})):
            _swap(one, sending=None, command=None, **_unsupported(one))
        else:
            able.append(one)
    return able


def _in_step(one: LocalList, plan: Plan) -> bool:
    return not one.ask_next and not one.full_next and one.entries == plan.entries


def _rest(one: LocalList, plan: Plan, now: datetime) -> None:
    """Nothing to send: looked at again when a validity begins or ends, and in a day at the latest, whatever was missed meanwhile."""
    fields: dict[str, Any] = {"left_out": len(plan.left_out), "due_at": min(plan.until or now + DAILY, now + DAILY)}
    if one.state != _State.IN_STEP:
        fields |= {"state": _State.IN_STEP, "problem": "", "failures": 0}
        if one.version:
            fields["synced_at"] = now
        nudges.stations_changed(one.station_id)
    _swap(one, **fields)


def _bring(one: LocalList, plan: Plan) -> bool:
    """Whether something is on its way."""
    if one.ask_next:
        return _send(one, AskListVersion(), {"ask": True})
    message = next_message(one.entries, plan.entries, full=one.full_next or one.full_only or not one.version, at_once=plan.at_once)
    if message is None:  # its list was emptied by somebody, and that is how it should be
        return False
    version = one.version % LARGEST + 1
    sending: Sending = {"type": FULL if message.full else DIFFERENTIAL, "version": version, "entries": message.result}
    return _send(one, SendList(version, message.full, message.cards), sending, left_out=len(plan.left_out))


def _send(one: LocalList, intent: SendList | AskListVersion, sending: Sending, **fields: Any) -> bool:
    """The row and its command in one transaction. False when somebody was quicker, or the station cannot be asked now."""
    try:
        with transaction.atomic():
            if not _swap(one, state=_State.SENDING, sending=sending, **fields):
                return False
            command = ask(actor=None, station=one.station, intent=intent, timeout=TIMEOUT, origin=ORIGIN, recorded=False)
            LocalList.objects.filter(pk=one.pk).update(command=command)
    except CommandRefused as refusal:
        if refusal.code == "invalid":  # never to be sent: not tried every few seconds
            _swap(one, **_refused(one, timezone.now(), str(refusal)))
        return False
    return True


def _swap(one: LocalList, **fields: Any) -> bool:
    """Write the row if it still is as it was read. While something is on its way a mark that it is due again is kept."""
    row = LocalList.objects.filter(pk=one.pk, state=one.state)
    row = row.filter(command=one.command_id) if one.state == _State.SENDING else row.filter(due_at=one.due_at)
    return row.update(**fields) == 1
