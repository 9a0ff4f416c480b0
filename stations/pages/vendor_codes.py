"""The dictionary of vendor codes: what the error codes of a make mean, and what to do."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions
from stations.controls import CONTROLS
from stations.models import VendorCode
from tenancy.forms import ParentChoice, choose_among
from tenancy.links import link, organization_link
from tenancy.models import Organization
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_STATIONS, Missing, anywhere, get_for, may
from ui.forms import confirm_page, form_page, next_url
from ui.lists import Action, ListPage, Table

REMEDIES = ("unlock", "reset-soft", "reset-hard", "inoperative", "clear-cache")
PREFILLED = {"vendor": 50, "model": 50, "code": 50}


class VendorCodeForm(forms.ModelForm):  # type: ignore[type-arg]
    remedy = forms.ChoiceField(
        label=lazy("Button to offer"), required=False, choices=[("", lazy("None")), *((slug, CONTROLS[slug].label) for slug in REMEDIES)]
    )

    class Meta:
        model = VendorCode
        fields = ("organization", "vendor", "model", "code", "meaning", "cause", "try_this", "remedy", "call", "below")
        field_classes = {"organization": ParentChoice}
        widgets = {name: forms.Textarea(attrs={"rows": 2}) for name in ("meaning", "cause", "try_this")}

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"spellcheck": "false", "class": "font-monospace"}
        if self.instance.pk:
            del self.fields["organization"]
            return
        field = choose_among(self, user, Organization.objects.visible_to(user, MANAGE_STATIONS))
        field.empty_label = _("Choose one")
        field.help_text = lazy("It keeps the explanation; nearer ones speak before those further up.")


class VendorCodeFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Code, make, meaning"), method="named", max_length=100)

    class Meta:
        model = VendorCode
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[VendorCode], name: str, value: str) -> QuerySet[VendorCode]:
        for word in value.replace("\x00", "").split()[:6]:
            places = ("code", "vendor", "model", "meaning")
            found = Q()
            for place in places:
                found |= Q(**{f"{place}__icontains": word})
            rows = rows.filter(found)
        return rows


class VendorCodeTable(Table):
    code = django_tables2.Column(lazy("Code"))
    vendor = django_tables2.Column(lazy("Make"), order_by=("vendor", "model"))
    meaning = django_tables2.Column(lazy("What it means"), attrs={"td": {"class": "long-text"}})
    try_this = django_tables2.Column(lazy("What to try"), attrs={"td": {"class": "long-text"}})
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name")

    class Meta(Table.Meta):
        default = "–"

    def render_code(self, record: VendorCode) -> SafeString:
        if not may(self.request.user, MANAGE_STATIONS, record):
            return format_html("<code>{}</code>", record.code)
        return format_html('<a href="{}"><code>{}</code></a>', link("vendor_code_edit", record.pk), record.code)

    def value_code(self, record: VendorCode) -> str:
        return record.code

    def render_vendor(self, record: VendorCode) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', record.vendor, record.model or _("all models"))

    def value_vendor(self, record: VendorCode) -> str:
        return f"{record.vendor} {record.model}".strip()

    def render_organization(self, record: VendorCode) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: VendorCode) -> str:
        return record.organization.name


class VendorCodeList(ListPage):
    model = VendorCode
    table_class = VendorCodeTable
    filterset_class = VendorCodeFilter
    title = lazy("Vendor codes")
    intro = lazy("What the error codes of a make mean. Wherever a station reports one, its explanation stands beside it.")
    export_name = "vendor-codes"
    empty_title = lazy("No vendor codes are explained yet.")
    empty_text = lazy("Add one from the manual of the make, or with “Explain this code” where a station reports one.")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Operations"), link("operations"))]

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Explain a code"), link("vendor_code_add"), icon="plus")] if anywhere(self.request.user, MANAGE_STATIONS) else []

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


TRAIL = ((lazy("Operations"), "operations"), (lazy("Vendor codes"), "vendor_codes"))


def _trail() -> list[tuple[Any, str]]:
    return [(label, link(page)) for label, page in TRAIL]


def add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, MANAGE_STATIONS):
        raise Missing(MANAGE_STATIONS)
    initial: dict[str, Any] = {name: request.GET.get(name, "").replace("\x00", "")[:most] for name, most in PREFILLED.items()}
    wanted = request.GET.get("organization", "")
    if wanted.isdecimal() and len(wanted) < 19:
        initial["organization"] = Organization.objects.visible_to(user, MANAGE_STATIONS).filter(pk=wanted).first()
    back = next_url(request, link("vendor_codes"))

    def save(values: dict[str, Any]) -> VendorCode:
        organization = get_for(user, Organization.objects.all(), MANAGE_STATIONS, pk=values.pop("organization").pk)
        return actions.create_vendor_code(actor=user, organization=organization, **values)

    return form_page(
        request, VendorCodeForm(request.POST or None, initial=initial, user=user), save, title=_("Explain a vendor code"),
        submit_label=_("Save"), cancel_url=back, done=_("The code is explained."), done_url=back, breadcrumbs=_trail(),
        intro=_("A * stands for anything: E1* is every code that begins so."),
    )  # fmt: skip


def code_of(request: HttpRequest, pk: int) -> VendorCode:
    return get_for(request.user, VendorCode.objects.select_related("organization"), MANAGE_STATIONS, pk=pk)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = code_of(request, pk)
    user, back = user_of(request), next_url(request, link("vendor_codes"))
    return form_page(
        request, VendorCodeForm(request.POST or None, instance=copy.copy(row), user=user),
        lambda values: actions.edit_vendor_code(actor=user, vendor_code=row, **values), title=_("Vendor code %s") % row.code,
        submit_label=_("Save"), cancel_url=back, done=_("Saved."), done_url=back, breadcrumbs=_trail(),
        template="stations/vendor_code_form.html", context={"delete_url": link("vendor_code_delete", pk)},
    )  # fmt: skip


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = code_of(request, pk)
    return confirm_page(
        request, lambda: actions.delete_vendor_code(actor=user_of(request), vendor_code=row), title=_("Delete the code %s?") % row,
        consequences=[_("Stations that report it show the bare code again.")], submit_label=_("Delete the code"),
        cancel_url=link("vendor_code_edit", pk), done=_("The code is deleted."), done_url=link("vendor_codes"), breadcrumbs=_trail(),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("vendor-codes/", VendorCodeList.as_view(), name="vendor_codes"),
    path("vendor-codes/add/", add, name="vendor_code_add"),
    path("vendor-codes/<int:pk>/edit/", edit, name="vendor_code_edit"),
    path("vendor-codes/<int:pk>/delete/", delete, name="vendor_code_delete"),
]
