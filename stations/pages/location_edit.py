"""Adding a location in three steps, editing it on one page, and moving it to another organization."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions, hooks
from stations.actions.locations import accesses_at
from stations.forms import Part
from stations.location_forms import AccessForm, DetailsForm, LocationForm, MoveForm, RatesForm
from stations.models import Location, Station, Transaction
from stations.pages.location_list import LocationList, may_add
from stations.pages.locations import (
    located,
    location,
    location_delete,
    location_publish,
    location_unpublish,
    path_below,
)
from stations.pages.map import locations_map
from tenancy.actions.moves import companies_by_move, newly_above
from tenancy.compensation import KINDS, amount_in_words, given_at
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.organizations import proposed
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_RATES, READ_MONEY, Missing, get_for, holds, may
from ui.forms import Trail, form_page, next_url
from ui.wizard import Step, Wizard


class AddLocation(Wizard):
    title, submit_label = lazy("Add a location"), lazy("Add location")
    flow = (
        Step("details", lazy("Details"), DetailsForm),
        Step("access", lazy("Access"), AccessForm),
        Step(
            "rates", lazy("Rates"), RatesForm, when=lambda wizard: wizard.may_set_rates(),
            intro=lazy("What the owner gets for each kWh that others charge here, without VAT."),
        ),
    )  # fmt: skip

    @property
    def user(self) -> User:
        return user_of(self.request)

    @property
    def owner(self) -> Organization | None:
        return self.typed("details").get("organization")

    def may_set_rates(self) -> bool:
        owner = self.owner
        return owner is not None and all(holds(self.user, right, owner.path) for right in (READ_MONEY, MANAGE_RATES))

    def admit(self) -> None:
        if not may_add(self.user):
            raise Missing(MANAGE_LOCATIONS)

    def propose(self) -> dict[str, Any]:
        return {"organization": proposed(self.request, "organization", MANAGE_LOCATIONS).pk}

    def form_options(self, step: str) -> dict[str, Any]:
        return {"user": self.user} | ({} if step == "details" else {"organization": self.owner})

    def cancel_url(self) -> str:
        return link("locations")

    def breadcrumbs(self) -> Trail:
        return [(_("Locations"), link("locations"))]

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        owner = get_for(self.user, Organization.objects.all(), MANAGE_LOCATIONS, pk=values.pop("organization").pk)
        made = actions.create_location(actor=self.user, organization=owner, **values)
        messages.success(self.request, _("Location added. Next: the stations that stand there."))
        return redirect(made.get_absolute_url())


def location_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Whoever may change the rates alone gets these alone."""
    user, found = user_of(request), located(request, pk)
    rates = may(user, MANAGE_RATES, found) and may(user, READ_MONEY, found)
    everything = may(user, MANAGE_LOCATIONS, found)
    if not everything and not rates:
        located(request, pk, MANAGE_LOCATIONS)
    kind = LocationForm if everything else RatesForm
    form = kind(request.POST or None, instance=copy.copy(found), user=user)

    here = next_url(request, link("location", pk))
    return form_page(
        request, form, lambda values: actions.edit_location(actor=user, location=found, **values), title=_("Edit %s") % found,
        submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here, breadcrumbs=path_below(user, found),
        template="stations/station_form.html", context={"parts": Part.of(form, LocationForm.parts)},
        latest=last_change(user, found, found.zone),
    )  # fmt: skip


# -- to another organization --------------------------------------------------------------------------------------------------------------


def location_move(request: HttpRequest, pk: int) -> HttpResponse:
    """First where to, then what changes, then it is done."""
    user, found = user_of(request), located(request, pk, MANAGE_LOCATIONS)
    own = found.organization
    if not holds(user, MANAGE_LOCATIONS, own.path):  # let in at this location alone
        raise Missing(MANAGE_LOCATIONS, own.path)
    form = MoveForm(request.POST or None, user=user, location=found)
    here = link("location", pk)
    if request.method == "POST" and request.POST.get("confirmed") != "1" and form.is_valid():
        to = form.cleaned_data["organization"]
        context = {
            "title": _("Move %(location)s to %(organization)s?") % {"location": found, "organization": to},
            "consequences": what_changes(user, found, to),
            "hidden": [("organization", to.pk)],
            "submit_label": _("Move location"),
            "cancel_url": here,
            "breadcrumbs": path_below(user, found),
        }
        return render(request, "ui/confirm.html", context)

    def move(values: dict[str, Any]) -> Location:
        to = get_for(user, Organization.objects.all(), MANAGE_LOCATIONS, pk=values["organization"].pk)
        return actions.move_location(actor=user, location=found, organization=to)

    return form_page(
        request, form, move, title=_("Move %s") % found, submit_label=_("Next"), cancel_url=here, done=_("%s is moved.") % found,
        done_url=lambda moved: moved.get_absolute_url(), breadcrumbs=path_below(user, found),
        intro=_("It belongs to %s now. The next page says what changes, before anything is done.") % own,
    )  # fmt: skip


