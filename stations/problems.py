"""What is wrong with a transaction, and what an unmatched message may be, in plain words: what happened, then what to do."""

from __future__ import annotations

import json
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.models import Transaction, UnmatchedMessage
from stations.ocpp import masking, versions

Text = str | Promise
Problem = Transaction.Problem


OFFLINE_KEY = "AllowOfflineTxForUnknownId"  # as OCPP 1.6 names it


class Advice(NamedTuple):
    code: str
    sentence: Text
    what_now: Text


_ADVICE: dict[str, tuple[Text, Text]] = {
    Problem.CLOCK: (
        lazy("The station's clock was wrong or gave no time zone. Where its time was impossible, the time we received it stands in."),
        lazy("The energy is right; start and end may be off. A reset makes the station ask us for the time again."),
    ),
    Problem.NEGATIVE: (
        lazy("The meter ended below where it began, which cannot be."),
        lazy("Nothing is to be paid for it as it stands. Compare its values with the meter's display, and have the meter checked."),
    ),
    Problem.METER_FELL: (
        lazy("The meter fell while the car was charging."),
        lazy("The energy may be too low. Its values show where it fell. If it happens again, have the meter checked."),
    ),
    Problem.ENDS_BEFORE_START: (
        lazy("By the station's own times it ended before it began."),
        lazy("Its clock jumped in between. The energy is right; its page also says when we received start and end."),
    ),
    Problem.REFUSED_CARD: (
        lazy("The station charged although the card was not valid."),
        lazy("It was probably offline. If that is not wanted, set %(key)s to false in its configuration."),
    ),
    Problem.NOT_ENDED: (
        lazy("The station began another transaction here without ending this one."),
        lazy("Its end got lost, often by a power cut. The energy is that of the last value; the station may still report the end."),
    ),
    Problem.TOO_MUCH: (
        lazy("More energy was reported than the connector can have given in this time."),
        lazy("Often the meter was exchanged while charging. Its values show where it jumped: correct the meter at start or end."),
    ),
    Problem.BEYOND_END: (
        lazy("It was closed by hand, and the station has since reported a meter beyond the end that was put in."),
        lazy("It was still charging. Once it is over, correct the end and the meter; if the station reports its end, that takes force."),
    ),
    Problem.NO_START_METER: (
        lazy("The station did not report the meter at the start, so the value next to it stands in."),
        lazy("What was charged before that value may be missing. Compare with the charge before, then correct or confirm it."),
    ),
    Problem.OTHER_START: (
        lazy("The meter at the start contradicts later reports: they tell of another, or of more energy than can have flowed by then."),
        lazy("Often a station says 0 before it has read its meter. The values show where it began: correct that, or confirm it."),
    ),
    Problem.NO_END_METER: (
        lazy("The station did not report the meter at the end, so the last value that came stands in."),
        lazy("What came after it is missing. Read the meter, then correct or confirm it; and let the station measure at start and end."),
    ),
    Problem.ADDED_UP: (
        lazy(
            "The station told no meter of the whole connector, or one that stood still: its energy is added up from values per phase, "
            "or per interval."
        ),
        lazy(
            "What flowed before the first value is missing, and where charges overlap both may count the same. "
            "Compare with the meter's display, then confirm or correct it."
        ),
    ),
    Problem.STOOD_STILL: (
        lazy("The meter at the end is the one at the start, while the station told that power flowed."),
        lazy("Its energy is missing. Have the meter checked; estimate it by power and time, or confirm that nothing is to be paid."),
    ),
    Problem.NO_CARD: (
        lazy("It ended without anybody having held a card to the station."),
        lazy("Nobody can be asked to pay. Where everybody may charge, set the access mode to open; else look why the station gave energy."),
    ),
    Problem.COUNTED_TWICE: (
        lazy("Its meter at the start lies below the end of the charge before it: what is between would be settled twice."),
        lazy("Often a station tells an old meter at the start. Take the one at the end of the charge before, or confirm it as it is."),
    ),
    Problem.SWAPPED: (
        lazy("It was ended with the card of another charge at this station, and that one with its card."),
        lazy("The station may have mixed up the two. Compare the meters of both connectors, then correct both charges or confirm them."),
    ),
    Problem.AFTER_DECISION: (
        lazy("It was decided that nothing is settled for it; the station has reported its end since."),
        lazy("Look at what it reports, then decide anew: confirm it, correct it, or leave it unsettled."),
    ),
}  # fmt: skip

