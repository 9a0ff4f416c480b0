"""Who knocks: stations that tried to connect and were refused. They belong to no tenant, so only the platform sees them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import django_filters
import django_tables2
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations.actions.knocking import forget_knocks
from stations.models import Knock, Station
from stations.pages.station_list import user_of
from tenancy.rights import MANAGE_STATIONS, READ, Missing, at_platform
from ui.lists import BulkAction, ListPage, Table
from ui.templatetags.ui import when

NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end text-nowrap"}}


CERTIFICATE_FAULTS: dict[str, Any] = {
    Knock.Reason.NO_CERTIFICATE: lazy("It shows no certificate."),
    Knock.Reason.OTHER_STATION: lazy("Its certificate is that of another station."),
    Knock.Reason.CERTIFICATE_EXPIRED: lazy("Its certificate has expired."),
    Knock.Reason.CERTIFICATE_EARLY: lazy("Its certificate is not valid yet."),
    Knock.Reason.CERTIFICATE_REVOKED: lazy("Its certificate is revoked."),
    Knock.Reason.UNTRUSTED: lazy("Its certificate is signed by nobody we trust."),
}


def sees_knocks(request: HttpRequest) -> bool:
    return at_platform(user_of(request), MANAGE_STATIONS)


def check_knocks(request: HttpRequest) -> None:
    """Missing for those of the platform who lack the right; for all others there is no such page."""
    if not sees_knocks(request):
        if at_platform(user_of(request), READ):
            raise Missing(MANAGE_STATIONS)
        raise Http404


class KnockFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Station id or network address"), method="named", max_length=100)
    reason = django_filters.ChoiceFilter(label=lazy("Why it was refused"), empty_label=lazy("Any"), choices=Knock.Reason.choices)

    class Meta:
        model = Knock
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Knock], name: str, value: str) -> QuerySet[Knock]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(identity__icontains=text) | Q(address__icontains=text))


class KnockTable(Table):
    identity = django_tables2.Column(lazy("Station id"))
    reason = django_tables2.Column(lazy("Why it was refused"), attrs={"td": {"class": "wide"}})
    address = django_tables2.Column(lazy("Network address"))
    count = django_tables2.Column(lazy("Tries"), attrs=NUMBER)
    first_at = django_tables2.Column(lazy("First"), attrs=NUMBER)
    last_at = django_tables2.Column(lazy("Last"), attrs=NUMBER)
    what_now = django_tables2.Column(
        lazy("What now"), accessor="pk", orderable=False, exclude_from_export=True, attrs={"td": {"class": "wide"}}
    )

    def __init__(self, *args: Any, known: dict[str, Station], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known

    def render_identity(self, record: Knock) -> SafeString:
        station = self.known.get(record.identity)
        if station is None:
            return format_html("<code>{}</code>", record.identity)
        alias = station.alias or station.location.name
        return format_html(
            '<a href="{}"><code>{}</code></a><span class="sub">{}</span>', station.get_absolute_url(), record.identity, alias
        )

    def value_identity(self, record: Knock) -> str:
        return record.identity

    def render_reason(self, record: Knock) -> SafeString:
        said, more = self.words(record)
        return format_html('{}<span class="sub">{}</span>', said, more)

    def value_reason(self, record: Knock) -> str:
        said, _more = self.words(record)
        return said

    def words(self, record: Knock) -> tuple[str, str]:
        """Why, and what is known beside."""
        if record.identity not in self.known:
            return _("No station with this id was added."), _("The password it offers can be kept.") if record.password_digest else ""
        if record.reason == Knock.Reason.UNKNOWN:
            return _("It was not added yet when it last tried."), ""
        if record.reason == Knock.Reason.PASSWORD:
            return _("It offers a wrong password."), _("It, or somebody else under its name.")
        if record.reason in CERTIFICATE_FAULTS:
            return str(CERTIFICATE_FAULTS[record.reason]), _("Its security profile wants a certificate of its own.")
        if record.reason == Knock.Reason.NO_TLS:
            return _("It comes without TLS."), _("Its security profile wants TLS.")
        return _("It is deactivated in this portal."), ""

    def render_first_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_first_at(self, record: Knock) -> str:
        return record.first_at.isoformat(timespec="seconds")

    def render_last_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_last_at(self, record: Knock) -> str:
        return record.last_at.isoformat(timespec="seconds")

    def render_what_now(self, record: Knock) -> SafeString:
        station = self.known.get(record.identity)
        if station is None:
            url, label, look = f"{reverse('stations_add')}?identity={quote(record.identity, safe='')}", _("Add this station"), "btn-primary"
        elif record.reason == Knock.Reason.PASSWORD:
            url, label, look = reverse("station_password", args=[station.pk]), _("Renew its password"), ""
        elif record.reason == Knock.Reason.DEACTIVATED:
            url, label, look = reverse("station_edit", args=[station.pk]), _("Let it in again"), ""
        elif record.reason in CERTIFICATE_FAULTS or record.reason == Knock.Reason.NO_TLS:
            url, label, look = reverse("station_security", args=[station.pk]), _("Look at its security"), ""
        else:
            url, label, look = station.get_absolute_url(), _("Open the station"), ""
        return format_html(
            '<span class="btn-list"><a class="btn btn-sm {}" href="{}">{}</a>'
            '<button type="submit" class="btn btn-sm" formaction="{}">{}</button></span>',
            look, url, label, reverse("knock_forget", args=[record.pk]), _("Forget"),
        )  # fmt: skip


def forget(request: HttpRequest, rows: Any) -> str:
    count = forget_knocks(actor=user_of(request), knocks=rows)
    return ngettext("%d entry is forgotten.", "%d entries are forgotten.", count) % count


class KnockList(ListPage):
    model = Knock
    table_class = KnockTable
    filterset_class = KnockFilter
    title = lazy("Knocking")
    intro = lazy(
        "Stations that tried to connect and were refused, the latest first. Add the ones that you know; each is let in with its next try. "
        "An entry says only what somebody sent: leave alone what you do not know."
    )
    export_name = "knocking"
    live = True
    empty_title = lazy("Nobody knocks.")
    empty_text = lazy("A station that connects before it was added, or with a wrong password, appears here.")
    bulk_actions = (BulkAction("forget", lazy("Forget"), forget, icon="trash"),)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_knocks(request)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return Knock.objects.all()

    def table_kwargs(self) -> dict[str, Any]:
        return {"known": self.known}

    def breadcrumbs(self) -> list[tuple[str, str]]:
        return [(_("Stations"), reverse("stations"))]

    @property
    def known(self) -> dict[str, Station]:
        """The stations that bear these ids."""
        rows = Station.objects.visible_to(self.request.user).filter(identity__in=Knock.objects.order_by().values("identity"))
        return {station.identity: station for station in rows.select_related("location")}


@require_POST
def knock_forget(request: HttpRequest, pk: int) -> HttpResponse:
    check_knocks(request)
    knock = get_object_or_404(Knock, pk=pk)
    forget_knocks(actor=user_of(request), knocks=Knock.objects.filter(pk=pk))
    messages.success(request, _("%s is forgotten. Should it knock again, it is listed again.") % knock.identity)
    return redirect("knocking")