def what_changes(user: User, location: Location, to: Organization) -> list[str]:
    """Sentences about what comes of moving `location`. Of what `user` may not see nothing is said, nor counted."""
    own = location.organization
    said = [_goes_along(user, location)]
    lost, gained = newly_above(to.path, own.path), newly_above(own.path, to.path)
    if names := _names(user, lost):
        said.append(_("No longer seen by the people of: %s.") % names)
    if names := _names(user, gained):
        said.append(_("Seen from then on by the people of: %s, as far as their roles allow.") % names)
    said += companies_by_move(user, lost, gained)
    stop, begin = hooks.cards_changed_by_move(user, own.path, to.path)
    if stop:
        said.append(
            ngettext(
                "%d pass on a list no longer charges at its stations that ask for one.",
                "%d passes on lists no longer charge at its stations that ask for one.",
                stop,
            )
            % stop
        )
    if begin:
        said.append(ngettext("%d pass begins to charge there.", "%d passes begin to charge there.", begin) % begin)
    said += _compensation(user, location, to)
    if count := accesses_at(location).count():
        said.append(
            ngettext(
                "The access that a service company has to it alone ends: %(organization)s gave it.",
                "The %(count)d accesses that service companies have to it alone end: %(organization)s gave them.",
                count,
            )
            % {"count": count, "organization": own}
        )
    return said


def _goes_along(user: User, location: Location) -> str:
    stations = Station.objects.visible_to(user).filter(location=location).count()
    text = ngettext("Its %d station goes along", "Its %d stations go along", stations) % stations if stations else _("It has no stations")
    recorded = Transaction.objects.visible_to(user).filter(station__location=location).count()
    if recorded:
        more = ngettext("%d transaction and all that was recorded", "%d transactions and all that was recorded", recorded) % recorded
        text += _(", with %s") % more
    return f"{text}."


def _names(user: User, organizations: list[int]) -> str:
    rows = {row.pk: row.name for row in Organization.objects.visible_to(user).filter(pk__in=organizations)}
    return ", ".join(rows[pk] for pk in organizations if pk in rows)


def _compensation(user: User, location: Location, to: Organization) -> list[str]:
    empty = [name for name in KINDS if getattr(location, name) is None]
    if not empty or not (may(user, READ_MONEY, location) and holds(user, READ_MONEY, to.path)):
        return []
    now, then = given_at(location.organization), given_at(to)
    said = []
    for name in empty:
        if now[name].amount != then[name].amount:
            words = {
                "current": "AC" if name == KINDS[0] else "DC",
                "before": amount_in_words(now[name].amount),
                "after": amount_in_words(then[name].amount),
            }
            said.append(
                _("The compensation for %(current)s, which it has from its organization, changes from %(before)s to %(after)s.") % words
            )
    return said


urlpatterns: list[URLPattern] = [
    path("locations/", LocationList.as_view(), name="locations"),
    path("locations/add/", AddLocation.as_view(), name="location_add"),
    path("locations/<int:pk>/", location, name="location"),
    path("locations/<int:pk>/edit/", location_edit, name="location_edit"),
    path("locations/<int:pk>/publish/", location_publish, name="location_publish"),
    path("locations/<int:pk>/unpublish/", location_unpublish, name="location_unpublish"),
    path("locations/<int:pk>/move/", location_move, name="location_move"),
    path("locations/<int:pk>/delete/", location_delete, name="location_delete"),
    path("map/", locations_map, name="map"),
]
