"""The page of a location: what it is and where that comes from, its stations and what they do now."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions, explain
from stations.cards import Faces
from stations.location_forms import described, giver
from stations.models import Connection, Connector, Location, Station, Transaction
from stations.pages.availability_list import in_short
from stations.pages.care import care_context
from stations.pages.location_list import REACHABLE
from tenancy.compensation import KINDS, Given, amount_in_words, given_at
from tenancy.hooks import Part
from tenancy.links import link, organization_link
from tenancy.models import Organization, User
from tenancy.pages.organizations import trail
from tenancy.pages.shared import MANY, user_of
from tenancy.rights import (
    LET_IN,
    MANAGE_LOCATIONS,
    MANAGE_RATES,
    MANAGE_STATIONS,
    PUBLISH_LOCATIONS,
    READ,
    READ_AUDIT,
    READ_MONEY,
    READ_TRANSACTIONS,
    get_for,
    holds,
    may,
)
from ui.forms import confirm_page
from ui.lists import Action

MOST_STATIONS = 100  # on the page of a location
CURRENTS = {"compensation_ac": lazy("Compensation AC"), "compensation_dc": lazy("Compensation DC")}


def located(request: HttpRequest, pk: int, right: str = "") -> Location:
    return get_for(user_of(request), Location.objects.select_related("organization"), right, pk=pk)


def path_to(user: User, location: Location) -> list[tuple[Any, str]]:
    own = location.organization
    return [*trail(user, own), (own, own.get_absolute_url() if may(user, READ, own) else "")]


def path_below(user: User, location: Location) -> list[tuple[Any, str]]:
    return [*path_to(user, location), (location, location.get_absolute_url())]


class Fact(NamedTuple):
    label: Any
    value: SafeString | str
    source: str = ""  # where it comes from, or what it means
    url: str = ""


def facts_of(user: User, location: Location) -> list[Fact]:
    own = location.organization
    mode, meaning = described(location.access_mode)
    town = " ".join(part for part in (location.address, location.country) if part)
    found = [Fact(_("Organization"), organization_link(user, own)), Fact(_("Address"), town or "–")]
    if location.latitude is None or location.longitude is None:
        found.append(Fact(_("Coordinates"), _("none: not on the map")))
    else:
        found.append(
            Fact(_("Coordinates"), f"{location.latitude:.5f}, {location.longitude:.5f}", url=link("map", **{"in": f"l{location.pk}"}))
        )
    found += [
        Fact(_("Time zone"), location.time_zone, _("set here")),
        Fact(
            _("Access mode"),
            mode,
            _("set here. %s") % meaning,
            url=link("location_access", location.pk) if may(user, MANAGE_LOCATIONS, location) else "",
        ),
        Fact(
            _("Published"),
            _("Yes") if location.published else _("No"),
            _("– drivers see it in directories and on the public page") if location.published else _("– drivers do not see it"),
        ),
    ]
    month, shares = in_short(user, connector__station__location=location)
    if shares:
        url = link("availability", **{"in": f"l{location.pk}"})
        found.append(Fact(_("Availability"), shares, month, url=url))
    if may(user, READ_MONEY, location):
        inherited = given_at(own)
        for name in KINDS:
            here = getattr(location, name)
            given = Given(here) if here is not None else inherited[name]
            source = _("set here") if here is not None else _("from %s") % giver(user, given) if given.by else _("set nowhere yet")
            found.append(Fact(CURRENTS[name], amount_in_words(given.amount), source))
    return found


def actions_of(request: HttpRequest, location: Location) -> list[Action]:
    user, pk, token = user_of(request), location.pk, f"l{location.pk}"
    found = []
    if may(user, MANAGE_STATIONS, location):
        found.append(Action(_("Add stations"), link("stations_add", **{"in": token}), icon="plus"))
    if request.GET.get("in") != token:
        found.append(Action(_("Look only at this"), link("location", pk, **{"in": token}), icon="filter"))
    found.append(Action(_("Capacity"), link("location_capacity", pk), icon="gauge"))
    if may(user, MANAGE_LOCATIONS, location) or (may(user, MANAGE_RATES, location) and may(user, READ_MONEY, location)):
        found.append(Action(_("Edit"), link("location_edit", pk), icon="pencil"))
    if may(user, PUBLISH_LOCATIONS, location):
        if location.published:
            found.append(Action(_("Unpublish"), link("location_unpublish", pk), icon="eye-off"))
        else:
            found.append(Action(_("Publish"), link("location_publish", pk), icon="eye"))
    if holds(user, MANAGE_LOCATIONS, location.organization.path):
        found.append(Action(_("Move"), link("location_move", pk), icon="arrows-exchange"))
    if holds(user, LET_IN, location.organization.path):
        found.append(Action(_("Let a service company in"), link("access_add", place=token), icon="door-enter"))
    if may(user, MANAGE_LOCATIONS, location):
        found.append(Action(_("Delete"), link("location_delete", pk), icon="trash"))
    if may(user, READ_AUDIT, location):
        found.append(Action(_("History"), link("location_history", pk), icon="history"))
    return found


def location(request: HttpRequest, pk: int) -> HttpResponse:
    """The stations that stand here, and what they do now; `?part=live` gives the part that changes."""
    user = user_of(request)
    found = located(request, pk)
    stations = list(
        Station.objects.visible_to(user).filter(location=found).with_connection().prefetch_related("connectors")[: MOST_STATIONS + 1]
    )
    open_here = Transaction.objects.visible_to(user).filter(station__location=found, ended_at=None)
    running = list(open_here.select_related("station", "connector")[:MOST_STATIONS])
    cards = Faces(user, ((row.id_tag, found) for row in running))
    context = {
        "title": found.name,
        "location": found,
        "zone": found.zone,
        "breadcrumbs": path_to(user, found),
        "entries": [_row(station) for station in stations[:MOST_STATIONS]],
        "all_url": link("stations", **{"in": f"l{found.pk}"}) if len(stations) > 1 else "",
        "running": [(row, cards.of(row.id_tag, found)) for row in running],
        "sees_charges": may(user, READ_TRANSACTIONS, found),
        "live_url": link("location", found.pk, part="live"),
    }
    if request.GET.get("part") == "live":
        return render(request, "stations/location_live.html", context)
    context |= {"facts": facts_of(user, found), "actions": actions_of(request, found), **care_context(request, found, None)}
    return render(request, "stations/location.html", context)


class Row(NamedTuple):
    """A station of the location. What an `absent` one does nobody knows: its connectors are shown as it last reported them."""

    station: Station
    connection: explain.Meaning
    connectors: list[tuple[Connector, str, explain.Text, explain.Text]]
    absent: bool


def _row(station: Any) -> Row:
    absent = station.connection not in REACHABLE
    connectors = []
    for connector in station.connectors.all():
        if connector.number:
            meaning = explain.status_among(connector, station.connectors.all())
            connectors.append((connector, explain.OFF if absent else meaning.state, meaning.word, meaning.sentence))
    return Row(station, explain.connection(station.connection), connectors, absent)


# -- the publish switch, and the end ------------------------------------------------------------------------------------------------------


def location_publish(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), located(request, pk, PUBLISH_LOCATIONS)
    return confirm_page(
        request, lambda: actions.publish_location(actor=user, location=found, published=True),
        title=_("Publish %s?") % found,
        consequences=[
            _("Drivers then see it, its address and its stations: in directories and on the public page of each station."),
            _("Who may charge does not change by that: its access mode says so."),
        ],
        refusal=_("It is published already.") if found.published else "",
        submit_label=_("Publish location"), submit_class="btn-primary", cancel_url=link("location", pk),
        done=_("%s is published.") % found, done_url=link("location", pk), breadcrumbs=path_below(user, found),
    )  # fmt: skip


def location_unpublish(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), located(request, pk, PUBLISH_LOCATIONS)
    return confirm_page(
        request, lambda: actions.publish_location(actor=user, location=found, published=False),
        title=_("Unpublish %s?") % found,
        consequences=[
            _("Drivers no longer find it in directories, and its stations have no public page."),
            _("Who may charge does not change by that, and what is charging now goes on."),
        ],
        refusal="" if found.published else _("It is not published."),
        submit_label=_("Unpublish location"), cancel_url=link("location", pk), done=_("%s is no longer published.") % found,
        done_url=link("location", pk), breadcrumbs=path_below(user, found),
    )  # fmt: skip


def location_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), located(request, pk, MANAGE_LOCATIONS)
    own = found.organization
    # The scope may go with it: on to where its owner is looked at alone
    after = own.get_absolute_url() if may(user, READ, own) else reverse("locations")
    return confirm_page(
        request, lambda: actions.delete_location(actor=user, location=found),
        title=_("Delete %s?") % found, consequences=[_("The location %s is gone. What was done to it stays in the record.") % found],
        refusal=actions.why_location_stays(found), submit_label=_("Delete location"), cancel_url=link("location", pk),
        done=_("%s is deleted.") % found, done_url=after, breadcrumbs=path_below(user, found),
    )  # fmt: skip


# -- in the list of organizations, and on the page of one ---------------------------------------------------------------------------------


def locations_by_path(user: User) -> dict[str, int]:
    return dict(Location.objects.visible_to(user).order_by().values_list("organization__path").annotate(Count("pk")))


def stations_by_path(user: User) -> dict[str, int]:
    return dict(Station.objects.visible_to(user).order_by().values_list("location__organization__path").annotate(Count("pk")))


def part_of_organization(request: HttpRequest, organization: Organization) -> Part:
    """Its locations, and how its stations and those below are."""
    by_connection = Station.objects.visible_to(request.user).below(organization.path).connection_counts()
    tiles = [
        (
            explain.connection(value),
            by_connection[value],
            link("stations", **{"connection": value, "in": f"o{organization.pk}"}),
        )
        for value in Connection.values
        if by_connection.get(value)
    ]
    own = list(Location.objects.visible_to(request.user).filter(organization=organization)[: MANY + 1])
    total = sum(by_connection.values())
    context = {
        "organization": organization,
        "tiles": tiles,
        "stations": ngettext("%d station here and below", "%d stations here and below", total) % total,
        "locations": own[:MANY],
        "all_url": link("locations", **{"in": f"o{organization.pk}"}) if len(own) > MANY else "",
        "add_url": link("location_add", organization=str(organization.pk)),
        "may_add": may(user_of(request), MANAGE_LOCATIONS, organization),
        "availability": in_short(user_of(request), connector__station__location__organization__path__startswith=organization.path),
        "availability_url": link("availability", **{"in": f"o{organization.pk}", "group": "location"}),
    }
    return Part("stations/organization_part.html", context)
