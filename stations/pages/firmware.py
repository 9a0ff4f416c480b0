"""The library of firmware files, and the list of all updates."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions, firmware_signature
from stations.file_forms import FirmwareForm, SignatureForm
from stations.firmware import update_row
from stations.models import FirmwareFile, FirmwareUpdate
from stations.pages.station_files import attached
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization
from tenancy.pages.organizations import proposed
from tenancy.pages.shared import NAME, NUMBER, user_of
from tenancy.personal import person
from tenancy.rights import READ, UPDATE_FIRMWARE, Missing, anywhere, get_for, holds, may
from ui.forms import Trail, confirm_page, form_page
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import grouped, state, when

# -- the library ---------------------------------------------------------------------------------------------------------------------------


class FirmwareFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Make, model or version"), method="named", max_length=60)
    offered = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="in_state", choices=[("yes", lazy("Offered")), ("no", lazy("Retired"))]
    )

    class Meta:
        model = FirmwareFile
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(vendor__icontains=text) | Q(model__icontains=text) | Q(version__icontains=text))

    def in_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(retired_at__isnull=value == "yes")


class FirmwareTable(Table):
    version = django_tables2.Column(lazy("Firmware"), attrs=NAME)
    made_for = django_tables2.Column(lazy("For"), accessor="vendor", order_by=("vendor", "model"), attrs=NAME)
    size = django_tables2.Column(lazy("Size"), attrs=NUMBER)
    state = django_tables2.Column(lazy("State"), accessor="retired_at", empty_values=(), orderable=False)
    used = django_tables2.Column(lazy("Updates"), attrs=NUMBER)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    created_at = django_tables2.Column(lazy("Added"))

    def render_version(self, record: FirmwareFile) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record.version, record.file_name)

    def value_version(self, record: FirmwareFile) -> str:
        return record.version

    def render_made_for(self, record: FirmwareFile) -> str:
        return f"{record.vendor} {record.model}"

    def render_size(self, value: int) -> str:
        return filesizeformat(value)

    def value_size(self, value: int) -> int:
        return value

    def render_state(self, record: FirmwareFile) -> SafeString:
        return state(*state_of(record))

    def value_state(self, record: FirmwareFile) -> str:
        return state_of(record)[1]

    def render_used(self, value: int) -> str:
        return grouped(value)

    def render_organization(self, record: FirmwareFile) -> SafeString | str:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: FirmwareFile) -> str:
        return record.organization.name

    def render_created_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_created_at(self, record: FirmwareFile) -> str:
        return record.created_at.isoformat(timespec="seconds")


def state_of(file: FirmwareFile) -> tuple[str, str]:
    return ("off", _("Retired")) if file.retired_at else ("available", _("Offered"))


class FirmwareList(ListPage):
    model = FirmwareFile
    table_class = FirmwareTable
    filterset_class = FirmwareFilter
    title = lazy("Firmware")
    intro = lazy("Files for stations. A station is offered only those that fit the make and model it tells of itself.")
    export_name = "firmware"
    empty_title = lazy("No firmware yet.")
    empty_text = lazy("Makers give firmware as a file. Added here once, it can be planned for every station that it fits.")

    def get_queryset(self) -> QuerySet[Any]:
        # Of a file that is shared from above one learns how often it was used where one may see that, not elsewhere
        seen = FirmwareUpdate.objects.visible_to(self.request.user).filter(firmware=OuterRef("pk"))
        count = seen.order_by().values("firmware").annotate(n=Count("pk")).values("n")
        rows: QuerySet[Any] = super().get_queryset().annotate(used=Coalesce(Subquery(count), 0))
        return rows

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        add = [Action(_("Add firmware"), link("firmware_add"), icon="plus")] if anywhere(self.request.user, UPDATE_FIRMWARE) else []
        return [*add, Action(_("All updates"), link("firmware_updates"), icon="list")]

    def get_empty_action(self) -> Action | None:
        return self.get_actions()[0] if len(self.get_actions()) > 1 else None


def trail() -> Trail:
    return [(_("Firmware"), link("firmware_files"))]


def firmware_of(request: HttpRequest, pk: int, right: str = READ) -> FirmwareFile:
    return get_for(request.user, FirmwareFile.objects.select_related("organization", "created_by"), right, pk=pk)


def firmware_file(request: HttpRequest, pk: int) -> HttpResponse:
    file = firmware_of(request, pk)
    context = {
        "title": str(file), "file": file, "breadcrumbs": trail(), "state": state_of(file),
        "organization_link": organization_link(user_of(request), file.organization),
        "who": person(user_of(request), file.created_by, file.organization.path) or _("the portal"),
        "may_change": may(request.user, UPDATE_FIRMWARE, file), "stays": actions.why_firmware_stays(file),
        "used": FirmwareUpdate.objects.visible_to(request.user).filter(firmware=file).count(),
        "updates_url": link("firmware_updates", firmware=str(pk)), "edit_url": link("firmware_edit", pk),
        "signed_by": firmware_signature.subject(file.signing_certificate) if file.signed else "", "sign_url": link("firmware_sign", pk),
        "download_url": link("firmware_download", pk), "retire_url": link("firmware_retire", pk), "delete_url": link("firmware_delete", pk),
    }  # fmt: skip
    return render(request, "stations/firmware_file.html", context)


def firmware_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, UPDATE_FIRMWARE):
        raise Missing(UPDATE_FIRMWARE)
    chosen = proposed(request, "organization", UPDATE_FIRMWARE)
    initial = {"organization": chosen.pk} if holds(user, UPDATE_FIRMWARE, chosen.path) else {}
    form = FirmwareForm(request.POST or None, request.FILES or None, user=user, initial=initial)

    def save(values: dict[str, Any]) -> FirmwareFile:
        owner = get_for(user, Organization.objects.all(), UPDATE_FIRMWARE, pk=values.pop("organization").pk)
        return actions.add_firmware(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add firmware"), submit_label=_("Add firmware"), cancel_url=link("firmware_files"),
        done=_("Added. Stations that it fits can get it now, from their tab “Firmware and logs” or many at once."),
        done_url=lambda made: link("firmware_file", made.pk), breadcrumbs=trail(),
        intro=_("Make and model are compared with what stations tell of themselves; the head of a station's page shows both."),
    )  # fmt: skip


def firmware_edit(request: HttpRequest, pk: int) -> HttpResponse:
    file, user = firmware_of(request, pk, UPDATE_FIRMWARE), user_of(request)
    form = FirmwareForm(request.POST or None, instance=copy.copy(file), user=user)
    return form_page(
        request, form, lambda values: actions.edit_firmware(actor=user, firmware=file, **values), title=_("Edit %s") % file,
        submit_label=_("Save"), cancel_url=link("firmware_file", pk), done=_("Saved."), done_url=link("firmware_file", pk),
        breadcrumbs=[*trail(), (str(file), link("firmware_file", pk))], latest=last_change(user, file),
    )  # fmt: skip


def firmware_sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Its signature: added later, changed or taken away."""
    file, user, here = firmware_of(request, pk, UPDATE_FIRMWARE), user_of(request), link("firmware_file", pk)
    form = SignatureForm(request.POST or None, request.FILES or None)
    intro = _("The portal checks that the signature fits the file and the certificate. Stations that can check it too get both.")
    if file.signed:
        intro = f"{intro} {_('With neither of the two chosen the signature that it has is taken away.')}"
    return form_page(
        request, form, lambda values: actions.sign_firmware(actor=user, firmware=file, **values), title=_("Signature of %s") % file,
        submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here, breadcrumbs=[*trail(), (str(file), here)], intro=intro,
    )  # fmt: skip


