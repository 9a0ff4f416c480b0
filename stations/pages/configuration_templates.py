"""Configuration templates: the values that stations of a model should have. Kept by an organization, used there and, if shared, below."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions
from stations.actions.configuration import check_entries
from stations.configuration.catalogue import GROUPS, group_of, known
from stations.configuration.catalogue import NUMBER as NUMBER_KIND
from stations.configuration.compare import in_order
from stations.configuration.fields import KeyForm, ValueForm
from stations.configuration.values import check_kind, hides, in_words, is_secret, remark
from stations.models import ConfigurationTemplate, Station
from stations.models.shared import matches
from stations.pages.configuration_rows import Key, rows_of, station_of
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization
from tenancy.pages.history import ObjectHistory
from tenancy.pages.shared import NUMBER, user_of
from tenancy.rights import CHANGE_CONFIGURATION, READ_AUDIT, READ_CONFIGURATION, Missing, anywhere, get_for, may
from ui.forms import attempt, confirm_page, form_page, refuse
from ui.lists import Action, ListPage, Table

LONG = {"td": {"class": "long-text"}}


# -- the list -----------------------------------------------------------------------------------------------------------------------------


def rows(request: HttpRequest) -> Any:
    """Those that the person sees; they are for those who read configurations somewhere."""
    user = user_of(request)
    if not anywhere(user, READ_CONFIGURATION):
        raise Missing(READ_CONFIGURATION)
    return ConfigurationTemplate.objects.visible_to(user)


class TemplateFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name, make or model"), method="named")

    class Meta:
        model = ConfigurationTemplate
        fields: tuple[str, ...] = ()

    def named(self, found: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        text = value.replace("\x00", "").strip()
        return found.filter(Q(name__icontains=text) | Q(vendor__icontains=text) | Q(model__icontains=text)) if text else found


class TemplateTable(Table):
    name = django_tables2.Column(lazy("Template"))
    vendor = django_tables2.Column(lazy("Make"), attrs=LONG)
    model = django_tables2.Column(lazy("Model"), attrs=LONG)
    keys = django_tables2.Column(lazy("Keys"), accessor="entries", orderable=False, attrs=NUMBER)
    organization = django_tables2.Column(lazy("Kept by"), accessor="organization__name")
    below = django_tables2.Column(lazy("Below it too"))

    class Meta(Table.Meta):
        default = lazy("all")

    def render_name(self, record: ConfigurationTemplate) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record.name, record.comment)

    def value_name(self, record: ConfigurationTemplate) -> str:
        return record.name

    def render_keys(self, record: ConfigurationTemplate) -> str:
        return str(len(record.entries))

    def render_organization(self, record: ConfigurationTemplate) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: ConfigurationTemplate) -> str:
        return record.organization.name

    def render_below(self, record: ConfigurationTemplate) -> str:
        return _("yes") if record.below else _("no")


class TemplateList(ListPage):
    model = ConfigurationTemplate
    table_class = TemplateTable
    filterset_class = TemplateFilter
    title = lazy("Configuration templates")
    intro = lazy("Values that stations of a model should have. Compare a station with one, or set its values at many stations at once.")
    export_name = "configuration-templates"
    empty_title = lazy("There is no template yet.")
    empty_text = lazy("Make one here, or of the values that a station has now: on its tab “Configuration”.")

    def get_queryset(self) -> QuerySet[Any]:
        limited: QuerySet[Any] = self.request.drill.limit(rows(self.request))  # type: ignore[attr-defined]
        return limited

    def for_page(self, found: QuerySet[Any]) -> QuerySet[Any]:
        return found.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, CHANGE_CONFIGURATION):
            return ()
        return [Action(_("Add a template"), link("configuration_template_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return [(_("Operations"), link("operations"))]


# -- one template -------------------------------------------------------------------------------------------------------------------------


def template_of(request: HttpRequest, pk: int, right: str = "") -> ConfigurationTemplate:
    """With `right` only one at whose organization the person holds it."""
    found: ConfigurationTemplate = get_for(request.user, rows(request).select_related("organization"), right, pk=pk)
    return found


def sheet(request: HttpRequest, found: ConfigurationTemplate, here: str) -> dict[str, Any]:
    user, pk = user_of(request), found.pk
    mine = may(user, CHANGE_CONFIGURATION, found)
    tabs = [("configuration_template", _("Keys"))]
    if may(user, READ_AUDIT, found):
        tabs.append(("configuration_template_history", _("History")))
    return {
        "title": found.name,
        "template": found,
        "mine": mine,
        "kept_by": organization_link(user, found.organization),
        "breadcrumbs": [(_("Operations"), link("operations")), (_("Configuration templates"), link("configuration_templates"))],
        "actions": [
            Action(_("Add a key"), link("configuration_template_key", pk), icon="plus"),
            Action(_("Edit"), link("configuration_template_edit", pk), icon="pencil"),
            Action(_("Delete"), link("configuration_template_delete", pk), icon="trash"),
        ]
        if mine
        else [],
        "tabs": [(label, link(name, pk), name == here, None) for name, label in tabs],
    }


def template(request: HttpRequest, pk: int) -> HttpResponse:
    found = template_of(request, pk)
    entries = []
    for key in in_order(found.entries):
        entry, value = known(key), found.entries[key]
        change_url = link("configuration_template_key", pk, key=key)
        entries.append({
            "key": key, "entry": entry, "value": value, "words": in_words(entry, value), "group": GROUPS[group_of(key)],
            "url": change_url, "raw": entry is None or entry.kind != NUMBER_KIND, "remark": remark(key, value),
        })  # fmt: skip
    fitting = [one for one in _stations(request, found) if matches(found.vendor, one[0]) and matches(found.model, one[1])]
    context = {"entries": entries, "stations": sum(count for _vendor, _model, count in fitting), "stations_url": link("stations")}
    return render(request, "stations/configuration_template.html", sheet(request, found, "configuration_template") | context)


def _stations(request: HttpRequest, found: ConfigurationTemplate) -> list[tuple[str, str, int]]:
    """(make, model, how many) of the stations that the person sees where the template serves."""
    own = found.organization.path
    seen = Station.objects.visible_to(request.user)
    seen = seen.below(own) if found.below else seen.filter(location__organization__path=own)
    return list(seen.order_by().values_list("vendor", "model").annotate(Count("pk")))


class EntriesField(forms.CharField):
    """Keys and values as text: one on a line, “key = value”."""

    def prepare_value(self, value: Any) -> Any:
        return as_text(value) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        entries: dict[str, str] = {}
        wrong: list[str] = []
        for number, line in enumerate((value or "").replace("\r\n", "\n").split("\n"), 1):
            key, sign, text = line.partition("=")
            key = key.strip()
            if not line.strip():
                continue
            if not sign or not key:
                wrong.append(_("Line %d: write “key = value”.") % number)
            elif key in entries:
                wrong.append(_("Line %(line)d: %(key)s stands there twice.") % {"line": number, "key": key})
            entries[key] = text.strip()
        if wrong:
            raise ValidationError(wrong)
        try:
            check_entries(entries)
        except ValidationError as error:
            raise ValidationError(error.message_dict["entries"]) from error
        return entries


def as_text(entries: Mapping[str, str]) -> str:
    return "\n".join(f"{key} = {value}" for key, value in ((key, entries[key]) for key in in_order(entries)))


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    entries = EntriesField(
        label=lazy("Keys and values"), required=False, max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "font-monospace"}),
        help_text=lazy("One on a line: HeartbeatInterval = 300. Keys can also be added one by one afterwards, each with its own control."),
    )  # fmt: skip

    class Meta:
        model = ConfigurationTemplate
        fields = ("organization", "name", "vendor", "model", "comment", "below", "entries")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["organization"]
        else:
            organization = self.fields["organization"]
            assert isinstance(organization, forms.ModelChoiceField)
            organization.queryset = Organization.objects.visible_to(user, CHANGE_CONFIGURATION)
            organization.empty_label = _("Choose one")


def own_organization(request: HttpRequest, organization: Organization) -> Organization:
    return get_for(request.user, Organization.objects.all(), CHANGE_CONFIGURATION, pk=organization.pk)


def template_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    rows(request)
    if not anywhere(user, CHANGE_CONFIGURATION):
        raise Missing(CHANGE_CONFIGURATION)
    drill = request.drill  # type: ignore[attr-defined]
    proposed = drill.organization if drill else user.organization
    form = TemplateForm(request.POST or None, initial={"organization": proposed.pk}, user=user)

    def save(values: dict[str, Any]) -> ConfigurationTemplate:
        organization = own_organization(request, values.pop("organization"))
        return actions.create_configuration_template(actor=user, organization=organization, **values)

    return form_page(
        request, form, save, title=_("Add a configuration template"), submit_label=_("Add template"),
        cancel_url=link("configuration_templates"), done=_("Template added."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=[(_("Operations"), link("operations")), (_("Configuration templates"), link("configuration_templates"))],
    )  # fmt: skip


def template_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), template_of(request, pk, CHANGE_CONFIGURATION)
    form = TemplateForm(request.POST or None, instance=copy.copy(found), user=user)
    return form_page(
        request, form, lambda values: actions.edit_configuration_template(actor=user, template=found, **values),
        title=_("Edit %s") % found.name, submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."),
        done_url=found.get_absolute_url(), breadcrumbs=_crumbs(found), latest=last_change(user, found),
        intro=_("Stations keep what they have until the template is applied to them again."),
    )  # fmt: skip


def _crumbs(found: ConfigurationTemplate) -> list[tuple[Any, str]]:
    return [(_("Configuration templates"), link("configuration_templates")), (found.name, found.get_absolute_url())]


def template_key(request: HttpRequest, pk: int) -> HttpResponse:
    """The value of the key `?key=` in the template, with the control that fits it; without a key one is asked for."""
    found = template_of(request, pk, CHANGE_CONFIGURATION)
    given = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {"template": found, "cancel_url": found.get_absolute_url(), "breadcrumbs": _crumbs(found)}
    chooser = KeyForm(given if "key" in given else None)
    if chooser.is_valid() and is_secret(chooser.cleaned_data["key"]):
        chooser.add_error("key", _("This key is secret. A template holds no secrets: set it at each station."))
    if not chooser.is_valid():
        from stations.configuration.catalogue import catalogue

        keys = [
            entry.key
            for entry in catalogue().values()
            if not entry.readonly and not is_secret(entry.key) and entry.key not in found.entries
        ]
        return render(request, "stations/configuration_key.html", context | {"title": _("Add a key"), "form": chooser, "known_keys": keys})
    key, raw = chooser.cleaned_data["key"], bool(given.get("raw"))
    there = key in found.entries
    sent = request.POST if request.method == "POST" else None
    form = ValueForm(sent, key=key, value=found.entries.get(key, ""), raw=raw, careful=False)
    if sent is not None:
        entries = dict(found.entries)
        if "remove" in sent:
            entries.pop(key, None)
        elif form.is_valid():
            entries[key] = form.cleaned_data["value"]
        if "remove" in sent or form.is_valid():
            try:
                attempt(lambda: actions.edit_configuration_template(actor=user_of(request), template=found, entries=entries))
            except ValidationError as error:
                refuse(form, ValidationError({"value": error.messages}))
            else:
                said = _("%s is taken out of the template.") if "remove" in sent else _("%s is in the template.")
                messages.success(request, said % key)
                return redirect(found.get_absolute_url())
    return render(request, "stations/configuration_template_key.html", context | {
        "title": _("%(key)s in “%(template)s”") % {"key": form.entry.name if form.entry else key, "template": found},
        "form": form, "key": key, "entry": form.entry, "raw": raw, "there": there,
    })  # fmt: skip


def template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    found = template_of(request, pk, CHANGE_CONFIGURATION)
    count = len(found.entries)
    return confirm_page(
        request, lambda: actions.delete_configuration_template(actor=user_of(request), template=found),
        title=_("Delete %s?") % found.name,
        consequences=[
            ngettext("The template with its %d key is gone.", "The template with its %d keys is gone.", count) % count,
            _("Stations keep the values that they have."),
            *([_("Organizations below cannot use it any more either.")] if found.below else []),
        ],
        submit_label=_("Delete template"), cancel_url=found.get_absolute_url(), done=_("%s is deleted.") % found.name,
        done_url=link("configuration_templates"), breadcrumbs=_crumbs(found),
    )  # fmt: skip


class TemplateHistory(ObjectHistory):
    of = ConfigurationTemplate
    template_name = "stations/configuration_template_history.html"

    def get_context(self) -> dict[str, Any]:
        return sheet(self.request, self.thing, "configuration_template_history")


# -- from a station -----------------------------------------------------------------------------------------------------------------------


class FromStationForm(forms.ModelForm):  # type: ignore[type-arg]
    keys = forms.MultipleChoiceField(
        label=lazy("Keys"), widget=forms.CheckboxSelectMultiple, error_messages={"required": lazy("Choose at least one key.")},
        help_text=lazy("With the values that the station has now. Read-only keys and secrets are not offered."),
    )  # fmt: skip

    class Meta:
        model = ConfigurationTemplate
        fields = ("organization", "name", "vendor", "model", "comment", "below")

    def __init__(self, *args: Any, user: Any, keys: Sequence[Key], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organization, chosen = self.fields["organization"], self.fields["keys"]
        assert isinstance(organization, forms.ModelChoiceField)
        assert isinstance(chosen, forms.MultipleChoiceField)
        organization.queryset = Organization.objects.visible_to(user, CHANGE_CONFIGURATION)
        organization.empty_label = _("Choose one")
        chosen.choices = [(key.key, _told(key)) for key in keys]
        chosen.initial = [key.key for key in keys if key.entry]


def _told(key: Key) -> str:
    said = f"{key.name} ({key.key})" if key.name else key.key
    return f"{said}: {key.words or key.value or _('empty')}"


def _nonsense(key: Key) -> bool:
    """Whether the station tells what nobody could set."""
    try:
        check_kind(key.key, key.row.value)
    except ValidationError:
        return True
    return False


def from_station(request: HttpRequest, pk: int) -> HttpResponse:
    user, station = user_of(request), station_of(request, pk)
    get_for(user, Station.objects.all(), CHANGE_CONFIGURATION, pk=pk)
    found = [Key(row, station) for row in rows_of(request, station).values()]
    keys = [key for key in found if not (key.row.readonly or key.secret or hides(key.value) or _nonsense(key))]
    own = station.location.organization
    begin = {
        "organization": own.pk if may(user, CHANGE_CONFIGURATION, own) else None, "vendor": station.vendor, "model": station.model,
        "name": " ".join(part for part in (station.vendor, station.model) if part)[:80],
    }  # fmt: skip
    form = FromStationForm(request.POST or None, initial=begin, user=user, keys=keys)

    def save(values: dict[str, Any]) -> ConfigurationTemplate:
        organization, chosen = own_organization(request, values.pop("organization")), set(values.pop("keys"))
        entries = {key.key: key.row.value for key in keys if key.key in chosen}
        return actions.create_configuration_template(actor=user, organization=organization, entries=entries, **values)

    crumbs = [(str(station), link("station", pk)), (_("Configuration"), link("station_configuration", pk))]
    if not keys:
        return render(request, "ui/confirm.html", {
            "title": _("Make a template"), "breadcrumbs": crumbs, "cancel_url": link("station_configuration", pk),
            "refusal": _("The configuration of %s has not been read yet. Read it first.") % station,
        })  # fmt: skip
    return form_page(
        request, form, save, title=_("A template of the values of %s") % station, submit_label=_("Make template"),
        cancel_url=link("station_configuration", pk), done=_("Template added."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=crumbs,
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("operations/configuration-templates/", TemplateList.as_view(), name="configuration_templates"),
    path("operations/configuration-templates/add/", template_add, name="configuration_template_add"),
    path("operations/configuration-templates/<int:pk>/", template, name="configuration_template"),
    path("operations/configuration-templates/<int:pk>/edit/", template_edit, name="configuration_template_edit"),
    path("operations/configuration-templates/<int:pk>/key/", template_key, name="configuration_template_key"),
    path("operations/configuration-templates/<int:pk>/delete/", template_delete, name="configuration_template_delete"),
    path("operations/configuration-templates/<int:pk>/history/", TemplateHistory.as_view(), name="configuration_template_history"),
    path("stations/<int:pk>/configuration/template/", from_station, name="station_configuration_template"),
]
