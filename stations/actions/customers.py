"""Asking stations what they keep of a card, and having them forget it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.commands import ask
from stations.models import CustomerInquiry, Station
from stations.ocpp.intents import CustomerInformation
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def ask_about_customer(*, actor: User | None, station: Station, uid: str, report: bool = True, clear: bool = False) -> CustomerInquiry:
    """Ask what a station keeps of a card, have it forget that, or both. CommandRefused says why it cannot be asked. The record of it does
    not name the card: it is there when the answer is gone."""
    if not report and not clear:
        raise ValidationError(_("Nothing is asked."))
    inquiry = CustomerInquiry.objects.create(station=station, uid=uid[:36], report=report, clear=clear, created_by=actor)
    intent = CustomerInformation(uid, inquiry.pk, report, clear)
    inquiry.command = ask(actor=actor, station=station, intent=intent, recorded=False)
    inquiry.save(update_fields=["command"])
    kept = CustomerInquiry.objects.filter(station=station).order_by("-pk").values_list("pk", flat=True)
    CustomerInquiry.objects.filter(pk__in=list(kept[CustomerInquiry.MOST_OF_A_STATION :])).delete()
    audit.record(actor, "ask_customer", station, station.location.organization, {"report": [None, report], "clear": [None, clear]})
    return inquiry


@transaction.atomic
def delete_inquiry(*, actor: User | None, inquiry: CustomerInquiry) -> None:
    """With what the station said."""
    station = inquiry.station
    audit.record(actor, "delete_customer", station, station.location.organization)
    nudges.stations_changed(station.pk)
    inquiry.delete()
