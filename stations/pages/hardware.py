"""Hardware templates: the technical data of models, kept once; and taking one over for a station."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions
from stations.forms import Part
from stations.hardware import Change, as_template, power_of, what_changes
from stations.hardware_forms import HardwareTemplateForm
from stations.models import Connector, CurrentType, HardwareTemplate, Station
from stations.ocpp import numbering
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization, User
from tenancy.pages.shared import NAME, NUMBER, number_of, user_of
from tenancy.rights import MANAGE_STATIONS, READ, Missing, anywhere, get_for, holds, may
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import kw


def kept_by(user: User, organization: Organization) -> SafeString | str:
    """The organization of a template. Of one that is shared from above its users know no more than that."""
    return organization_link(user, organization) if holds(user, READ, organization.path) else _("an organization above")


# -- the list -----------------------------------------------------------------------------------------------------------------------------


class HardwareFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name, make or model"), method="named", max_length=100)
    current = django_filters.ChoiceFilter(
        label=lazy("Current"), empty_label=lazy("Any"), choices=CurrentType.choices, field_name="current_type"
    )

    class Meta:
        model = HardwareTemplate
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[HardwareTemplate], name: str, value: str) -> QuerySet[HardwareTemplate]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(name__icontains=text) | Q(vendor__icontains=text) | Q(model__icontains=text))


class HardwareTable(Table):
    name = django_tables2.Column(lazy("Template"), attrs=NAME)
    current_type = django_tables2.Column(lazy("Current"))
    power = django_tables2.Column(lazy("Power of a connector"), accessor="pk", orderable=False, attrs=NUMBER)
    connectors = django_tables2.Column(lazy("Connectors"), attrs=NUMBER)
    plug = django_tables2.Column(lazy("Plug"))
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME, orderable=False)
    below = django_tables2.BooleanColumn(lazy("Also below"), yesno=(lazy("Yes"), lazy("No")))

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: HardwareTemplate) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record.name, made_by(record))

    def value_name(self, record: HardwareTemplate) -> str:
        return record.name

    def render_power(self, record: HardwareTemplate) -> str:
        power = power_of(record)
        return kw(power) if power else "–"

    def render_organization(self, record: HardwareTemplate) -> SafeString | str:
        return kept_by(user_of(self.request), record.organization)

    def value_organization(self, record: HardwareTemplate) -> str:
        return str(kept_by(user_of(self.request), record.organization))


def made_by(template: HardwareTemplate) -> str:
    return " ".join(part for part in (template.vendor, template.model) if part)


class HardwareList(ListPage):
    model = HardwareTemplate
    table_class = HardwareTable
    filterset_class = HardwareFilter
    title = lazy("Hardware templates")
    intro = lazy(
        "The technical data of a model. Choose one when you add stations: its values are filled in, and you can still change them."
    )
    export_name = "hardware-templates"
    empty_title = lazy("No hardware templates yet.")
    empty_text = lazy("Make one from a station that is entered well already, or from the data sheet of the manufacturer.")

    def get_queryset(self) -> QuerySet[Any]:
        """Within a scope those that serve there, shared from above too."""
        drill, user = self.request.drill, user_of(self.request)  # type: ignore[attr-defined]
        rows: QuerySet[Any] = HardwareTemplate.objects.visible_to(user)
        if drill:
            here = HardwareTemplate.objects.visible_to(user).usable_at(drill.organization.path)
            rows = rows.filter(Q(organization__path__startswith=drill.organization.path) | Q(pk__in=here.order_by().values("pk")))
        return rows

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Operations"), link("operations"))]

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_STATIONS):
            return []
        return [Action(_("Add a template"), link("hardware_template_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


# -- one ----------------------------------------------------------------------------------------------------------------------------------


def template_of(request: HttpRequest, pk: int, right: str = "") -> HardwareTemplate:
    return get_for(request.user, HardwareTemplate.objects.select_related("organization"), right, pk=pk)


def crumbs() -> list[tuple[Any, str]]:
    return [(_("Operations"), link("operations")), (_("Hardware templates"), link("hardware_templates"))]


def facts(template: HardwareTemplate) -> list[tuple[Any, str]]:
    """(label, value) of its technical data, as on the sheet of a station."""
    power = power_of(template)
    found: list[tuple[Any, str]] = [
        (_("Make and model"), made_by(template) or "–"),
        (_("Current"), template.get_current_type_display()),
        (_("Voltage"), f"{template.voltage} V"),
        (_("Phases"), str(template.phases) if template.current_type == CurrentType.AC else ""),
        (_("Maximum current of the station"), f"{template.max_current} A" if template.max_current else "–"),
        (_("Communication"), template.communication or "–"),
        (_("Connectors"), str(template.connectors)),
        (_("Socket or cable"), template.get_format_display()),
        (_("Plug"), template.plug or "–"),
        (_("Maximum current of a connector"), f"{template.connector_current} A" if template.connector_current else "–"),
        (_("Power of a connector"), kw(power) if power else "–"),
    ]
    return [(label, value) for label, value in found if value]


def template_page(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), template_of(request, pk)
    buttons = [Action(_("Add stations with it"), link("stations_add", template=str(pk)), icon="plus")] if anywhere(
        user, MANAGE_STATIONS
    ) else []  # fmt: skip
    if may(user, MANAGE_STATIONS, found):
        buttons += [
            Action(_("Edit"), link("hardware_template_edit", pk), icon="pencil"),
            Action(_("Delete"), link("hardware_template_delete", pk), icon="trash"),
        ]
    context = {
        "title": found.name, "template": found, "facts": facts(found), "breadcrumbs": crumbs(), "actions": buttons,
        "organization": kept_by(user, found.organization),
    }  # fmt: skip
    return render(request, "stations/hardware_template.html", context)


def template_add(request: HttpRequest) -> HttpResponse:
    """`?station=` begins with what is entered of that station."""
    user = user_of(request)
    if not anywhere(user, MANAGE_STATIONS):
        raise Missing(MANAGE_STATIONS)
    drill = request.drill  # type: ignore[attr-defined]
    initial: dict[str, Any] = {"organization": drill.organization.pk if drill else user.organization_id}
    station = None
    if (key := number_of(request, "station")) is not None:
        station = get_for(user, Station.objects.select_related("location__organization"), pk=key)
        initial |= {"organization": station.location.organization_id}
        initial |= as_template(station, Connector.objects.visible_to(user).filter(station=station).order_by("number"))  # type: ignore[arg-type]
    form = HardwareTemplateForm(request.POST or None, initial=initial, user=user)

    def save(values: dict[str, Any]) -> HardwareTemplate:
        owner = get_for(user, Organization.objects.all(), MANAGE_STATIONS, pk=values.pop("organization").pk)
        return actions.create_hardware_template(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add a hardware template"), submit_label=_("Add"),
        cancel_url=link("station_details", station.pk) if station else link("hardware_templates"), done=_("Template added."),
        done_url=lambda made: made.get_absolute_url(), breadcrumbs=crumbs(), template="stations/station_form.html",
        intro=_("Filled in with what is entered of %s.") % station if station else "",
        context={"parts": Part.of(form, HardwareTemplateForm.parts)},
    )  # fmt: skip


def template_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), template_of(request, pk, MANAGE_STATIONS)
    form = HardwareTemplateForm(request.POST or None, instance=copy.copy(found), user=user)
    here = link("hardware_template", pk)
    return form_page(
        request, form, lambda values: actions.edit_hardware_template(actor=user, template=found, **values), title=_("Edit %s") % found,
        submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here, breadcrumbs=[*crumbs(), (found, here)],
        intro=_("Stations that were added with it stay as they are."), template="stations/station_form.html",
        context={"parts": Part.of(form, HardwareTemplateForm.parts)}, latest=last_change(user, found),
    )  # fmt: skip


def template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), template_of(request, pk, MANAGE_STATIONS)
    here = link("hardware_template", pk)
    said = [_("Stations that were added with it stay as they are.")]
    if found.below:
        said.append(_("Nor can the organizations below use it any more."))
    return confirm_page(
        request, lambda: actions.delete_hardware_template(actor=user, template=found), title=_("Delete %s?") % found, consequences=said,
        submit_label=_("Delete template"), cancel_url=here, done=_("%s is deleted.") % found, done_url=link("hardware_templates"),
        breadcrumbs=[*crumbs(), (found, here)],
    )  # fmt: skip


# -- for a station ------------------------------------------------------------------------------------------------------------------------


def usable_for(user: User, organization: Organization | None) -> QuerySet[HardwareTemplate]:
    """Those that may be chosen for a station of this organization; where that is open still, all that the user sees."""
    rows: QuerySet[HardwareTemplate] = HardwareTemplate.objects.visible_to(user)
    return HardwareTemplate.objects.visible_to(user).usable_at(organization.path) if organization else rows


def chosen(request: HttpRequest, rows: QuerySet[HardwareTemplate]) -> HardwareTemplate | None:
    """The template of `?template=`, if it is one of these."""
    key = number_of(request, "template")
    return next((one for one in rows if one.pk == key), None)


def in_words(change: Change) -> str:
    """What of a station or connector changes, and to what."""
    if not change.field:
        return _("Connector %s is added.") % numbering.shown(change.number)
    model: Any = Connector if change.number else Station
    field = model._meta.get_field(change.field)
    choices = dict(field.flatchoices)

    def told(value: Any) -> str:
        return str(choices.get(value, value)) if value not in (None, "") else _("empty")

    words = {
        "what": field.verbose_name,
        "before": told(change.before),
        "after": told(change.after),
        "number": numbering.shown(change.number),
    }
    if change.number:
        return _("Connector %(number)s, %(what)s: %(before)s → %(after)s") % words
    return _("%(what)s: %(before)s → %(after)s") % words


def station_template(request: HttpRequest, pk: int) -> HttpResponseBase:
    """First which template, then what it changes, then it is done."""
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    rows = usable_for(user, station.location.organization)
    found, details = chosen(request, rows), link("station_details", pk)
    trail = [(station.location, station.location.get_absolute_url()), (station, station.get_absolute_url())]
    title = _("Take over technical data")
    if found is None:
        context = {
            "title": title, "station": station, "templates": rows, "breadcrumbs": trail, "cancel_url": details,
            "action_url": link("station_template", pk), "add_url": link("hardware_template_add", station=str(pk)),
        }  # fmt: skip
        return render(request, "stations/take_over.html", context)
    connectors = list(Connector.objects.visible_to(user).filter(station=station).order_by("number"))
    said = [in_words(change) for change in what_changes(found, station, connectors)]
    beyond = sum(1 for one in connectors if one.number > found.connectors)
    if said and beyond:
        said.append(
            ngettext("%d connector more than the template has stays as it is.", "%d connectors more than the template has stay.", beyond)
            % beyond
        )
    # What was shown is what is done: if the template or the station has changed meanwhile, it is shown anew
    return confirm_page(
        request, lambda: actions.take_over_template(actor=user, station=station, template=found),
        title=_("Give %(station)s the technical data of “%(template)s”?") % {"station": station, "template": found}, consequences=said,
        refusal="" if said else _("Nothing would change: the station has these values already."), submit_label=_("Take over"),
        submit_class="btn-primary", cancel_url=link("station_template", pk), done=_("Technical data taken over."), done_url=details,
        breadcrumbs=[*trail, (title, link("station_template", pk))], hidden=[("shown", "; ".join(said))],
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("operations/hardware-templates/", HardwareList.as_view(), name="hardware_templates"),
    path("operations/hardware-templates/add/", template_add, name="hardware_template_add"),
    path("operations/hardware-templates/<int:pk>/", template_page, name="hardware_template"),
    path("operations/hardware-templates/<int:pk>/edit/", template_edit, name="hardware_template_edit"),
    path("operations/hardware-templates/<int:pk>/delete/", template_delete, name="hardware_template_delete"),
    path("stations/<int:pk>/template/", station_template, name="station_template"),
]
