"""Comparing the configuration of a station with another station's or with a template, and applying a template to it."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions import CommandRefused, set_keys
from stations.configuration import compare
from stations.configuration.catalogue import NUMBER, Text, known
from stations.configuration.compare import DIFFERS, EXTRA, HIDDEN, MISSING, SAME, Difference, Reading, Value
from stations.configuration.setting import named
from stations.configuration.values import MASK, in_words, remark, shown
from stations.controls import Situation
from stations.models import ConfigurationTemplate, Station
from stations.models.shared import matches
from stations.pages.configuration_rows import page_url, rows_of, station_of
from tenancy.links import link
from tenancy.pages.shared import FOUND, number_of, user_of
from tenancy.rights import CHANGE_CONFIGURATION, READ_CONFIGURATION, get_for, may

# State and word of a difference
WORDS: dict[str, tuple[str, Text]] = {
    SAME: ("available", lazy("the same")),
    DIFFERS: ("waiting", lazy("differs")),
    MISSING: ("off", lazy("missing here")),
    EXTRA: ("off", lazy("missing there")),
    HIDDEN: ("off", lazy("secret: cannot be compared")),
}


class Line(NamedTuple):
    """A difference in words. `copy_url` changes this station, `give_url` the other one; empty where that cannot be."""

    found: Difference
    name: Text
    here: str
    here_words: str
    there: str
    there_words: str
    state: str
    word: Text
    raw: bool = True  # the value itself says more than its words
    copy_url: str = ""
    give_url: str = ""


def reading_of(request: HttpRequest, station: Station) -> Reading:
    return {row.key: Value(row.value, row.readonly) for row in rows_of(request, station).values()}


def usable_templates(request: HttpRequest, station: Station) -> list[ConfigurationTemplate]:
    """Those that the person sees and that serve at the station's organization; those that fit its make and model first."""
    rows = (
        ConfigurationTemplate.objects.visible_to(request.user).usable_at(station.location.organization.path).select_related("organization")
    )
    return sorted(rows, key=lambda one: not fits(one, station))


def fits(template: ConfigurationTemplate, station: Station) -> bool:
    return matches(template.vendor, station.vendor) and matches(template.model, station.model)


def template_for(request: HttpRequest, station: Station, key: int) -> ConfigurationTemplate:
    return get_for(request.user, ConfigurationTemplate.objects.usable_at(station.location.organization.path), pk=key)


def lines_of(
    found: list[Difference], station: Station, *, change: bool, back: str, other: Station | None = None, give: bool = False
) -> list[Line]:
    made = []
    for one in found:
        entry = known(one.key, station.ocpp_version)
        hidden = one.kind == HIDDEN
        here, there = (MASK if hidden and value else shown(one.key, value or "") for value in (one.here, one.there))
        state, word = WORDS[one.kind]
        copy_url = give_url = ""
        if one.kind == DIFFERS:
            if change and not one.readonly:
                copy_url = link("station_configuration_change", station.pk, key=one.key, value=there, next=back)
            if other is not None and give and not one.readonly_there:
                give_url = link("station_configuration_change", other.pk, key=one.key, value=here, next=back)
        made.append(
            Line(
                one,
                entry.name if entry else "",
                here,
                in_words(entry, here),
                there,
                in_words(entry, there),
                state,
                word,
                entry is None or entry.kind != NUMBER,
                copy_url,
                give_url,
            )
        )
    return made


def compare_page(request: HttpRequest, pk: int) -> HttpResponse:
    """`?with=` is another station, `template` a template; without either one is chosen, among the stations called `find`."""
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    other_pk, template_pk = number_of(request, "with"), number_of(request, "template")
    context: dict[str, Any] = {
        "title": _("Compare the configuration"),
        "station": station,
        "zone": station.location.zone,
        "breadcrumbs": [(str(station), link("station", pk)), (_("Configuration"), link("station_configuration", pk))],
        "choose_url": link("station_configuration_compare", pk),
    }
    if other_pk is None and template_pk is None:
        return render(request, "stations/configuration_compare_choose.html", context | _choice(request, station))
    back = request.get_full_path()
    change = not situation.why_not("change-configuration")
    here = reading_of(request, station)
    if template_pk is not None:
        template = template_for(request, station, template_pk)
        found = compare.against(template.entries, here, station.ocpp_version)
        lines = lines_of(found, station, change=change, back=back)
        todo = compare.to_set(found)
        context |= {
            "template": template,
            "fits": fits(template, station),
            "there_name": template.name,
            "there_url": template.get_absolute_url(),
            "apply_url": link("station_configuration_apply", pk, template=str(template_pk))
            if todo and may(request.user, CHANGE_CONFIGURATION, station)
            else "",
            "todo": len(todo),
        }
    else:
        other = station_of(request, other_pk or 0)
        found = compare.differences(here, reading_of(request, other), station.ocpp_version)
        give = not Situation(request.user, other).why_not("change-configuration")
        lines = lines_of(found, station, change=change, back=back, other=other, give=give)
        context |= {"other": other, "there_name": str(other), "there_url": link("station_configuration", other.pk)}
    everything = request.GET.get("all") == "1"
    picked = {"with": str(other_pk)} if template_pk is None else {"template": str(template_pk)}
    return render(request, "stations/configuration_compare.html", context | {
        "lines": lines if everything else [one for one in lines if one.found.kind not in (SAME, HIDDEN)],
        "same": sum(one.found.kind == SAME for one in lines),
        "total": len(lines),
        "everything": everything,
        "toggle_url": page_url("station_configuration_compare", station, **picked, all="" if everything else "1"),
        "refusal": situation.why_not("change-configuration"),
        "never_read": not here,
        "other_never_read": "other" in context and all(one.found.there is None for one in lines),
    })  # fmt: skip


