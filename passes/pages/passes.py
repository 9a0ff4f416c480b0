"""Charge passes: the list of an organization, and each in a form."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import django_filters
import django_tables2
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.models import ChargePass, check_uid, normalize_uid
from stations.models import AccessMode, Station
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.pages.history import ObjectHistory
from tenancy.personal import MASK, seen_value, sees, shown, where_seen
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ_TRANSACTIONS, Missing, anywhere, get_for, may
from ui.forms import confirm_page, form_page
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import own_zone, state, when

MOST_TYPED = 60  # characters of a UID with its separators
MASKED = ("uid", "nickname", "visible_number")  # personal data


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def name_of(user: User, charge_pass: ChargePass) -> str:
    """The name of a pass as `user` may know it. Its organization must be loaded."""
    return str(charge_pass) if sees(user, charge_pass) else MASK


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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not anywhere(self.request.user, PERSONAL_DATA):
            del self.filters["q"]

    def named(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        """What is masked is not found."""
        text = value.replace("\x00", "").strip()
        found = Q(nickname__icontains=text) | Q(visible_number__icontains=text)
        if uid := normalize_uid(text):
            found |= Q(uid__contains=uid)
        return rows.filter(found).filter(where_seen(self.request.user, ChargePass))

    def with_state(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        over = Q(valid_until__lte=timezone.now())
        match value:
            case "blocked":
                return rows.filter(blocked=True)
            case "expired":
                return rows.filter(over, blocked=False)
        return rows.exclude(over).filter(blocked=False)


class PassTable(Table):
    name = django_tables2.Column(lazy("Pass"), accessor="uid", order_by=("shown_nickname", "shown_uid"))
    uid = django_tables2.Column(lazy("UID"), order_by="shown_uid")
    visible_number = django_tables2.Column(lazy("Visible number"), order_by="shown_number")
    organization = django_tables2.Column(lazy("On the list of"), accessor="organization__name")
    state = django_tables2.Column(lazy("State"), accessor="blocked", orderable=False)
    valid_until = django_tables2.Column(lazy("Valid until"), empty_values=())

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: ChargePass) -> SafeString:
        return format_html('<a href="{}">{}</a>', record.get_absolute_url(), self._shown(record, str(record)))

    def value_name(self, record: ChargePass) -> str:
        return self._shown(record, record.nickname)

    def render_uid(self, record: ChargePass) -> SafeString:
        return format_html("<code>{}</code>", self._shown(record, record.uid))

    def value_uid(self, record: ChargePass) -> str:
        return self._shown(record, record.uid)

    def render_visible_number(self, record: ChargePass) -> str:
        return self._shown(record, record.visible_number)

    def value_visible_number(self, record: ChargePass) -> str:
        return self._shown(record, record.visible_number)

    def _shown(self, record: ChargePass, text: str) -> str:
        return shown(self.request.user, text, record.organization.path)

    def render_organization(self, record: ChargePass) -> SafeString:
        return organization_link(self.request.user, record.organization)

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
        BulkAction("block", lazy("Block"), block, what_blocking_does, icon="ban", right=MANAGE_PASSES),
        BulkAction("unblock", lazy("Unblock"), unblock, icon="circle-check", right=MANAGE_PASSES),
    )

    def get_queryset(self) -> QuerySet[Any]:
        user = self.request.user
        columns = {"nickname": "shown_nickname", "uid": "shown_uid", "visible_number": "shown_number"}
        rows: QuerySet[Any] = super().get_queryset()
        rows = rows.annotate(**{name: seen_value(user, ChargePass, field) for field, name in columns.items()})
        return rows.order_by("shown_nickname", "shown_uid", "pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_PASSES):
            return []
        return [Action(_("Add a pass"), link("pass_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


class MomentField(forms.DateTimeField):
    """A date and time as the reader's clock shows it; passes belong to no location."""

    def prepare_value(self, value: Any) -> Any:
        with timezone.override(own_zone()):
            return super().prepare_value(value)

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(own_zone()):
            found = super().to_python(value)
        if found and not 1970 <= found.year < 9999:  # at the edges of the calendar there is no other zone to convert to
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return found


class PassForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ChargePass
        fields = ("organization", "uid", "nickname", "visible_number", "valid_until", "blocked")
        field_classes = {"nickname": NameField}
        widgets = {"uid": forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false", "class": "font-monospace"})}

    valid_until = MomentField(
        label=lazy("Valid until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What of a pass is personal data is not changed by whoever does not see it
        uid = self.fields["uid"]
        # Separators are taken out, and a printed number gets its own message.
        uid.max_length, uid.validators = MOST_TYPED, []  # type: ignore[attr-defined]
        uid.widget.attrs["maxlength"] = MOST_TYPED
        uid.help_text = lazy(
            "What the reader sends, such as 04A2B3C4D5E680; it is in the activity of the station. Separators do not matter."
        )
        self.fields["valid_until"].help_text = _("Empty: no end. In the time of %s.") % own_zone()
        self.fields["blocked"].help_text = lazy("Refused at every whitelist station, and the driver is told so.")
        self.user = user
        if self.instance.pk:
            del self.fields["organization"]
            if not sees(user, self.instance):
                for name in MASKED:
                    del self.fields[name]
        else:
            organization = self.fields["organization"]
            assert isinstance(organization, forms.ModelChoiceField)
            organization.queryset = Organization.objects.visible_to(user, MANAGE_PASSES)
            organization.empty_label = _("Choose one")
            organization.help_text = lazy("The pass works at its whitelist stations and at those of everything below it.")

    def clean_uid(self) -> str:
        uid = normalize_uid(self.cleaned_data["uid"])
        check_uid(uid)
        return uid

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        organization, uid = values.get("organization") or self.instance.organization_id, values.get("uid")
        if organization and uid:
            same = (
                ChargePass.objects.filter(organization=organization, uid=uid)
                .exclude(pk=self.instance.pk)
                .select_related("organization")
                .first()
            )
            if same is not None:
                self.add_error("uid", _("This organization already has a pass with this UID: %s.") % name_of(self.user, same))
        return values


def pass_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, MANAGE_PASSES):
        raise Missing(MANAGE_PASSES)
    drill = request.drill  # type: ignore[attr-defined]
    initial: dict[str, Any] = {"uid": request.GET.get("uid", "")}
    if drill:
        initial["organization"] = drill.organization.pk
    elif user.organization.parent_id is not None:  # a pass on the platform's list works everywhere, so nobody gets that by default
        initial["organization"] = user.organization_id
    form = PassForm(request.POST or None, initial=initial, user=user)

    def save(values: dict[str, Any]) -> ChargePass:
        owner = get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values.pop("organization").pk)
        return actions.create_pass(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add a pass"), submit_label=_("Add"), cancel_url=link("passes"), done=_("Pass added."),
        done_url=link("passes"), breadcrumbs=[(_("Passes"), link("passes"))],
    )  # fmt: skip


def pass_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The pass: in a form for who may change it, to read for all others."""
    user = user_of(request)
    found = get_for(user, ChargePass.objects.select_related("organization"), pk=pk)
    back, name = link("passes"), name_of(user, found)
    breadcrumbs = [(found.organization, found.organization.get_absolute_url()), (_("Passes"), back)]
    if not may(user, MANAGE_PASSES, found):
        if request.method == "POST":
            raise Missing(MANAGE_PASSES, found.organization.path)
        context = {"title": name, "breadcrumbs": breadcrumbs, "facts": facts_of(user, found)} | where_it_works(user, found)
        return render(request, "passes/pass_read.html", context)
    form = PassForm(request.POST or None, instance=copy.copy(found), user=user)
    masked = "" if sees(user, found) else _("Your role does not show names and card numbers here, so they cannot be changed.")
    return form_page(
        request, form, lambda values: actions.edit_pass(actor=user, charge_pass=found, **values),
        title=name, submit_label=_("Save"), cancel_url=back, done=_("Saved."), done_url=back, breadcrumbs=breadcrumbs, intro=masked,
        latest=last_change(user, found), template="passes/pass.html",
        context={"delete_url": link("pass_delete", pk)} | where_it_works(user, found),
    )  # fmt: skip


def facts_of(user: User, charge_pass: ChargePass) -> list[tuple[Any, Any]]:
    """(label, value) of what is printed and read, and until when it is valid."""
    fields = [(ChargePass._meta.get_field(name).verbose_name, getattr(charge_pass, name)) for name in MASKED]  # type: ignore[union-attr]
    facts = [(label, shown(user, value, charge_pass.organization.path) or "–") for label, value in fields]
    return [*facts, (_("Valid until"), when(charge_pass.valid_until) if charge_pass.valid_until else _("no end"))]


def where_it_works(user: User, charge_pass: ChargePass) -> dict[str, Any]:
    """At how many stations, by their access mode or that of their location; and the card's transactions."""
    scope = f"o{charge_pass.organization_id}"
    stations = Station.objects.visible_to(user).below(charge_pass.organization.path)
    whitelist = stations.filter(Q(access_mode=AccessMode.WHITELIST) | Q(access_mode="", location__access_mode=AccessMode.WHITELIST))
    traced = sees(user, charge_pass) and anywhere(user, READ_TRANSACTIONS)
    return {
        "charge_pass": charge_pass,
        "pass_state": state_of(charge_pass),
        "whitelist_stations": whitelist.count(),
        "stations_url": f"{reverse('stations')}?{urlencode({'in': scope, 'access': AccessMode.WHITELIST})}",
        "transactions_url": f"{reverse('transactions')}?{urlencode({'card': charge_pass.uid})}" if traced else "",
    }


def pass_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, ChargePass.objects.select_related("organization"), MANAGE_PASSES, pk=pk)
    name, uid = name_of(user, found), shown(user, found.uid, found.organization.path)
    return confirm_page(
        request, lambda: actions.delete_pass(actor=user, charge_pass=found), title=_("Delete %s?") % name,
        consequences=[_("The card %s is refused at whitelist stations from the next charge on. Its transactions stay.") % uid],
        submit_label=_("Delete pass"), cancel_url=link("pass_edit", pk), done=_("%s is deleted.") % name,
        done_url=link("passes"),
        breadcrumbs=[(found.organization, found.organization.get_absolute_url()), (name, link("pass_edit", pk))],
    )  # fmt: skip


class PassHistory(ObjectHistory):
    of = ChargePass


urlpatterns: list[URLPattern] = [
    path("passes/", PassList.as_view(), name="passes"),
    path("passes/add/", pass_add, name="pass_add"),
    path("passes/<int:pk>/", pass_edit, name="pass_edit"),
    path("passes/<int:pk>/history/", PassHistory.as_view(), name="pass_history"),
    path("passes/<int:pk>/delete/", pass_delete, name="pass_delete"),
]
