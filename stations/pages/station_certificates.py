"""The certificates of a station: its own, what it has asked for, and whom it trusts. Reached from its tab Configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from stations import actions, authorities, certificate_words, command_words
from stations.certificate_forms import RootForm
from stations.certificate_words import Look
from stations.certificates import runs_on
from stations.controls import Situation
from stations.models import (
    Authority,
    CertificateRequest,
    Command,
    InstalledCertificate,
    SecurityProfile,
    Station,
    StationCertificate,
)
from stations.ocpp import versions
from stations.ocpp.intents import AskForRequest, DeleteRoot, GiveCertificate, InstallRoot, ReadRoots
from stations.pages.certificates import may_revoke
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_STATIONS, READ_CONFIGURATION, get_for
from ui.forms import Trail, confirm_page, form_page

TAB = "configuration"
SHOWN = 20  # certificates, requests
ASKED = (AskForRequest, GiveCertificate, InstallRoot, ReadRoots, DeleteRoot)
MOST_COMMANDS = 60  # that are looked at for the latest of them
SHOWN_COMMANDS = 6


class Own(NamedTuple):
    row: StationCertificate
    look: Look
    ends: str
    now: bool  # it is connected by it
    revocable: bool


class Installed(NamedTuple):
    row: InstalledCertificate
    authority: Authority | None


def station_of(request: HttpRequest, pk: int, right: str = READ_CONFIGURATION) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def trail(station: Station) -> Trail:
    return [(station.location, station.location.get_absolute_url()), (station, link("station_certificates", station.pk))]


def own_of(request: HttpRequest, station: Station, now: datetime) -> list[Own]:
    rows = StationCertificate.objects.visible_to(request.user).filter(station=station).select_related("authority")
    found = []
    for row in rows[:SHOWN]:
        row.station = station
        shown = certificate_words.look(row, now)
        found.append(Own(row, shown, certificate_words.ends(row.not_after, now), runs_on(row, station), may_revoke(request, row)))
    return found


def installed_of(request: HttpRequest, station: Station) -> list[Installed]:
    rows = list(InstalledCertificate.objects.visible_to(request.user).filter(station=station))
    known = list(authorities.every()) if rows else []
    return [Installed(row, certificate_words.recognized(row, known)) for row in rows]


def commands_of(request: HttpRequest, situation: Situation) -> list[CommandRow]:
    rows = Command.objects.visible_to(request.user).filter(station=situation.station, action__in=versions.actions(*ASKED))
    latest = rows.select_related("requested_by").order_by("-created_at", "-pk")[:MOST_COMMANDS]
    return [row for row in command_rows(latest, situation) if isinstance(command_words.intent_of(row.command), ASKED)]


def all_told_at(rows: list[CommandRow], situation: Situation) -> datetime | None:
    """Since when what it told of certificates of every kind is known; None where it has not told of all. `rows`: the newest first."""
    told: dict[tuple[str, ...], datetime | None] = {}
    for row in rows:
        intent = command_words.intent_of(row.command)
        if isinstance(intent, ReadRoots) and row.command.answer_status in ("Accepted", "NotFound"):
            told.setdefault(intent.uses, row.command.answered_at)
    found = [told.get(tuple(one.uses)) for one in situation.speaker.reading_roots()]
    times = [at for at in found if at]
    return min(times) if len(times) == len(found) else None


def certificates_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station, now, user = situation.station, situation.now, request.user
    own = own_of(request, station, now)
    requests = CertificateRequest.objects.visible_to(user).filter(station=station).exclude(state=CertificateRequest.State.SIGNED)
    signer = authorities.signer()
    commands = commands_of(request, situation)
    locked_out = certificate_words.locked_out(station, [one.row for one in own], now)
    return {
        "station": station,
        "zone": station.location.zone,
        "now": now,
        "own": own,
        "warning": certificate_words.warning(station, [one.row for one in own], now),
        "requests": [(one, certificate_words.request_look(one), one.use) for one in requests[:5]],
        "installed": installed_of(request, station),
        "commands": commands[:SHOWN_COMMANDS],
        "all_told_at": all_told_at(commands, situation),
        "signer": signer,
        "may_manage": situation.may(MANAGE_STATIONS),
        "refusal": _("It cannot be asked: see above.") if locked_out else situation.unreachable(),
        "here": link("station_certificates", station.pk),
        "fragment_url": link("station_certificates_live", station.pk),
        "ask_url": link("station_certificate_ask", station.pk),
        "read_url": link("station_roots_read", station.pk),
        "install_url": link("station_root_add", station.pk),
    }


def certificates(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, TAB, situation)
    return render(request, "stations/certificates.html", {**context, **certificates_context(request, situation)})


def certificates_live(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    return render(request, "stations/certificates_live.html", certificates_context(request, Situation(request.user, station)))


# -- asking -------------------------------------------------------------------------------------------------------------------------------


def _asked(request: HttpRequest, station: Station, ask: Callable[[], Any], done: str) -> HttpResponse:
    try:
        ask()
    except actions.CommandRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect(link("station_certificates", station.pk))


@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the station request a new certificate."""
    station = station_of(request, pk, MANAGE_STATIONS)
    if authorities.signer() is None:
        messages.error(request, _("No authority of the platform signs certificates of stations. Its administrators can create one."))
        return redirect(link("station_certificates", pk))
    done = _("Asked. Its request is signed when it comes, and given to it; how far that is stands here.")
    return _asked(request, station, lambda: actions.ask_for_certificate(actor=user_of(request), station=station), done)