def _choice(request: HttpRequest, station: Station) -> dict[str, Any]:
    text = request.GET.get("find", "").replace("\x00", "").strip()[:60]
    rows = Station.objects.visible_to(request.user, READ_CONFIGURATION).exclude(pk=station.pk).select_related("location")
    if text:
        rows = rows.filter(Q(identity__icontains=text) | Q(alias__icontains=text))
    else:  # its likes first come to mind
        rows = rows.filter(vendor=station.vendor, model=station.model)
    found = list(rows.order_by("identity")[: FOUND + 1])
    return {
        "find": text,
        "more": len(found) > FOUND,
        "stations": [(one, link("station_configuration_compare", station.pk, **{"with": str(one.pk)})) for one in found[:FOUND]],
        "templates": [
            (one, fits(one, station), link("station_configuration_compare", station.pk, template=str(one.pk)))
            for one in usable_templates(request, station)
        ],
    }  # fmt: skip


def apply_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what the template `?template=` would change here; a POST asks the station for it."""
    station = station_of(request, pk, CHANGE_CONFIGURATION)
    station_of(request, pk)  # what differs is told
    key = number_of(request, "template")
    if key is None:
        return redirect(link("station_configuration_compare", pk)) if request.method == "POST" else compare_page(request, pk)
    template = template_for(request, station, key)
    found = compare.against(template.entries, reading_of(request, station), station.ocpp_version)
    todo = compare.to_set(found)
    situation = Situation(request.user, station)
    refusal = situation.why_not("change-configuration")
    if not refusal and not todo:
        refusal = _("Nothing is left to change: what the template says and this station lets be changed is set already.")
    back = link("station_configuration_compare", pk, template=str(key))
    if request.method == "POST" and not refusal:
        try:
            queued, left = set_keys(actor=user_of(request), station=station, values=todo)
        except CommandRefused as error:
            refusal = str(error)
        else:
            said = ngettext("Asked %(station)s to change %(count)d key.", "Asked %(station)s to change %(count)d keys.", len(queued))
            messages.success(request, said % {"station": station, "count": len(queued)})
            if left:
                messages.warning(request, _("No room for more at once: apply the template again for %s.") % named(left))
            return redirect(link("station_configuration", pk))
    consequences = [
        ngettext("%(count)d key of %(station)s is changed:", "%(count)d keys of %(station)s are changed, one after the other:", len(todo))
        % {"count": len(todo), "station": station},
        *(_set_to(key, value, station) for key, value in todo),
    ]  # fmt: skip
    if readonly := [one.key for one in found if one.kind == DIFFERS and one.readonly]:
        consequences.append(_("Read-only here, so they stay: %s.") % named(readonly, 10))
    if missing := [one.key for one in found if one.kind == MISSING]:
        consequences.append(_("Not known to this station, so they are left out: %s.") % named(missing, 10))
    if not fits(template, station):
        consequences.append(_("The template is meant for another make or model than this station tells."))
    consequences += [
        f"{entry.name}: {entry.warning}" for key, _value in todo if (entry := known(key, station.ocpp_version)) and entry.warning
    ]
    return render(request, "ui/confirm.html", {
        "title": _("Apply “%(template)s” to %(station)s?") % {"template": template, "station": station},
        "consequences": consequences, "submit_label": _("Change these keys"), "submit_class": "btn-primary", "cancel_url": back,
        "refusal": refusal,
        "breadcrumbs": [(str(station), link("station", pk)), (_("Configuration"), link("station_configuration", pk))],
    })  # fmt: skip


def _set_to(key: str, value: str, station: Station) -> str:
    said = f"{key}: {in_words(known(key, station.ocpp_version), value) or value or _('empty')}"
    return f"{said} ({why})" if (why := remark(key, value)) else said


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/compare/", compare_page, name="station_configuration_compare"),
    path("stations/<int:pk>/configuration/apply/", apply_page, name="station_configuration_apply"),
]
