"""The Local list tab of a station: which cards charge there while it is offline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from passes import actions, local_lists
from passes.local_lists import Behaviour
from passes.models import LocalList
from stations.actions import CommandRefused
from stations.cards import Faces
from stations.controls import Situation
from stations.hooks import SheetTab, known_cards
from stations.models import Station
from stations.ocpp.intents import SendList
from stations.pages.sheet_head import action, sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import MASK
from tenancy.rights import LABELS, READ, READ_CONFIGURATION, UPDATE_LOCAL_LISTS, get_for

Text = str | Promise

TAB = SheetTab("local_list", lazy("Local list"), "station_local_list", READ)
MOST_SHOWN = 500

# Which of the six states, the word, and what it means
STATES: dict[str, tuple[str, Text, Text]] = {
    "none": ("off", lazy("No list"), lazy("The station was never given a list, and needs none now.")),
    LocalList.State.IN_STEP: ("available", lazy("In step"), lazy("The station has exactly the cards that may charge here.")),
    LocalList.State.WAITING: ("waiting", lazy("Waits to be sent"), lazy("Who may charge here has changed. The station is told soon.")),
    "away": ("waiting", lazy("Waits for the station"), lazy("Who may charge here has changed. The station is told when it is back.")),
    LocalList.State.SENDING: ("busy", lazy("On its way"), lazy("The station was sent something and has not answered yet.")),
    LocalList.State.FAILED: ("fault", lazy("Refused by the station"), lazy("It is tried again by itself, after ever longer pauses.")),
    LocalList.State.UNANSWERED: (
        "waiting",
        lazy("No answer came"),
        lazy("The station was sent its list and did not answer: it is not known what is on its list. The whole list is sent again."),
    ),
    LocalList.State.UNSUPPORTED: (
        "off",
        lazy("Not supported"),
        lazy("The station says that it has no local list. It is looked at again when it has another firmware, or says otherwise."),
    ),
}
# What the station answered last, where that was no
PROBLEMS: dict[str, Text] = {
    "Failed": lazy("The station could not take the list."),
    "VersionMismatch": lazy("The station had another version of the list than we thought."),
    "timed_out": lazy("The station did not answer in time."),
}
# key -> what it means when it is true, and when it is false
KEYS: dict[str, tuple[Text, Text]] = {
    "LocalAuthListEnabled": (lazy("The station uses its list."), lazy("The station has a list and does not use it.")),
    "LocalAuthorizeOffline": (
        lazy("While it is offline it starts charges for cards it knows."),
        lazy("While it is offline it starts no charge at all for a card."),
    ),
    "LocalPreAuthorize": (
        lazy("Also while it is online a card on its list starts at once, without asking here first."),
        lazy("While it is online it asks here about every card."),
    ),
    "AllowOfflineTxForUnknownId": (
        lazy("While it is offline it also starts for cards it does not know. They are checked when it is back."),
        lazy("While it is offline it refuses cards it does not know."),
    ),
    "AuthorizationCacheEnabled": (
        lazy("It remembers cards that were accepted here and may take them offline too."),
        lazy("It does not remember cards that were accepted here."),
    ),
}
SIZES: dict[str, Text] = {
    "LocalAuthListMaxLength": lazy("So many cards fit on its list."),
    "SendLocalListMaxLength": lazy("So many cards fit into one message."),
}


class Key(NamedTuple):
    name: str
    value: str  # empty: the station does not tell
    meaning: Text


class Row(NamedTuple):
    """A card that is on the list, or is left out of it: as far as the person may know it."""

    number: str
    name: str = ""
    url: str = ""
    hidden: bool = False  # none that the person sees
    why: Text = ""  # left out
    expires: str = ""


def station_of(request: HttpRequest, pk: int, right: str = READ) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def _rows(request: HttpRequest, station: Station, uids: Iterable[tuple[str, Text, str]]) -> list[Row]:
    """One for each (UID, why it is left out, expiry date). The number of a pass that belongs to somebody unseen stays hidden: whoever knows
    it could make such a card."""
    given = list(uids)
    if not Faces(request.user, []).seen(station.location):
        return [Row(MASK, why=why, expires=expires) for _uid, why, expires in given]
    known = known_cards(request.user, [uid for uid, _why, _expires in given])
    rows = []
    for uid, why, expires in given:
        card = known.get(uid)
        if card and card.name:
            rows.append(Row(uid, card.name, card.url, why=why, expires=expires))
        else:
            rows.append(Row(MASK, hidden=True, why=why, expires=expires))
    return sorted(rows, key=lambda row: (row.hidden, row.name.casefold() or "\uffff", row.number))


def _state(behaviour: Behaviour) -> tuple[str, Text, Text]:
    row, station = behaviour.list, behaviour.station
    differs = (row.entries if row else {}) != behaviour.plan.entries
    if row is None or (row.version == 0 and row.state in {LocalList.State.IN_STEP, LocalList.State.WAITING}):
        name = LocalList.State.WAITING if differs else "none"
    else:
        name = LocalList.State.WAITING if row.state == LocalList.State.IN_STEP and differs else row.state
        if name == LocalList.State.WAITING and not differs and not row.full_next:
            name = LocalList.State.IN_STEP
    return STATES["away" if name == LocalList.State.WAITING and not station.connected else name]


def _context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station = situation.station
    behaviour = Behaviour(station)
    row, plan = behaviour.list, behaviour.plan
    entries = dict(sorted((row.entries if row else {}).items())[:MOST_SHOWN])
    left_out = plan.left_out[:MOST_SHOWN]
    cards = _rows(request, station, ((uid, "", info.get("expiryDate", "")[:10]) for uid, info in entries.items()))
    may_send = situation.may(UPDATE_LOCAL_LISTS)
    refusal = "" if may_send else _("You don't have the right to %s here.") % LABELS[UPDATE_LOCAL_LISTS]
    known = row.entries if row else {}
    unsupported = bool(row and row.state == LocalList.State.UNSUPPORTED)
    gone = len(known.keys() - plan.entries.keys())
    added = 0 if unsupported else sum(known.get(uid) != info for uid, info in plan.entries.items())
    return {
        "station": station,
        "zone": station.location.zone,
        "list": row,
        "list_state": _state(behaviour),
        "count": len(known),
        "confirmed": not (row and row.unconfirmed is not None and not unsupported),
        "cards": cards,
        "more": max(0, len(known) - len(cards)),
        "masked": bool(cards) and not Faces(request.user, []).seen(station.location),
        "to_come": added,
        "to_go": gone,
        "left_out": _rows(request, station, ((one.uid, local_lists.LEFT_OUT[one.why], "") for one in left_out)),
        "left_out_count": len(plan.left_out),
        "whitelists": station.effective_access_mode.whitelists,
        "problem": str(PROBLEMS.get(row.problem) or _("The station answered: %s.") % row.problem) if row and row.problem else "",
        "full_only": bool(row and row.full_only),
        "keys": _keys(behaviour) if situation.may(READ_CONFIGURATION) else None,
        "keys_read": bool(behaviour.values),
        "refresh": action(situation, "get-configuration", link("station_local_list", station.pk), place="l"),
        "configuration_url": link("station_configuration", station.pk),
        "passes_url": f"{reverse('passes')}?in=o{station.location.organization_id}",
        "send_refusal": refusal or _lacks(situation),
        "version_refusal": refusal or _lacks(situation) or situation.unreachable(),
        "here": link("station_local_list", station.pk),
        "fragment_url": link("station_local_list_live", station.pk),
    }


def _lacks(situation: Situation) -> str:
    """That the station, by what it tells of itself, has no list."""
    if not situation.speaker.missing_profile(SendList, situation.told):
        return ""
    return _("The station says that it has no local list: what it told of itself does not name it.")


def _keys(behaviour: Behaviour) -> list[Key]:
    rows = []
    for name, (yes, no) in KEYS.items():
        switch = behaviour.set_to(name)
        rows.append(Key(behaviour.speaker.key_of(name), behaviour.values.get(name, ""), "" if switch is None else yes if switch else no))
    return rows + [
        Key(behaviour.speaker.key_of(name), behaviour.values[name], text) for name, text in SIZES.items() if name in behaviour.values
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def local_list(request: HttpRequest, pk: int) -> HttpResponse:
    """POST with `do` "send" sends the whole list again, with "version" asks the station which one it has."""
    if request.method == "POST":
        return _do(request, station_of(request, pk, UPDATE_LOCAL_LISTS))
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    return render(
        request, "passes/local_list.html", {**sheet_context(request, station, TAB.name, situation), **_context(request, situation)}
    )


def _do(request: HttpRequest, station: Station) -> HttpResponse:
    back = redirect(link("station_local_list", station.pk))
    if request.POST.get("do") == "version":
        try:
            actions.read_local_list_version(actor=user_of(request), station=station)
        except CommandRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Asked %s which version of the list it has.") % station)
    else:
        actions.send_local_list(actor=user_of(request), station=station)
        count = len(local_lists.wanted(station))
        messages.success(request, ngettext("The list with %d card is sent again.", "The list with %d cards is sent again.", count) % count)
    return back


def local_list_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the tab."""
    return render(request, "passes/local_list_live.html", _context(request, Situation(request.user, station_of(request, pk))))


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/local-list/", local_list, name="station_local_list"),
    path("stations/<int:pk>/local-list/live/", local_list_fragment, name="station_local_list_live"),
]