@require_POST
def read(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the station tell which certificates it has."""
    station = station_of(request, pk)
    done = _("Asked. What it has stands here when it has answered.")
    return _asked(request, station, lambda: actions.read_installed(actor=user_of(request), station=station), done)


def install(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)
    situation, here = Situation(request.user, station), link("station_certificates", pk)
    title = _("Install a root certificate on %s") % station
    if refusal := situation.unreachable():
        return render(request, "ui/confirm.html", {"title": title, "refusal": refusal, "cancel_url": here, "breadcrumbs": trail(station)})
    kept = list(authorities.every())
    form = RootForm(request.POST or None, request.FILES or None, uses=list(situation.speaker.ROOTS), authorities=kept)

    def save(values: dict[str, Any]) -> Command:
        try:
            return actions.install_root(actor=user_of(request), station=station, **values)
        except actions.CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    return form_page(
        request, form, save, title=title, submit_label=_("Install it"), cancel_url=here,
        done=_("Sent. What the station says of it stands here."), done_url=here, breadcrumbs=trail(station),
        intro=_("The station trusts whoever has a certificate of this authority from then on: as the portal, or as the maker of firmware."),
    )  # fmt: skip


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the station forget a certificate."""
    row = get_for(request.user, InstalledCertificate.objects.select_related("station__location__organization"), MANAGE_STATIONS, pk=pk)
    station = row.station
    here, told = link("station_certificates", station.pk), delete_consequences(request, row)

    def act() -> None:
        try:
            actions.delete_root(actor=user_of(request), root=row)
        except actions.CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    return confirm_page(
        request, act, title=_("Delete this certificate from %s?") % station, consequences=told, submit_label=_("Delete the certificate"),
        cancel_url=here, done=_("Asked. What the station says of it stands here."), done_url=here,
        refusal=Situation(request.user, station).unreachable(), breadcrumbs=trail(station),
    )  # fmt: skip


def delete_consequences(request: HttpRequest, row: InstalledCertificate) -> list[str]:
    """What comes of it where the station does it; the worst first."""
    known = certificate_words.recognized(row, list(authorities.every()))
    told = []
    if row.use == InstalledCertificate.Use.SERVER:
        rows = InstalledCertificate.objects.visible_to(request.user).filter(station=row.station_id, use=row.use, below=False)
        if not rows.exclude(pk=row.pk).exists():
            if row.station.connected_tls or row.station.security_profile >= SecurityProfile.TLS:
                told.append(
                    _(
                        "The station will not connect any more, and somebody has to go there: it is the only certificate by which it "
                        "knows that it speaks to the portal. Install another one first."
                    )
                )
            else:
                told.append(
                    _(
                        "It is the only certificate by which it could know the portal. It connects without TLS, so it stays connected; "
                        "install another one before it changes to TLS."
                    )
                )
        else:
            told.append(
                _("By it the station knows the portal. If the portal shows a certificate of this authority, the station is cut off.")
            )
    elif row.use == InstalledCertificate.Use.MANUFACTURER:
        told.append(_("Firmware that is signed by this manufacturer will be refused by the station."))
    else:
        told.append(_("Plug and charge may no longer work with cars and contracts that rest on it."))
    whose = str(known) if known else _("an authority that is not known here")
    told.append(_("It is a certificate of %(whose)s, serial number %(serial)s.") % {"whose": whose, "serial": row.serial})
    return told


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/certificates/", certificates, name="station_certificates"),
    path("stations/<int:pk>/certificates/live/", certificates_live, name="station_certificates_live"),
    path("stations/<int:pk>/certificates/ask/", ask, name="station_certificate_ask"),
    path("stations/<int:pk>/certificates/read/", read, name="station_roots_read"),
    path("stations/<int:pk>/certificates/install/", install, name="station_root_add"),
    path("installed-certificates/<int:pk>/delete/", delete, name="installed_delete"),
]
