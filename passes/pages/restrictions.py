"""The tab Restrictions of a pass, and what groups share with it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes import actions
from passes.authorizing import used
from passes.decision import Used
from passes.forms import unchecked
from passes.models import ChargePass, PassGroup
from passes.models.restrictions import hours_in_words
from passes.pages.sheet import pass_of, sheet
from passes.restriction_forms import RestrictionsForm, locations_for, stations_for
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_PASSES, READ_TRANSACTIONS, may
from ui.edits import DRAWN, Edit
from ui.forms import form_page, next_url
from ui.templatetags.ui import own_zone

Text = str | Promise
RECORDED = {"stations": "only_stations", "locations": "only_locations"}  # fields of the form -> of the record


class Told(NamedTuple):
    label: Text
    value: Text
    source: Text = ""


def told(user: User, thing: ChargePass | PassGroup, source: Text = "") -> Iterator[Told]:
    """What it restricts, in words; of places that `user` may not see only how many there are."""
    if places := list(_places(user, thing)):
        yield Told(_("Only at"), format_html_join("", "<div>{}</div>", ((place,) for place in places)), source)
    if thing.hours:
        lines = format_html_join("", "<div>{}</div>", ((line,) for line in hours_in_words(thing.hours)))
        yield Told(
            _("Only at these times"),
            format_html('{}<div class="text-secondary small">{}</div>', lines, _("in the time of the station")),
            source,
        )
    so_far = _so_far(user, thing)
    for label, most, energy in (
        (_("At most per day"), thing.daily_kwh, so_far.day if so_far else None),
        (_("At most per month"), thing.monthly_kwh, so_far.month if so_far else None),
    ):
        if most is not None:
            yield Told(label, _amount(most, energy), source)


def _so_far(user: User, thing: ChargePass | PassGroup) -> Used | None:
    """Energy of today and of this month in Wh, where it matters and may be seen."""
    amounts: list[int | None] = [thing.daily_kwh, thing.monthly_kwh]
    if not any(amounts) or not may(user, READ_TRANSACTIONS, thing):
        return None
    return used("pass" if isinstance(thing, ChargePass) else "group", thing.pk, timezone.now(), str(own_zone()))


def _amount(most: int, energy: int | None) -> str:
    whole = f"{number_format(most, force_grouping=True)}\N{NO-BREAK SPACE}kWh"
    if energy is None:
        return whole
    said = {"most": whole, "used": number_format(energy / 1000, 1, force_grouping=True)}
    if energy >= most * 1000:
        return _("%(most)s, all used up: %(used)s kWh so far") % said
    return _("%(most)s, %(used)s kWh used so far") % said


def _places(user: User, thing: ChargePass | PassGroup) -> Iterator[str]:
    hidden = 0
    for rows, keys in ((locations_for(user, thing), thing.only_locations), (stations_for(user, thing), thing.only_stations)):
        seen = [str(row) for row in rows.filter(pk__in=keys)] if keys else []
        yield from seen
        hidden += len(keys) - len(seen)
    if hidden:
        yield ngettext("%d place that you do not see", "%d places that you do not see", hidden) % hidden


def restrictions_page(
    request: HttpRequest, form: RestrictionsForm, save: Any, context: dict[str, Any], template: str, here: str, latest: Any
) -> HttpResponse:
    """A button that looks places up saves nothing and loses nothing."""
    if request.method == "POST" and request.POST.get("look"):
        Edit.of(form)
        unchecked(form)
        context = context | {"form": form, "drawn": request.POST.get(DRAWN, ""), "submit_label": _("Save")}
        return render(request, template, context)
    return form_page(
        request, form, save, title=context["title"], submit_label=_("Save"), cancel_url="", done=_("Saved."),
        done_url=next_url(request, here), breadcrumbs=context["breadcrumbs"], template=template, context=context,
        latest=lambda name: latest(RECORDED.get(name, name)),
    )  # fmt: skip


def pass_restrictions(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = pass_of(request, pk, MANAGE_PASSES if request.method == "POST" else "")
    lines = list(told(user, found))
    if found.group:
        from_group = _("from the group %s") % found.group
        lines += told(user, found.group, from_group)
    context = sheet(request, found, "restrictions") | {"told": lines}
    if not may(user, MANAGE_PASSES, found):
        return render(request, "passes/pass_restrictions.html", context)
    form = RestrictionsForm(request.POST if request.method == "POST" else None, instance=copy.copy(found), user=user)
    return restrictions_page(
        request, form, lambda values: actions.edit_pass(actor=user, charge_pass=found, **form.restrictions(values)), context,
        "passes/pass_restrictions.html", link("pass_restrictions", pk), last_change(user, found),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [path("passes/<int:pk>/restrictions/", pass_restrictions, name="pass_restrictions")]
