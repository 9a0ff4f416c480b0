"""Adding a pass and changing one."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from passes import actions
from passes.forms import PassForm, only_looked, taken, unchecked
from passes.models import ChargePass, normalize_uid
from passes.pages.sheet import crumbs, name_of, pass_of, warnings_of
from passes.uid_check import look
from stations.forms import Part
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import number_of, user_of
from tenancy.personal import sees
from tenancy.rights import MANAGE_PASSES, Missing, anywhere, get_for
from ui.edits import DRAWN, Edit
from ui.forms import form_page, next_url

NO_FIELDS = ("find_user", "keep_uid", "keep_public")  # of the form alone


def pass_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, MANAGE_PASSES):
        raise Missing(MANAGE_PASSES)
    form = PassForm(taken(request.POST) if request.method == "POST" else None, initial=proposed(request), user=user)

    def save(values: dict[str, Any]) -> ChargePass:
        owner = get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values.pop("organization").pk)
        return actions.create_pass(actor=user, organization=owner, **fields_of(values))

    return _page(
        request, form, lambda values: warned(request, save(values)), title=_("Add a pass"), submit_label=_("Add"),
        cancel_url=next_url(request, link("passes")), done=_("Pass added."),
        done_url=lambda made: next_url(request, made.get_absolute_url()),
        breadcrumbs=[(_("Passes"), link("passes"))],
    )  # fmt: skip


def proposed(request: HttpRequest) -> dict[str, Any]:
    """What the address says of the new pass: the card, and whose it is."""
    user = user_of(request)
    found: dict[str, Any] = {"uid": request.GET.get("uid", "")[:60], "whitelist": True}
    drill = request.drill  # type: ignore[attr-defined]
    if key := number_of(request, "user"):
        holder = get_for(user, User.objects.select_related("organization"), pk=key)
        found |= {"user": holder.pk, "organization": holder.organization_id}
    elif key := number_of(request, "organization"):  # at whose station the card was learned
        found["organization"] = key
    elif drill:
        found["organization"] = drill.organization.pk
    elif user.organization.parent_id is not None:  # a pass of the platform is on its list alone, so nobody gets that by default
        found["organization"] = user.organization_id
    if found["uid"] and (place := _place(user, found.get("organization"))):
        uid = normalize_uid(found["uid"])
        if uid and look(user, place, uid).public:  # most of these are to be settled
            found |= {"kind": ChargePass.Kind.PUBLIC, "whitelist": False}
    return found


def _place(user: User, key: int | None) -> Organization | None:
    return Organization.objects.visible_to(user, MANAGE_PASSES).filter(pk=key).first() if key else None


def fields_of(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in NO_FIELDS}


def pass_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    form = PassForm(taken(request.POST) if request.method == "POST" else None, instance=copy.copy(found), user=user)
    masked = "" if sees(user, found) else _("Your role does not show names and card numbers here, so they cannot be changed.")

    def save(values: dict[str, Any]) -> ChargePass:
        if "kind" in values and values["kind"] == ChargePass.Kind.NON_PUBLIC and found.listings.filter(roaming_free=True).exists():
            said = _("The pass is roaming free at an organization, and that is for public cards. Switch it off on the tab Lists first.")
            raise forms.ValidationError({"kind": said})
        return warned(request, actions.edit_pass(actor=user, charge_pass=found, **fields_of(values)))

    here = link("pass", pk)
    back = next_url(request, here)
    return _page(
        request, form, save, title=_("Edit %s") % name_of(user, found), submit_label=_("Save"), cancel_url=back, done=_("Saved."),
        done_url=back, breadcrumbs=[*crumbs(found), (name_of(user, found), here)], intro=masked, latest=last_change(user, found),
    )  # fmt: skip


def warned(request: HttpRequest, charge_pass: ChargePass) -> ChargePass:
    for warning in warnings_of(charge_pass, charge_pass.listings.all()):
        messages.warning(request, warning)
    return charge_pass


def _page(request: HttpRequest, form: PassForm, save: Any, **options: Any) -> HttpResponse:
    looked = request.method == "POST" and only_looked(request.POST)
    if looked:  # nothing is checked yet, and nothing that was typed is lost
        edit = Edit.of(form)
        unchecked(form)
        shown = {name: options[name] for name in ("title", "submit_label", "cancel_url", "breadcrumbs")}
        drawn = request.POST.get(DRAWN, "") if edit else ""
        return render(request, "passes/pass_form.html", {**shown, "form": form, "parts": _parts(form), "drawn": drawn})
    return form_page(request, form, save, template="passes/pass_form.html", context={"parts": _parts(form)}, **options)


def _parts(form: PassForm) -> list[Part]:
    return Part.of(form, form.parts)


urlpatterns: list[URLPattern] = [
    path("passes/add/", pass_add, name="pass_add"),
    path("passes/<int:pk>/edit/", pass_edit, name="pass_edit"),
]
