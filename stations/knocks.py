"""Stations that knock and are refused, in words for those who see the station. All of them are only the platform's to see: `lately` looks
for the very id of one station that was read through the door."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as lazy

from stations.explain import Text
from stations.models import Knock, Station

RECENT = timedelta(days=1)  # what knocked before that has given up, or lost its power

WHY: dict[str, Text] = {
    Knock.Reason.PASSWORD: lazy("it offers a wrong password"),
    Knock.Reason.DEACTIVATED: lazy("it was deactivated here when it last tried"),
    Knock.Reason.NO_TLS: lazy("it comes without TLS, which its security profile demands"),
    Knock.Reason.NO_CERTIFICATE: lazy("it shows no certificate, which its security profile demands"),
    Knock.Reason.OTHER_STATION: lazy("its certificate is that of another station"),
    Knock.Reason.CERTIFICATE_EXPIRED: lazy("its certificate has ended"),
    Knock.Reason.CERTIFICATE_EARLY: lazy("its certificate is not valid yet"),
    Knock.Reason.CERTIFICATE_REVOKED: lazy("its certificate is revoked"),
    Knock.Reason.UNTRUSTED: lazy("its certificate is signed by nobody whom this portal trusts"),
}
_LESS = lazy("Or have less demanded of it, under Security, and set so at the station: less only the administrators of the platform demand.")
_BY_CERTIFICATE: tuple[Text, ...] = (lazy("Have a certificate put on it at the station itself."), _LESS)

# reason -> what to do
STEPS: dict[str, tuple[Text, ...]] = {
    Knock.Reason.PASSWORD: (
        lazy("Renew its password by hand, and have it typed in at the station."),
        lazy("If it is not the station that tries: nobody gets in so, and there is nothing to do."),
    ),
    Knock.Reason.DEACTIVATED: (lazy("Wait for its next try: if it is active now, it is let in."),),
    Knock.Reason.NO_TLS: (lazy("Have its address set at the station so that it begins with wss:// in place of ws://."), _LESS),
    Knock.Reason.OTHER_STATION: (
        lazy("Have the id that its certificate names set at the station, or put one with its own id on it."),
        _LESS,
    ),
    Knock.Reason.CERTIFICATE_EARLY: (lazy("Look whether its certificate begins later on purpose; if so, wait until then."), _LESS),
    Knock.Reason.UNTRUSTED: (
        lazy("Have the administrators of the platform trust the authority that signed it, under Certificate authorities."),
        *_BY_CERTIFICATE,
    ),
}


def steps(reason: str) -> tuple[Text, ...]:
    return STEPS.get(reason, _BY_CERTIFICATE)


def lately(station: Station, now: datetime) -> Knock | None:
    """The knock under the id of this station, while it is away. What was before it was added here is nobody's."""
    if station.connected or not station.active:
        return None
    since = max(now - RECENT, station.created_at, station.disconnected_at or station.created_at)
    return Knock.objects.filter(identity=station.identity, reason__in=WHY, last_at__gte=since).first()
