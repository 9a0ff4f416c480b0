"""What is reserved, beside its connector."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from stations.cards import Faces
from stations.controls import Situation
from stations.models import Reservation
from stations.ocpp.numbering import evse_of
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import START_CHARGING
from ui.templatetags.ui import exact


class Kept(NamedTuple):
    """A reservation that stands, beside its connector."""

    sentence: str
    cancel_url: str


def kept_at(user: User | AnonymousUser, situation: Situation, back: str) -> dict[int, list[Kept]]:
    """By EVSE, whose connectors are kept together; 0 for any of the station. No query where nothing is reserved."""
    rows, station = situation.reservations, situation.station
    if not rows:
        return {}
    at = station.location
    faces, may_cancel = Faces(user, ((row.id_tag, at) for row in rows)), situation.may(START_CHARGING)
    found: dict[int, list[Kept]] = {}
    for row in rows:
        words = {"card": faces.of(row.id_tag, at), "until": exact(row.until, at.zone)}
        sentence = (
            _("Reserved for %(card)s until %(until)s.")
            if row.connector_number
            else _("One connector is reserved for %(card)s until %(until)s.")
        )
        if row.state == Reservation.State.UNCERTAIN:
            sentence = _("Perhaps reserved for %(card)s until %(until)s: the station did not answer.")
        url = link("reservation_cancel", row.pk, next=back) if may_cancel else ""
        found.setdefault(evse_of(row.connector_number), []).append(Kept(sentence % words, url))
    return found
