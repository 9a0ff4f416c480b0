"""The list of all certificates of stations, and what can be done about one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import django_filters
import django_tables2
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions, authorities, certificate_words
from stations.certificate_forms import RevokeForm
from stations.certificates import runs_on
from stations.models import Station, StationCertificate
from tenancy.links import link
from tenancy.pages.shared import NAME, user_of
from tenancy.rights import MANAGE_STATIONS, READ_CONFIGURATION, Missing, anywhere, at_platform, get_for, may
from ui.forms import form_page, next_url
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when

State = StationCertificate.State
MOST_ASKED = 200  # stations that one action of the list asks
# Value of the filter -> days within which it ends
ENDINGS = {"7": 7, "30": 30, "90": 90}


class CertificateFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Station, serial number"), method="named", max_length=60)
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("All but replaced ones"), method="in_state",
        choices=[("all", lazy("All")), *StationCertificate.State.choices],
    )  # fmt: skip
    ends = django_filters.ChoiceFilter(
        label=lazy("Ends"), empty_label=lazy("At any time"), method="in_time",
        choices=[
            ("over", lazy("Has ended")), ("7", lazy("Within 7 days")), ("30", lazy("Within 30 days")), ("90", lazy("Within 90 days")),
        ],
    )  # fmt: skip
    use = django_filters.ChoiceFilter(label=lazy("For"), empty_label=lazy("Any"), choices=StationCertificate.Use.choices)
    authority = django_filters.ModelChoiceFilter(
        label=lazy("Signed by"), empty_label=lazy("Any"), queryset=lambda request: authorities.every().filter(pk__in=signers(request))
    )

    class Meta:
        model = StationCertificate
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        text = value.replace("\x00", "").strip()
        return rows.filter(
            Q(station__identity__icontains=text)
            | Q(station__alias__icontains=text)
            | Q(serial__icontains=text.replace(":", "").lstrip("0"))
        )

    def in_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows if value == "all" else rows.filter(state=value)

    def in_time(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        now = timezone.now()
        if value == "over":
            return rows.filter(not_after__lte=now)
        return rows.filter(not_after__gt=now, not_after__lte=now + timedelta(days=ENDINGS[value]))

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("state") else rows.exclude(state=State.REPLACED)


def signers(request: HttpRequest) -> QuerySet[Any]:
    """The authorities of those certificates that this person sees."""
    return StationCertificate.objects.visible_to(request.user).order_by().values("authority")


class CertificateTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="station__identity", attrs=NAME)
    state = django_tables2.Column(lazy("State"), attrs=NAME)
    not_after = django_tables2.Column(lazy("Until"))
    authority = django_tables2.Column(lazy("Signed by"), accessor="authority__name", attrs=NAME)
    use = django_tables2.Column(lazy("For"), attrs=NAME)
    serial = django_tables2.Column(lazy("Serial number"))
    last_used_at = django_tables2.Column(lazy("Last connected with it"))
    created_at = django_tables2.Column(lazy("Signed"))

    class Meta(Table.Meta):
        default = "–"

    @property
    def now(self) -> datetime:
        return timezone.now()

    def render_station(self, record: StationCertificate) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>', link("station_certificates", record.station_id), record.station,
            record.station.location,
        )  # fmt: skip

    def value_station(self, record: StationCertificate) -> str:
        return record.station.identity

    def render_state(self, record: StationCertificate) -> SafeString:
        found = certificate_words.look(record, self.now)
        return format_html('{}<span class="sub">{}</span>', state(found.state, str(found.word)), found.sentence)

    def value_state(self, record: StationCertificate) -> str:
        return str(certificate_words.look(record, self.now).word)

    def render_not_after(self, record: StationCertificate) -> SafeString:
        zone = record.station.location.zone
        return format_html(
            '{}<span class="sub">{}</span>', when(record.not_after, zone), certificate_words.ends(record.not_after, self.now)
        )

    def value_not_after(self, record: StationCertificate) -> str:
        return record.not_after.isoformat(timespec="seconds")

    def render_authority(self, record: StationCertificate) -> SafeString | str:
        if at_platform(self.request.user, MANAGE_STATIONS):
            return format_html('<a href="{}">{}</a>', link("authority", record.authority_id), record.authority)
        return str(record.authority)

    def value_authority(self, record: StationCertificate) -> str:
        return record.authority.name

    def render_use(self, record: StationCertificate) -> str:
        return record.get_use_display()

    def render_serial(self, value: str) -> SafeString:
        return format_html('<code class="text-break">{}</code>', value)

    def value_serial(self, value: str) -> str:
        return value

    def render_last_used_at(self, record: StationCertificate) -> SafeString | str:
        return _("now") if runs_on(record, record.station) else when(record.last_used_at, record.station.location.zone)

    def value_last_used_at(self, record: StationCertificate) -> str:
        return record.last_used_at.isoformat(timespec="seconds") if record.last_used_at else ""

    def render_created_at(self, record: StationCertificate) -> SafeString | str:
        return when(record.created_at, record.station.location.zone)

    def value_created_at(self, record: StationCertificate) -> str:
        return record.created_at.isoformat(timespec="seconds")


def _stations(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Station]:
    """Of these certificates, as far as they are connected and not given one already."""
    own = StationCertificate.objects.visible_to(request.user)
    stations = Station.objects.visible_to(request.user, MANAGE_STATIONS).filter(pk__in=rows.order_by().values("station"), connected=True)
    under_way = own.filter(state=State.SIGNED).order_by().values("station")
    return stations.exclude(pk__in=under_way).select_related("location__organization").order_by("pk")


def ask_all(request: HttpRequest, rows: QuerySet[Any]) -> str:
    asked = left = 0
    for station in _stations(request, rows)[:MOST_ASKED]:
        try:
            actions.ask_for_certificate(actor=user_of(request), station=station)
            asked += 1
        except actions.CommandRefused:
            left += 1
    said = ngettext("%d station is asked for a new certificate.", "%d stations are asked for a new certificate.", asked) % asked
    if left:
        said += " " + ngettext("%d could not be asked.", "%d could not be asked.", left) % left
    return said


def ask_consequences(request: HttpRequest, rows: QuerySet[Any]) -> list[str]:
    count = _stations(request, rows).count()
    told = [
        ngettext(
            "%d connected station is asked to request a new certificate.",
            "%d connected stations are asked to request a new certificate.",
            count,
        )
        % count,
        _("What they request is signed at once and given to them. Until they have it they go on with the one they have."),
    ]
    if count > MOST_ASKED:
        told.append(_("That is more than are asked at a time: the first %d are. Do it again for the others.") % MOST_ASKED)
    return told


class CertificateList(ListPage):
    model = StationCertificate
    table_class = CertificateTable
    filterset_class = CertificateFilter
    title = lazy("Certificates")
    intro = lazy("By which stations prove who they are when they connect (security profile 3).")
    export_name = "certificates"
    live = True
    hidden_columns = ("use", "serial", "created_at")
    empty_title = lazy("No station has a certificate yet.")
    empty_text = lazy("A station gets one when it asks for it, or is asked to: on its page, under Configuration, Security, Certificates.")
    bulk_actions = (BulkAction("ask", lazy("Ask for new ones"), ask_all, ask_consequences, icon="certificate", right=MANAGE_STATIONS),)

    def admit(self) -> None:
        if authorities.signer() is None:
            self.empty_text = lazy("First the platform needs an authority that signs them: its administrators create one.")
        if not anywhere(self.request.user, READ_CONFIGURATION):
            raise Missing(READ_CONFIGURATION)

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("authority", "station__location__organization")

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Operations"), link("operations"))]

    def get_actions(self) -> Sequence[Action]:
        if not at_platform(self.request.user, MANAGE_STATIONS):
            return []
        return [Action(_("Certificate authorities"), link("authorities"), icon="shield-lock")]


# -- one ----------------------------------------------------------------------------------------------------------------------------------


def certificate_of(request: HttpRequest, pk: int, right: str = READ_CONFIGURATION) -> StationCertificate:
    joins = ("authority", "station__location__organization")
    return get_for(request.user, StationCertificate.objects.select_related(*joins), right, pk=pk)


def certificate_file(request: HttpRequest, pk: int) -> HttpResponse:
    row = certificate_of(request, pk)
    answer = HttpResponse(row.certificate, content_type="application/x-pem-file")
    answer.headers["Content-Disposition"] = content_disposition_header(True, f"{row.station.identity}-{row.serial[:8]}.pem") or ""
    return answer


def certificate_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    row = certificate_of(request, pk, MANAGE_STATIONS)
    station = row.station
    here = next_url(request, link("station_certificates", station.pk))
    trail = [(station.location, station.location.get_absolute_url()), (station, link("station_certificates", station.pk))]
    told = [_("%s is not let in by this certificate any more. That cannot be undone.") % station]
    if runs_on(row, station):
        told.append(_("It is connected by it now: the connection is closed at once."))
    others = StationCertificate.objects.visible_to(request.user).filter(
        station=station, use=row.use, state__in=[State.INSTALLED, State.SIGNED, State.REPLACED], not_after__gt=timezone.now()
    )
    if not others.exclude(pk=pk).exists():
        told.append(_("It has no other: where it must show one, somebody has to go there, or its security profile is lowered first."))
    if not row.authority.own:
        told.append(_("This portal will refuse it; others who trust %s will not know of it.") % row.authority)
    context = {"consequences": told, "refusal": _("It is revoked already.") if row.state == State.REVOKED else ""}
    return form_page(
        request, RevokeForm(request.POST or None),
        lambda values: actions.revoke_certificate(actor=user_of(request), certificate=row, **values),
        title=_("Revoke this certificate?"), submit_label=_("Revoke the certificate"), cancel_url=here,
        done=_("The certificate is revoked."), done_url=here, breadcrumbs=trail, template="ui/confirm.html", context=context,
    )  # fmt: skip


def may_revoke(request: HttpRequest, row: StationCertificate) -> bool:
    return row.state != State.REVOKED and row.not_after > timezone.now() and may(request.user, MANAGE_STATIONS, row.station)


urlpatterns: list[URLPattern] = [
    path("certificates/", CertificateList.as_view(), name="certificates"),
    path("certificates/<int:pk>/file/", certificate_file, name="certificate_file"),
    path("certificates/<int:pk>/revoke/", certificate_revoke, name="certificate_revoke"),
]
