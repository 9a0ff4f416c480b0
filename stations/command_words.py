"""What is asked of stations about certificates, and their answers, in words. Part of stations.explain."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.ocpp import intents
from stations.ocpp.intents import AskForRequest, DeleteRoot, GiveCertificate, InstallRoot, Intent, ReadRoots

Text = str | Promise

_TITLES: dict[type[Any], Text] = {
    AskForRequest: lazy("Ask for a new certificate"),
    GiveCertificate: lazy("Give it its new certificate"),
    InstallRoot: lazy("Install a root certificate"),
    ReadRoots: lazy("Ask which certificates it has"),
}


def title(wanted: Intent | None) -> str:
    """Empty for what is about something else."""
    if isinstance(wanted, DeleteRoot):
        return _("Delete the certificate %s") % wanted.serial
    return str(_TITLES.get(type(wanted), ""))


ANSWERS: dict[tuple[type[Any], str], Text] = {
    (AskForRequest, intents.ACCEPTED): lazy("Accepted. Its request follows, is signed, and what is signed goes back to it."),
    (AskForRequest, intents.REJECTED): lazy("Refused by the station: it makes no request for a certificate now."),
    (AskForRequest, intents.NOT_SUPPORTED): lazy("The station cannot make requests for certificates."),
    (GiveCertificate, intents.ACCEPTED): lazy("The station has taken it."),
    (GiveCertificate, intents.REJECTED): lazy("Refused by the station: to it, the certificate or who signed it is not good."),
    (InstallRoot, intents.ACCEPTED): lazy("Installed."),
    (InstallRoot, intents.REJECTED): lazy("Refused by the station: it is not valid to it, or it has no room for one more."),
    (InstallRoot, intents.FAILED): lazy("The station could not install it."),
    (ReadRoots, intents.ACCEPTED): lazy("Told."),
    (ReadRoots, intents.REJECTED): lazy("It has none of this kind."),
    (DeleteRoot, intents.ACCEPTED): lazy("Deleted."),
    (DeleteRoot, intents.REJECTED): lazy("The station has no such certificate."),
    (DeleteRoot, intents.FAILED): lazy("The station could not delete it, or it is the one it needs."),
}