# Of what the station has ended itself
_WENT_ON = (
    lazy("The station has ended it, and has since reported a meter beyond that end."),
    lazy("Compare the meter at the end with the values after it. Where they are of this charge, correct its end; else confirm it."),
)
# Of what is added up while not all that it is made of is there
_GAPS = (
    lazy("Values of it are missing: some of its reports have not come, or there are too many to add up."),
    lazy("Its energy may be more. What still comes is added; else read the meter, then correct it."),
)


def advice(transaction: Transaction) -> list[Advice]:
    """One per problem, in the order of `Problem`."""
    found = [Advice(code, *_ADVICE[code]) for code in Problem.values if code in transaction.problems]
    if Problem.ADDED_UP in transaction.problems:
        found = [Advice(one.code, *_GAPS) if one.code == Problem.NO_END_METER else one for one in found]
    if not transaction.closed_by_hand:
        found = [Advice(one.code, *_WENT_ON) if one.code == Problem.BEYOND_END else one for one in found]
    if Problem.REFUSED_CARD not in transaction.problems:
        return found
    named = {"key": versions.speaker(transaction.station.ocpp_version).key_of(OFFLINE_KEY)}
    return [one._replace(what_now=str(one.what_now) % named) if one.code == Problem.REFUSED_CARD else one for one in found]


def why_in_inbox(transaction: Transaction) -> str:
    """Why it waits there, in a sentence; empty where it does not."""
    if not transaction.to_review:
        return ""
    if transaction.running:
        return _("It has not ended. Nothing is settled for it until the station reports its end or somebody closes it here.")
    return _("Nothing is settled for it until somebody has decided what is true.")


def what_is(entry: UnmatchedMessage) -> str:
    """What an entry of the inbox is, in a sentence."""
    known_elsewhere = entry.transaction_id in {"", "0", "-1"}
    if entry.about_id and not entry.resolved_at:
        return _("The station ended transaction %s once more, with another meter at its end.") % entry.about_id
    end = versions.ended_of(entry.action, entry.payload)
    if end or entry.action == "StopTransaction":
        meter = end.meter_stop if end else entry.payload.get("meterStop") if isinstance(entry.payload, dict) else None
        if known_elsewhere:
            text = _("The station ended a charge that has no number: its start has not reached us.")
        else:
            text = _("The station ended transaction %s, which it never started here or ended before otherwise.") % entry.transaction_id
        return f"{text} {_('Its meter stood at %s Wh.') % meter}" if meter is not None else text
    if versions.begins(entry.action, entry.payload):
        meter = versions.meter_at_begin(entry.action, entry.payload)
        stood = f" {_('Its meter stood at %s Wh.') % meter}" if meter is not None else ""
        if entry.action == "StartTransaction":
            return _("The station began a charge, but what it said of it cannot be read: it was refused.")
        if known_elsewhere:
            return _("The station began a charge, but gave it no number: what follows cannot be told apart from other charges.") + stood
        if entry.key == entry.TOO_MANY:
            return (
                _("The station began transaction %s while more went on than can be. It is booked when it ends.") % (entry.transaction_id)
                + stood
            )
        return (
            _("The station began another charge as transaction %s, which had begun before. What it charges is told with its end.")
            % (entry.transaction_id)
            + stood
        )
    if known_elsewhere:
        return _("The station sent meter values of a charge that has no number: its start has not reached us.")
    return _("The station sent meter values of transaction %s, which it has never started here.") % entry.transaction_id


def what_to_do(entry: UnmatchedMessage) -> str:
    if entry.about_id:
        return _("What it said first is booked. Compare both: take what it says now, or dismiss it, and what is booked stands.")
    if entry.action == "StopTransaction" or versions.ended_of(entry.action, entry.payload):
        return _("If a charge is open at this station that can be its start, join the two. Otherwise look in the log, then dismiss it.")
    if versions.begins(entry.action, entry.payload):
        return _("Its end tells what it has charged: compare the two, then dismiss it. Newer firmware may put it right.")
    return _("Usually nothing: the values are kept with the connector. If they keep coming, stop the charge at the station or reset it.")


class Content(NamedTuple):
    """The latest message as it is shown: indented, and where it is long only its beginning, of so many characters (else 0)."""

    text: str
    cut_of: int


MOST_SHOWN = 10_000  # characters


def content(entry: UnmatchedMessage, *, cards: bool) -> Content:
    """Without `cards` their numbers are masked."""
    payload = entry.payload if cards else masking.without_cards(entry.action, entry.payload)
    size = payload.get(entry.CUT, 0) if isinstance(payload, dict) else 0
    said = {key: value for key, value in payload.items() if key != entry.CUT} if size else payload
    text = json.dumps(said, indent=2, ensure_ascii=False)
    if len(text) <= MOST_SHOWN and not size:
        return Content(text, 0)
    return Content(text[:MOST_SHOWN] + "\n…", size or len(text))
