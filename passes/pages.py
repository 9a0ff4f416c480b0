"""Charge passes: the list of an organization, and each in a form."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import django_filters
import django_tables2
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.models import ChargePass, normalize_uid
from tenancy.models import Organization, User
from tenancy.rights import MANAGE_PASSES, get_for
from ui.forms import confirm_page, form_page
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def state_of(charge_pass: ChargePass) -> tuple[str, Any]:
    """Which of the six states, and its word."""
    if charge_pass.blocked:
        return "fault", lazy("Blocked")
    if charge_pass.valid_until and charge_pass.valid_until <= timezone.now():
        return "off", lazy("Expired")
    return "available", lazy("Valid")


class PassFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Nickname, UID or visible number"), method="named")
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="with_state",
        choices=[("valid", lazy("Valid")), ("blocked", lazy("Blocked")), ("expired", lazy("Expired"))],
    )  # fmt: skip

    class Meta:
        model = ChargePass
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        text = value.replace("\x00", "").strip()
        found = Q(nickname__icontains=text) | Q(visible_number__icontains=text)
        if uid := normalize_uid(text):
            found |= Q(uid__contains=uid)
        return rows.filter(found)

    def with_state(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        over = Q(valid_until__lte=timezone.now())
        match value:
            case "blocked":
                return rows.filter(blocked=True)
            case "expired":
                return rows.filter(over, blocked=False)
        return rows.exclude(over).filter(blocked=False)


class PassTable(Table):
    name = django_tables2.Column(lazy("Pass"), accessor="uid", order_by=("nickname", "uid"))
    uid = django_tables2.Column(lazy("UID"))
    visible_number = django_tables2.Column(lazy("Visible number"))
    organization = django_tables2.Column(lazy("On the list of"), accessor="organization__name")
    state = django_tables2.Column(lazy("State"), accessor="blocked", orderable=False)
    valid_until = django_tables2.Column(lazy("Valid until"), empty_values=())

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: ChargePass) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("pass_edit", args=[record.pk]), record)

    def value_name(self, record: ChargePass) -> str:
        return record.nickname

    def render_uid(self, record: ChargePass) -> SafeString:
        return format_html("<code>{}</code>", record.uid)

    def value_uid(self, record: ChargePass) -> str:
        return record.uid

    def render_organization(self, record: ChargePass) -> SafeString:
        return format_html('<a href="{}">{}</a>', record.organization.get_absolute_url(), record.organization)

    def value_organization(self, record: ChargePass) -> str:
        return record.organization.name

    def render_state(self, record: ChargePass) -> SafeString:
        name, word = state_of(record)
        return state(name, str(word))

    def value_state(self, record: ChargePass) -> str:
        return str(state_of(record)[1])

    def render_valid_until(self, record: ChargePass) -> SafeString | str:
        return when(record.valid_until) if record.valid_until else _("no end")

    def value_valid_until(self, record: ChargePass) -> str:
        return record.valid_until.isoformat(timespec="seconds") if record.valid_until else ""


def block(request: HttpRequest, rows: Any) -> str:
    return _set_blocked(request, rows, blocked=True)


def unblock(request: HttpRequest, rows: Any) -> str:
    return _set_blocked(request, rows, blocked=False)


def _set_blocked(request: HttpRequest, rows: Any, *, blocked: bool) -> str:
    count = 0
    for charge_pass in rows.visible_to(request.user, MANAGE_PASSES).filter(blocked=not blocked).select_related("organization"):
        actions.edit_pass(actor=user_of(request), charge_pass=charge_pass, blocked=blocked)
        count += 1
    if blocked:
        return ngettext("%d pass is blocked.", "%d passes are blocked.", count) % count
    return ngettext("%d pass may charge again.", "%d passes may charge again.", count) % count


def what_blocking_does(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.visible_to(request.user, MANAGE_PASSES).filter(blocked=False).count()
    return [ngettext("%d pass is refused from the next charge on.", "%d passes are refused from the next charge on.", count) % count]


class PassList(ListPage):
    model = ChargePass
    table_class = PassTable
    filterset_class = PassFilter
    title = lazy("Passes")
    intro = lazy(
        "A pass works at the whitelist stations of its organization and of everything below it; at open stations every card works."
    )
    export_name = "passes"
    empty_title = lazy("No passes yet.")
    empty_text = lazy("Add the cards of those who may charge. What the reader sends of a card is in the activity of the station.")
    bulk_actions = (
        BulkAction("block", lazy("Block"), block, what_blocking_does, icon="ban"),
        BulkAction("unblock", lazy("Unblock"), unblock, icon="circle-check"),
    )

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Add a pass"), scoped(self.request, "pass_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return Action(_("Add a pass"), scoped(self.request, "pass_add"), icon="plus")


def scoped(request: HttpRequest, name: str) -> str:
    scope = request.GET.get("in")
    return reverse(name) + (f"?{urlencode({'in': scope})}" if scope else "")


class PassForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ChargePass
        fields = ("organization", "uid", "nickname", "visible_number", "valid_until", "blocked")
        widgets = {"uid": forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false", "class": "font-monospace"})}

    valid_until = forms.DateTimeField(
        label=lazy("Valid until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=lazy("Empty: no end."),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["uid"].max_length = 60  # type: ignore[attr-defined]  # separators are taken out, and a printed number gets its own message
        self.fields["uid"].widget.attrs["maxlength"] = 60
        self.fields["uid"].validators = []
        if self.instance.pk:
            del self.fields["organization"]
        else:
            organization = self.fields["organization"]
            assert isinstance(organization, forms.ModelChoiceField)
            organization.queryset = Organization.objects.visible_to(user, MANAGE_PASSES)

    def clean_uid(self) -> str:
        return normalize_uid(self.cleaned_data["uid"])


def pass_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    drill = request.drill  # type: ignore[attr-defined]
    initial = {"organization": (drill.organization if drill else user.organization).pk, "uid": request.GET.get("uid", "")}
    form = PassForm(request.POST or None, initial=initial, user=user)

    def save(values: dict[str, Any]) -> ChargePass:
        owner = get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values.pop("organization").pk)
        return actions.create_pass(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add a pass"), submit_label=_("Add"), cancel_url=scoped(request, "passes"), done=_("Pass added."),
        done_url=scoped(request, "passes"), breadcrumbs=[(_("Passes"), scoped(request, "passes"))],
    )  # fmt: skip


def pass_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, ChargePass.objects.select_related("organization"), MANAGE_PASSES, pk=pk)
    form = PassForm(request.POST or None, instance=copy.copy(found), user=user)
    return form_page(
        request, form, lambda values: actions.edit_pass(actor=user, charge_pass=found, **values),
        title=str(found), submit_label=_("Save"), cancel_url=reverse("passes"), done=_("Saved."), done_url=reverse("passes"),
        breadcrumbs=[
            (found.organization, found.organization.get_absolute_url()), (_("Passes"), f"{reverse('passes')}?in=o{found.organization_id}"),
        ],
        intro=_("On the list of %s: it works there and at everything below.") % found.organization,
        template="passes/pass.html", context={"delete_url": reverse("pass_delete", args=[pk])},
    )  # fmt: skip


def pass_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, ChargePass.objects.select_related("organization"), MANAGE_PASSES, pk=pk)
    return confirm_page(
        request, lambda: actions.delete_pass(actor=user, charge_pass=found), title=_("Delete %s?") % found,
        consequences=[_("The card %s is refused at whitelist stations from the next charge on. Its transactions stay.") % found.uid],
        submit_label=_("Delete pass"), cancel_url=reverse("pass_edit", args=[pk]), done=_("%s is deleted.") % found,
        done_url=reverse("passes"), breadcrumbs=[(_("Passes"), reverse("passes"))],
    )  # fmt: skip
