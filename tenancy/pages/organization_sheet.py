"""The page of an organization: its tabs, each a form of its own that saves its own fields."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import formats
from django.utils.translation import gettext as _

from tenancy import actions, brand, hooks
from tenancy.forms import AccessForm, AddressForm, CompensationForm, InvoiceForm, LookForm
from tenancy.history import last_change
from tenancy.inheritance import Inherited, chain, inherited
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.organizations import trail
from tenancy.pages.shared import MANY, user_of
from tenancy.personal import MASK, sees
from tenancy.rights import (
    CLOSE_ORGANIZATIONS,
    LET_IN,
    MANAGE_INVOICE_DATA,
    MANAGE_ORGANIZATIONS,
    MANAGE_RATES,
    PERSONAL_DATA,
    READ,
    READ_AUDIT,
    READ_MONEY,
    UPDATE_USER_ROLES,
    get_for,
    holds,
)
from tenancy.validation import show_phone
from ui.forms import form_page
from ui.lists import Action


class Tab(NamedTuple):
    """`right` is what one needs at the organization to see it."""

    name: str
    label: Any
    route: str
    right: str = READ


def own_tabs() -> list[Tab]:
    return [
        Tab("overview", _("Overview"), "organization"),
        Tab("address", _("Address & contact"), "organization_edit", MANAGE_ORGANIZATIONS),
        Tab("invoice", _("Invoice data"), "organization_invoice", MANAGE_INVOICE_DATA),
        Tab("compensation", _("Compensation"), "organization_compensation", READ_MONEY),
        Tab("look", _("Look"), "organization_look", MANAGE_ORGANIZATIONS),
        Tab("access", _("Logging in"), "organization_access", MANAGE_ORGANIZATIONS),
        Tab("service", _("Service companies"), "accesses", LET_IN),
        Tab("history", _("History"), "organization_history", READ_AUDIT),
    ]


def tabs(request: HttpRequest, organization: Organization, active: str) -> list[tuple[Any, str, bool, None]]:
    """Those that this person may open; `hooks.organization_tabs` adds to them."""
    user = user_of(request)
    found = [(tab.name, tab.label, link(tab.route, organization.pk)) for tab in own_tabs() if holds(user, tab.right, organization.path)]
    for more in hooks.organization_tabs:
        found += more(request, organization)
    return [(label, url, name == active, None) for name, label, url in found]


def sheet(request: HttpRequest, organization: Organization, active: str) -> dict[str, Any]:
    """What every tab shows: where it hangs, its state, and what can be done."""
    user = user_of(request)
    return {
        "title": organization.name,
        "organization": organization,
        "organization_state": state_of(user, organization),
        "breadcrumbs": trail(user, organization),
        "actions": list(head(user, organization)),
        "tabs": tabs(request, organization, active),
    }


def state_of(user: User, organization: Organization) -> tuple[str, str, str]:
    """Dot, word and sentence."""
    if not organization.active:
        return "off", _("Deactivated"), _("Its people, and those of everything below, can do nothing here. Stations go on charging.")
    if organization.closed:
        return "off", _("Closed"), _("An organization above it is deactivated: its people can do nothing here. Stations go on charging.")
    return "available", _("Active"), ""


def head(user: User, organization: Organization) -> Iterable[Action]:
    pk, above = organization.pk, organization.parent
    yield Action(_("Look only at this"), link("stations", **{"in": f"o{pk}"}), icon="filter")
    if holds(user, MANAGE_ORGANIZATIONS, organization.path):
        yield Action(_("Add one below"), link("organization_add", parent=str(pk)), icon="plus")
        if above is not None and holds(user, MANAGE_ORGANIZATIONS, above.path):
            yield Action(_("Move"), link("organization_move", pk), icon="arrows-move")
    if above is not None and holds(user, CLOSE_ORGANIZATIONS, organization.path):
        if organization.active:
            yield Action(_("Deactivate"), link("organization_deactivate", pk), icon="ban")
        else:
            yield Action(_("Activate"), link("organization_activate", pk), icon="circle-check")
        yield Action(_("Delete"), link("organization_delete", pk), icon="trash")


def organization_of(request: HttpRequest, pk: int, right: str = "") -> Organization:
    return get_for(user_of(request), Organization.objects.select_related("parent"), right, pk=pk)


def organization(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = organization_of(request, pk)
    children = list(Organization.objects.visible_to(user).filter(parent=found)[: MANY + 1])
    people = User.objects.visible_to(user).filter(organization=found).exclude(email=None)
    shown = list(people[: MANY + 1])
    seen = sees(user, found)
    contact = (found.contact_name, found.email, show_phone(found.phone))
    context = sheet(request, found, "overview") | {
        "contacts": [contact if seen else (MASK, "", "")] if any(contact) else [],
        "children": children[:MANY],
        "all_children_url": link("organizations", **{"in": f"o{found.pk}"}) if len(children) > MANY else "",
        "people": [(str(one) if sees(user, one) else MASK, one.get_absolute_url()) for one in shown[:MANY]],
        "guests": list(guests(user, found)),
        "more_people": people.count() - MANY if len(shown) > MANY else 0,
        "parts": [part(request, found) for part in hooks.organization_parts],
    }
    return render(request, "tenancy/organization.html", context)


def guests(user: User, found: Organization) -> Iterable[tuple[str, str]]:
    """(name, URL) of people who belong elsewhere and hold a role here, for those who see roles."""
    if holds(user, UPDATE_USER_ROLES, found.path):
        holding = User.objects.filter(groups__team__organization=found).exclude(organization__path__startswith=found.path).distinct()
        named = holds(user, PERSONAL_DATA, found.path)
        for one in holding.select_related("organization")[:MANY]:
            yield str(one) if named or sees(user, one) else MASK, link("user_roles", one.pk)


def tab_form(
    request: HttpRequest, found: Organization, active: str, form: forms.BaseForm, save: Any = None, **context: Any
) -> HttpResponse:
    """A tab that is a form: it saves its own fields and stays there."""
    user = user_of(request)
    context = sheet(request, found, active) | context
    return form_page(
        request, form, save or (lambda values: actions.edit_organization(actor=user, organization=found, **values)),
        title=found.name, submit_label=_("Save"), cancel_url="", done=_("Saved."), done_url=request.get_full_path(),
        latest=last_change(user, found),
        breadcrumbs=context["breadcrumbs"], template="tenancy/organization_form.html", context=context,
    )  # fmt: skip


def address(request: HttpRequest, pk: int) -> HttpResponse:
    found = organization_of(request, pk, MANAGE_ORGANIZATIONS)
    form = AddressForm(request.POST or None, instance=copy.copy(found), user=user_of(request), sees_contact=sees(request.user, found))
    return tab_form(request, found, "address", form)


def invoice(request: HttpRequest, pk: int) -> HttpResponse:
    found = organization_of(request, pk, MANAGE_INVOICE_DATA)
    return tab_form(request, found, "invoice", InvoiceForm(request.POST or None, instance=copy.copy(found), user=user_of(request)))


def access(request: HttpRequest, pk: int) -> HttpResponse:
    found = organization_of(request, pk, MANAGE_ORGANIZATIONS)
    source = inherited(chain(found.path)[1:], "require_two_factor").source
    intro = _("Required already by %s.") % source_name(user_of(request), source) if source else ""
    return tab_form(request, found, "access", AccessForm(request.POST or None, instance=copy.copy(found)), intro=intro)


def source_name(user: User, source: Organization | None) -> str:
    """What stands above one's own organization is not one's business."""
    return str(source) if source is None or holds(user, READ, source.path) else _("an organization above")


def money(value: Decimal | None) -> str:
    """Two digits after the point, more where there are more."""
    if value is None:
        return "–"
    digits = -int(value.normalize().as_tuple().exponent)
    return formats.number_format(value, max(2, digits))


def in_force(user: User, found: Organization, name: str, nearest_first: list[Organization]) -> str:
    """The compensation that counts, and where it comes from: "0.23 from Lumen Installers"."""
    value, source = inherited_amount(nearest_first, name)
    if source is None:
        return _("Nothing: neither here nor above is an amount entered.")
    words = {"amount": f"{money(value)} EUR", "source": source_name(user, source)}
    return _("%(amount)s, own amount") % words if source.pk == found.pk else _("%(amount)s from %(source)s") % words


def inherited_amount(nearest_first: list[Organization], name: str) -> Inherited:
    """Zero is an amount too."""
    return next((Inherited(value, row) for row in nearest_first if (value := getattr(row, name)) is not None), Inherited(None, None))


def compensation(request: HttpRequest, pk: int) -> HttpResponse:
    found = organization_of(request, pk, READ_MONEY)
    if request.method == "POST":
        found = organization_of(request, pk, MANAGE_RATES)
    user, above = user_of(request), chain(found.path)
    labels = (("compensation_ac", _("AC, per kWh")), ("compensation_dc", _("DC, per kWh")))
    facts = [(label, in_force(user, found, name, above)) for name, label in labels]
    form = CompensationForm(request.POST or None, instance=copy.copy(found))
    read_only = "" if holds(user, MANAGE_RATES, found.path) else _("To change it you need the right to change rates.")
    return tab_form(
        request, found, "compensation", form, facts=facts, read_only=read_only,
        intro=_("What this organization gets for a kWh that others charge at its stations. In force now:"),
    )  # fmt: skip


def look(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), organization_of(request, pk, MANAGE_ORGANIZATIONS)
    above = chain(found.path)
    own = getattr(above[0], "logo", None)
    form = LookForm(request.POST or None, request.FILES or None, instance=copy.copy(found), has_logo=own is not None)

    @transaction.atomic
    def save(values: dict[str, Any]) -> None:
        logo, remove = values.pop("logo", None), values.pop("remove_logo", False)
        actions.edit_organization(actor=user, organization=found, **values)
        if logo is not None or remove:
            actions.set_logo(actor=user, organization=found, picture=logo)

    return tab_form(request, found, "look", form, save, preview=preview(user, found, above))


def preview(user: User, found: Organization, nearest_first: list[Organization]) -> dict[str, Any]:
    """How everybody of it and below sees the portal now."""
    logo = next((row for row in nearest_first if hasattr(row, "logo")), None)
    colour = inherited(nearest_first, "colour")

    def origin(source: Organization | None) -> str:
        if source is None:
            return _("that of Energy Cloud")
        return _("its own") if source.pk == found.pk else _("from %s") % source_name(user, source)

    named = logo or colour.source
    return {
        "name": named.name if named else "Energy Cloud",
        "logo_url": brand.logo_url(logo.pk, logo.logo.digest) if logo else "",
        "css_url": brand.css_url(colour.source.pk, colour.value, "-preview") if colour.source else "",
        "logo_from": origin(logo),
        "name_from": origin(named),
        "colour_from": origin(colour.source),
    }


urlpatterns: list[URLPattern] = [
    path("organizations/<int:pk>/", organization, name="organization"),
    path("organizations/<int:pk>/edit/", address, name="organization_edit"),
    path("organizations/<int:pk>/invoice/", invoice, name="organization_invoice"),
    path("organizations/<int:pk>/compensation/", compensation, name="organization_compensation"),
    path("organizations/<int:pk>/look/", look, name="organization_look"),
    path("organizations/<int:pk>/logging-in/", access, name="organization_access"),
]