def firmware_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = firmware_of(request, pk, UPDATE_FIRMWARE)
    return attached(request, file.file, file.file_name)


def firmware_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer it no more, or again."""
    file, here = firmware_of(request, pk, UPDATE_FIRMWARE), link("firmware_file", pk)
    retired = file.retired_at is None
    told = [_("It is offered to no station any more. What is planned with it goes on.")] if retired else [
        _("It is offered again to the stations that it fits.")
    ]  # fmt: skip
    return confirm_page(
        request, lambda: actions.retire_firmware(actor=user_of(request), firmware=file, retired=retired),
        title=(_("Retire %s?") if retired else _("Offer %s again?")) % file, consequences=told,
        submit_label=_("Retire") if retired else _("Offer again"), submit_class="btn-primary", cancel_url=here,
        done=_("Retired.") if retired else _("Offered again."), done_url=here, breadcrumbs=[*trail(), (str(file), here)],
    )  # fmt: skip


def firmware_delete(request: HttpRequest, pk: int) -> HttpResponse:
    file, here = firmware_of(request, pk, UPDATE_FIRMWARE), link("firmware_file", pk)
    return confirm_page(
        request, lambda: actions.delete_firmware(actor=user_of(request), firmware=file), title=_("Delete %s?") % file,
        consequences=[_("The file is gone from the portal. No station has got it.")], refusal=actions.why_firmware_stays(file),
        submit_label=_("Delete firmware"), cancel_url=here, done=_("Deleted."), done_url=link("firmware_files"),
        breadcrumbs=[*trail(), (str(file), here)],
    )  # fmt: skip


# -- all updates ---------------------------------------------------------------------------------------------------------------------------


class UpdateFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Station, or version"), method="named", max_length=60)
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="in_state",
        choices=[("open", lazy("Planned or under way")), *FirmwareUpdate.State.choices],
    )  # fmt: skip
    why = django_filters.ChoiceFilter(label=lazy("Why"), empty_label=lazy("Any"), choices=FirmwareUpdate.Why.choices)
    firmware = django_filters.ModelChoiceFilter(
        label=lazy("File"), empty_label=lazy("Any"), queryset=lambda request: FirmwareFile.objects.visible_to(request.user)
    )

    class Meta:
        model = FirmwareUpdate
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(station__identity__icontains=text) | Q(station__alias__icontains=text) | Q(firmware__version__icontains=text))

    def in_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(state__in=FirmwareUpdate.OPEN if value == "open" else [value])


class UpdateTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="station__identity", attrs=NAME)
    state = django_tables2.Column(lazy("State"), attrs=NAME)
    version = django_tables2.Column(lazy("Version"), accessor="firmware__version", attrs=NAME)
    why = django_tables2.Column(lazy("Why"), attrs=NAME)
    window_from = django_tables2.Column(lazy("Window"))
    state_at = django_tables2.Column(lazy("Latest news"))
    created_at = django_tables2.Column(lazy("Planned"))

    def render_station(self, record: FirmwareUpdate) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>', link("station_files", record.station_id), record.station,
            record.station.location,
        )  # fmt: skip

    def value_station(self, record: FirmwareUpdate) -> str:
        return record.station.identity

    def render_state(self, record: FirmwareUpdate) -> SafeString:
        row = update_row(record, self.request.user)
        return format_html('{}<span class="sub">{}</span>', state(row.state, str(row.word)), row.text)

    def value_state(self, record: FirmwareUpdate) -> str:
        row = update_row(record, self.request.user)
        return f"{row.word} {row.text}".strip()

    def render_version(self, record: FirmwareUpdate) -> SafeString:
        had = _("instead of %s") % record.before if record.before else ""
        return format_html('{}<span class="sub">{}</span>', record.firmware.version, had)

    def value_version(self, record: FirmwareUpdate) -> str:
        return record.firmware.version

    def render_why(self, record: FirmwareUpdate) -> SafeString:
        row = update_row(record, self.request.user)
        return format_html('{}<span class="sub">{} · {}</span>', record.get_why_display(), row.asked_for_by, record.reason)

    def value_why(self, record: FirmwareUpdate) -> str:
        row = update_row(record, self.request.user)
        return f"{record.get_why_display()}: {row.asked_for_by}, {record.reason}"

    def render_window_from(self, record: FirmwareUpdate) -> SafeString:
        zone = record.station.location.zone
        begin, end = (moment.astimezone(zone) for moment in (record.window_from, record.window_until))
        until = (
            f"{end:%H:%M}"
            if begin.date() == end.date()
            else f"{date_format(end, 'j M' if begin.year == end.year else 'j M Y')} {end:%H:%M}"
        )
        return format_html('{}<span class="sub">{}</span>', when(record.window_from, zone), _("until %s") % until)

    def value_window_from(self, record: FirmwareUpdate) -> str:
        return record.window_from.astimezone(record.station.location.zone).isoformat(timespec="minutes")

    def render_state_at(self, record: FirmwareUpdate) -> SafeString | str:
        return when(record.state_at, record.station.location.zone)

    def value_state_at(self, record: FirmwareUpdate) -> str:
        return record.state_at.isoformat(timespec="seconds")

    def render_created_at(self, record: FirmwareUpdate) -> SafeString:
        row = update_row(record, self.request.user)
        return format_html('{}<span class="sub">{}</span>', when(record.created_at, record.station.location.zone), row.who)

    def value_created_at(self, record: FirmwareUpdate) -> str:
        return record.created_at.isoformat(timespec="seconds")


class UpdateList(ListPage):
    model = FirmwareUpdate
    table_class = UpdateTable
    filterset_class = UpdateFilter
    title = lazy("Firmware updates")
    intro = lazy("What was planned for which station, why, and how far it is.")
    export_name = "firmware-updates"
    live = True
    hidden_columns = ("created_at",)
    empty_title = lazy("No firmware update yet.")
    empty_text = lazy("An update is planned on the tab “Firmware and logs” of a station, or for many in the list of stations.")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("firmware", "created_by", "station__location__organization")

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Firmware files"), link("firmware_files"), icon="cpu")]

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return [(str(label), url) for label, url in trail()]


urlpatterns: list[URLPattern] = [
    path("firmware/", FirmwareList.as_view(), name="firmware_files"),
    path("firmware/add/", firmware_add, name="firmware_add"),
    path("firmware/updates/", UpdateList.as_view(), name="firmware_updates"),
    path("firmware/<int:pk>/", firmware_file, name="firmware_file"),
    path("firmware/<int:pk>/edit/", firmware_edit, name="firmware_edit"),
    path("firmware/<int:pk>/download/", firmware_download, name="firmware_download"),
    path("firmware/<int:pk>/signature/", firmware_sign, name="firmware_sign"),
    path("firmware/<int:pk>/retire/", firmware_retire, name="firmware_retire"),
    path("firmware/<int:pk>/delete/", firmware_delete, name="firmware_delete"),
]
