"""What stations keep of the people who charge there: whether they can be asked, what came of it, and how long that is kept here."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations import command_words, explain
from stations.controls import Situation
from stations.models import Command, CustomerInquiry
from stations.ocpp.intents import CustomerInformation, NotPossible
from stations.ocpp.versions import speaker
from tenancy.models import User
from tenancy.personal import person
from tenancy.rights import CLEAR_CACHE, PERSONAL_DATA, RIGHTS

Text = str | Promise
Viewer = User | AnonymousUser


def why_never(version: str) -> str:
    """Why a station that speaks this version can never be asked; empty when it can."""
    try:
        speaker(version).call(CustomerInformation("0", 1))
    except NotPossible:
        return _("Its version of OCPP cannot tell what it keeps of a card. “Clear the card cache” has it forget all cards it remembers.")
    return ""


def why_not(situation: Situation, *, clear: bool = False) -> str:
    """Why the station cannot be asked what it keeps of a card, or to forget it, now; empty when it can."""
    for right in (PERSONAL_DATA, CLEAR_CACHE) if clear else (PERSONAL_DATA,):
        if not situation.may(right):
            return _("Your role does not give you the right “%s” here. An administrator can change that.") % RIGHTS[right].label
    return situation.unreachable() or why_never(situation.station.ocpp_version)


class InquiryRow(NamedTuple):
    """An inquiry in words."""

    inquiry: CustomerInquiry
    what: Text
    state: str
    word: Text
    text: str  # what it said
    told: Text  # what came of it
    who: str


def row_of(inquiry: CustomerInquiry, viewer: Viewer) -> InquiryRow:
    """`station` with its place, `command` and `created_by` must be loaded."""
    location, command = inquiry.station.location, inquiry.command
    what = _("Tell and forget") if inquiry.report and inquiry.clear else _("Forget") if inquiry.clear else _("Tell")
    state, word, told = explain.OFF, _("Asked"), ""
    if command is not None:
        command.station = inquiry.station
        state, word, told = (
            command_words.command_state(command),
            command_words.command_word(command),
            command_words.command_result(command, viewer),
        )
        if command.state == Command.State.ACCEPTED and inquiry.report:
            state, word, told = explain.BUSY, _("Answer on its way"), _("The station sends what it has in parts.")
    if inquiry.complete:
        forgotten = _("It has told it, and forgets it.") if inquiry.clear else ""
        state, word, told = explain.AVAILABLE, _("Answered"), forgotten
    who = person(viewer, inquiry.created_by, location.organization.path, location.pk) or _("the portal")
    return InquiryRow(inquiry, what, state, word, inquiry.text, told, who)


def forget_old() -> int:
    """Delete what stations told longer ago than CUSTOMER_INFORMATION_DAYS; how many answers. Run by the tick."""
    before = timezone.now() - timedelta(days=settings.CUSTOMER_INFORMATION_DAYS)
    return CustomerInquiry.objects.filter(created_at__lt=before).delete()[0]
