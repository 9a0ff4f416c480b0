"""How a station proves who it is: what is demanded, what it does, and what the portal can change of that. Reached from the tab
Configuration."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions, addresses, explain, what_now
from stations.actions import CommandRefused
from stations.controls import Situation
from stations.models import SecurityChange, SecurityProfile, Station, StationCertificate
from stations.pages.sheet_head import sheet_context
from stations.pages.what_now_box import refused_of
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import person
from tenancy.rights import MANAGE_STATIONS, READ_CONFIGURATION, at_platform, get_for
from ui.forms import confirm_page, form_page

MOST_PAST = 10
PROFILES: dict[int, explain.Text] = {
    SecurityProfile.NONE: lazy(
        "No password, no encryption: anybody who knows the id can speak for the station. For stations that know nothing better, in a "
        "network of their own."
    ),
    SecurityProfile.PASSWORD: lazy("Over any connection; without TLS it can be read on the way."),
    SecurityProfile.TLS: lazy("Encrypted, and the station can check that it speaks with this portal."),
    SecurityProfile.CERTIFICATE: lazy("The certificate stands in place of the password, and cannot be copied from the way."),
}
STATES = {
    SecurityChange.State.ASKING: explain.WAITING, SecurityChange.State.WAITING: explain.WAITING,
    SecurityChange.State.DONE: explain.AVAILABLE, SecurityChange.State.FAILED: explain.FAULT,
}  # fmt: skip


class Change(NamedTuple):
    """A change as it is shown."""

    row: SecurityChange
    what: str
    state: str
    word: explain.Text
    by: str
    cancel_url: str
    why: str  # it fell back
    restart_url: str  # it may take the change only after a restart


class GreyedRadios(forms.RadioSelect):
    """Some of them cannot be chosen; their labels say why."""

    greyed: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        if str(value) in self.greyed:
            option["attrs"]["disabled"] = True
        return option


class DemandForm(forms.Form):
    profile = forms.TypedChoiceField(
        label=lazy("It is let in with"), coerce=int, choices=SecurityProfile.choices, widget=GreyedRadios,
        help_text=lazy("This profile or a higher one."),
    )  # fmt: skip


def station_of(request: HttpRequest, pk: int, right: str = READ_CONFIGURATION) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization", "open_by"), right, pk=pk)


def back(request: HttpRequest, station: Station) -> str:
    """Who may change it need not be able to read it."""
    return link("station_security", station.pk) if Situation(request.user, station).may(READ_CONFIGURATION) else station.get_absolute_url()


def trail(station: Station) -> list[tuple[str, str]]:
    return [(str(station), station.get_absolute_url()), (_("Security"), link("station_security", station.pk))]


def word(profile: int | None) -> str:
    return str(SecurityProfile(profile).label) if profile is not None else _("never connected")


# -- the page -----------------------------------------------------------------------------------------------------------------------------


def security_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station = situation.station
    place = (station.location.organization.path, station.location_id)
    rows = SecurityChange.objects.visible_to(request.user).filter(station=station).select_related("actor", "command")
    shown = [_shown(request, situation, row) for row in (*rows.filter(ended_at=None), *rows.exclude(ended_at=None)[:MOST_PAST])]
    mine = StationCertificate.objects.visible_to(request.user).filter(station=station, use=StationCertificate.Use.STATION)
    newest = mine.filter(state=StationCertificate.State.INSTALLED).first()
    knocked = refused_of(situation)
    return {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "demanded": word(station.security_profile),
        "demanded_means": PROFILES[station.security_profile],
        "connected": word(station.connected_profile),
        "remark": remark(station),
        "open_by": person(user_of(request), station.open_by, *place) if station.open_by else "",
        "password_since": station.password_set_at or station.created_at,
        "certificate": newest,
        "shown_revoked": mine.filter(state=StationCertificate.State.REVOKED, serial=station.connected_serial or "-").exists(),
        "refused": what_now.refused(knocked) if knocked else None,
        "expires": _expiry(newest, situation.now) if newest else "",
        "under_way": [one for one in shown if one.row.ended_at is None],
        "past": [one for one in shown if one.row.ended_at is not None],
        "may_manage": situation.may(MANAGE_STATIONS),
        **_raises(request, station),
        "lacks_certificate": not actions.has_certificate(station),
        "demand_url": link("station_security_demand", station.pk),
        "password_url": link("station_security_password", station.pk),
        "by_hand_url": link("station_password", station.pk),
        "fragment_url": link("station_security_live", station.pk),
    }  # fmt: skip


def _raises(request: HttpRequest, station: Station) -> dict[str, Any]:
    """`raises`: (profile, why it cannot be raised to it, address, id of that reason); `raise_reasons`: (id, profiles, reason) once."""
    raises: list[tuple[int, str, str, str]] = []
    reasons: dict[str, tuple[str, list[str], str]] = {}
    for profile in (SecurityProfile.TLS, SecurityProfile.CERTIFICATE):
        if profile > max(station.security_profile, station.connected_profile or 0):
            reason = actions.why_not_raised(station, profile, user_of(request))
            _id, names, _reason = reasons.setdefault(reason, (f"raise-{profile}", [], reason))
            names.append(str(profile.value))
            raises.append((profile, reason, link("station_security_raise", station.pk, profile=str(profile)), _id))
    told = [(key, get_text_list(names, _("and")), reason) for key, names, reason in reasons.values() if reason]
    return {"raises": raises, "raise_reasons": told}


def remark(station: Station) -> str:
    """What somebody should know of the demanded and the actual profile."""
    if station.connected_profile is None:
        return ""
    if station.connected_profile < station.security_profile:
        return _("It last came with less than is demanded now. It must come with more, or it stays outside.")
    if station.connected_profile > station.security_profile:
        return _("It comes with more than is demanded. Demand that, and nobody gets in with less under its name.")
    return ""


def _expiry(certificate: StationCertificate, now: datetime) -> str:
    days = (certificate.not_after - now).days
    return _("has expired") if days < 0 else _("for %d more days") % days


def _shown(request: HttpRequest, situation: Situation, row: SecurityChange) -> Change:
    station = situation.station
    what = _("New password") if row.kind == SecurityChange.Kind.PASSWORD else _("Raise to profile %s") % word(row.profile)
    by = person(user_of(request), row.actor, station.location.organization.path, station.location_id) if row.actor else _("the portal")
    cancel = link("station_security_cancel", station.pk, row.pk) if row.ended_at is None and situation.may(MANAGE_STATIONS) else ""
    waits = row.state == SecurityChange.State.WAITING and not situation.why_not("reset-soft")
    restart = link("station_command", station.pk, "reset-soft") if waits else ""
    return Change(
        row, what, STATES[SecurityChange.State(row.state)], row.get_state_display(), by, cancel, _why_fallen(row, station), restart
    )


def _why_fallen(row: SecurityChange, station: Station) -> str:
    """Why it has likely come back in the old way, and what to do."""
    if row.kind != SecurityChange.Kind.PROFILE or row.fell_back_at is None or row.state == SecurityChange.State.DONE:
        return ""
    url = addresses.tls_url(station)
    if station.ocpp_version == "1.6":
        return _(
            "Likely it does not know the address, %s, because OCPP 1.6 cannot tell it, or it does not trust the certificate shown there. "
            "Set both at the station, and raise it again."
        ) % url  # fmt: skip
    return _(
        "Likely it cannot reach %s, or does not trust the certificate shown there. Install its root certificate on the station, and raise "
        "it again."
    ) % url  # fmt: skip


def security(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, "configuration", situation) | security_context(request, situation)
    return render(request, "stations/security.html", context)


def security_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    context = security_context(request, Situation(request.user, station_of(request, pk)))
    return render(request, "stations/security_live.html", context)


# -- what can be done ---------------------------------------------------------------------------------------------------------------------


def demand(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)
    user = user_of(request)
    form = DemandForm(request.POST or None, initial={"profile": station.security_profile})
    field = form.fields["profile"]
    assert isinstance(field, forms.TypedChoiceField)
    refusals = {number: actions.why_not_profile(user, station, number) for number in SecurityProfile.values}
    field.choices = [
        (number, " ".join(part for part in (f"{label}. {PROFILES[number]}", refusals[number]) if part))
        for number, label in SecurityProfile.choices
    ]
    assert isinstance(field.widget, GreyedRadios)
    field.widget.greyed = {str(number) for number, refusal in refusals.items() if refusal}
    said = _("With less it is refused from its next connection on. If it is connected with less now, it is disconnected at once.")
    if station.connected_profile is not None:
        said += " " + _("It last came with profile %s.") % word(station.connected_profile)
    if request.method == "POST" and form.is_valid():
        profile = form.cleaned_data["profile"]
        if profile > max(station.security_profile, station.connected_profile or 0) and station.connected_profile is not None:
            return _sure(request, station, profile)
        if profile < station.security_profile:
            if not (reason := actions.why_not_profile(user, station, profile)):
                return _lower(request, station, profile)
            form.add_error("profile", reason)
    return form_page(
        request, form, lambda data: actions.demand_security_profile(actor=user, station=station, profile=data["profile"]),
        title=_("Security profile of %s") % station, submit_label=_("Save"), cancel_url=back(request, station),
        done=_("Saved."), done_url=back(request, station), breadcrumbs=trail(station),
        intro=said,
    )  # fmt: skip


def _sure(request: HttpRequest, station: Station, profile: int) -> HttpResponse:
    """The second question, where the station comes with less than what is to be demanded: it is cut off by that."""
    name = word(profile)
    if station.connected:
        first = _("It is connected with profile %(has)s, which is less: it is cut off now, and can be asked nothing any more.")
    else:
        first = _("It last came with profile %(has)s, which is less: so it does not get in any more.")
    consequences = [
        first % {"has": word(station.connected_profile)},
        _("It gets back in with profile %(profile)s at %(url)s: that must be set at the station itself, or be ready there.")
        % {"profile": name, "url": addresses.tls_url(station)} if profile >= SecurityProfile.TLS
        else _("It gets back in with its password: that must be set at the station itself."),
        (_("Or demand here again what is demanded now, %s: then it gets in as before.")
         if at_platform(user_of(request), MANAGE_STATIONS)
         else _("Less again, such as %s as now, only the administrators of the platform can demand.")) % word(station.security_profile),
    ]  # fmt: skip
    if profile == SecurityProfile.CERTIFICATE and not actions.has_certificate(station):
        consequences.insert(1, _("No certificate of it is known here with which it could come back."))
    if profile >= SecurityProfile.TLS:
        consequences.append(_("“Raise” is the safer way: it tells the station first, and lets it in by the old until it has come back."))
    return confirm_page(
        request, lambda: actions.demand_security_profile(actor=user_of(request), station=station, profile=profile),
        title=_("Demand profile %(profile)s of %(station)s?") % {"profile": name, "station": station}, consequences=consequences,
        refusal=actions.why_not_profile(user_of(request), station, profile), submit_label=_("Demand it"),
        cancel_url=back(request, station), done=_("Saved."), done_url=back(request, station), breadcrumbs=trail(station),
        hidden=[("profile", profile), ("sure", "1")],
    )  # fmt: skip


def _lower(request: HttpRequest, station: Station, profile: int) -> HttpResponse:
    """Asked for by itself: it takes protection away."""
    consequences = [
        _("From now on the station, or whoever gives itself out as it, is let in with less: %s.") % SecurityProfile(profile).label,
        str(PROFILES[profile]),
        _("The station itself is not changed. It goes on as it is, until somebody changes it there."),
    ]
    if profile < SecurityProfile.TLS <= station.security_profile:
        consequences.insert(1, _("Without TLS, whoever listens on the way can read its password, and what people charge."))
    return confirm_page(
        request, lambda: actions.demand_security_profile(actor=user_of(request), station=station, profile=profile),
        title=_("Demand less of %(station)s: profile %(profile)d in place of %(before)d?") % {
            "station": station, "profile": profile, "before": station.security_profile,
        },
        consequences=consequences, submit_label=_("Demand less"), cancel_url=back(request, station), done=_("Saved."),
        done_url=back(request, station), breadcrumbs=trail(station), hidden=[("profile", profile), ("less", "1")],
    )  # fmt: skip


def raise_profile(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)
    wanted = request.GET.get("profile", "")
    profile = int(wanted) if wanted in ("2", "3") else max(2, min(3, station.security_profile + 1))
    url = addresses.tls_url(station)
    if station.ocpp_version == "1.6":  # no message of it carries an address
        where = _(
            "OCPP 1.6 cannot tell it an address: it makes it from its own, with wss:// in place of ws://, or it must be set at the station "
            "first. This portal has TLS at %s."
        )
    else:
        where = _("It is told that this portal has TLS at %s.")
    consequences = [
        _("The station is told to connect with profile %s.") % SecurityProfile(profile).label,
        where % url,
        _("It must trust the certificate shown there: see to its root certificate first."),
        _("Until it has come back so, the old profile lets it in too. If it cannot, it falls back, and nothing is lost."),
        _("Once it has come back so, less is no longer enough. Only the administrators of the platform can demand less again."),
    ]
    if profile == SecurityProfile.CERTIFICATE:
        consequences.insert(3, _("It shows the certificate that was signed for it; without one it cannot come back."))
    return confirm_page(
        request, lambda: actions.raise_security_profile(actor=user_of(request), station=station, profile=profile),
        title=_("Raise %(station)s to security profile %(profile)d?") % {"station": station, "profile": profile},
        consequences=consequences, refusal=actions.why_not_raised(station, profile, user_of(request)), submit_label=_("Raise"),
        cancel_url=back(request, station), done=_("%s is told. What becomes of it is shown here.") % station,
        done_url=back(request, station), breadcrumbs=trail(station), submit_class="btn-primary",
    )  # fmt: skip


def new_password(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)

    def send() -> None:
        try:
            actions.send_new_password(actor=user_of(request), station=station)
        except CommandRefused as refusal:
            raise ValidationError(str(refusal)) from refusal

    refusal = ""
    if not station.connected:
        refusal = _("It is not connected. It can be told a new password only while it is; or renew it by hand, and type it in there.")
    return confirm_page(
        request, send, title=_("Give %s a new password?") % station,
        consequences=[
            _("The station is told a new password over its connection. Nobody sees it, and nothing has to be typed in."),
            _("Until it has connected with the new one, the old one lets it in too. So it is not lost, even when its answer is."),
            _("Some stations take it only after a restart."),
        ],
        refusal=refusal, submit_label=_("Give a new password"), cancel_url=back(request, station),
        done=_("%s is told. What becomes of it is shown here.") % station, done_url=back(request, station), breadcrumbs=trail(station),
        submit_class="btn-primary",
    )  # fmt: skip


def cancel(request: HttpRequest, pk: int, change_pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)
    change = get_for(
        request.user, SecurityChange.objects.select_related("command", "station__location__organization"), MANAGE_STATIONS,
        pk=change_pk, station=station,
    )  # fmt: skip
    consequences = [_("Only what was in force before lets the station in.")]
    if change.kind == SecurityChange.Kind.PASSWORD:
        consequences.append(_("If it has taken the new password already, it stays outside until its password is renewed by hand."))
    return confirm_page(
        request, lambda: actions.cancel_security_change(actor=user_of(request), change=change),
        title=_("Wait no longer for %s?") % station, consequences=consequences, submit_label=_("Wait no longer"),
        keep_label=_("Keep waiting"),
        refusal=_("This is over already.") if change.ended_at else "", cancel_url=back(request, station), done=_("Cancelled."),
        done_url=back(request, station), breadcrumbs=trail(station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/security/", security, name="station_security"),
    path("stations/<int:pk>/security/live/", security_fragment, name="station_security_live"),
    path("stations/<int:pk>/security/demand/", demand, name="station_security_demand"),
    path("stations/<int:pk>/security/raise/", raise_profile, name="station_security_raise"),
    path("stations/<int:pk>/security/password/", new_password, name="station_security_password"),
    path("stations/<int:pk>/security/<int:change_pk>/cancel/", cancel, name="station_security_cancel"),
]
