"""Local authorization lists: what a station should have on its list, the message that brings it there, and what the list means while the
station is offline. Reads and computes; `passes.local_list_sync` sends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, CharField, F, Q, When
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.authorizing import limits_of, line, listings_at
from passes.decision import Limits, ListingFact, PassFact, speaking
from passes.models import ChargePass, Listing, LocalList, normalize_uid
from stations.hooks import Place, place_of
from stations.models import AccessMode, ConfigurationKey, DeviceVariable, Station
from stations.models.device import ACTUAL
from stations.ocpp import versions
from stations.ocpp.intents import ListedCard, SendList

Info = dict[str, str]  # status, expiryDate and parentIdTag, as OCPP 1.6 §7.29 names them
Entries = dict[str, Info]  # UID -> what the list says of it

AT_ONCE = 100  # cards in one message to a station that has not told how many it takes (SendLocalListMaxLength)
ENTRIES = "LocalAuthListCtrlr/Entries"
BYTES, BYTES_OF_ONE, BYTES_AROUND = "LocalAuthListCtrlr/BytesPerMessage", 260, 200  # of a message that OCPP 2.0.1 limits by its length
MOST = 10_000  # on the list of a station that has not told how many it keeps (LocalAuthListMaxLength)
DAILY = timedelta(days=1)
MARKED_AT_ONCE = 5000
# What decides how a station behaves offline, beside the sizes of its list; named as OCPP 1.6 does, other versions have names of their own
KEYS = ("LocalAuthListEnabled", "LocalAuthorizeOffline", "LocalPreAuthorize", "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled")
SIZES = ("LocalAuthListMaxLength", "SendLocalListMaxLength")

# Why a whitelisted pass is not on the list of a station
HOURS, ENERGY, FULL = "hours", "energy", "full"
LEFT_OUT: dict[str, str | Promise] = {
    HOURS: lazy("It is restricted to certain times. A station cannot watch these while it is offline."),
    ENERGY: lazy("It may charge so many kWh only. A station cannot count these while it is offline."),
    FULL: lazy("The list of the station is full."),
}


ANYTHING = ""  # among `LocalList.unconfirmed`: the station has a list that is not ours


class LeftOut(NamedTuple):
    uid: str
    pass_key: int
    why: str  # of LEFT_OUT


class Plan(NamedTuple):
    """What the list of a station should hold, in the order in which it is sent. `until` is when that changes by itself."""

    entries: Entries
    left_out: Sequence[LeftOut] = ()
    until: datetime | None = None
    at_once: int = AT_ONCE


class Message(NamedTuple):
    """What is sent, and the list that it makes of the one that the station has."""

    full: bool  # the whole list, or a difference
    cards: tuple[ListedCard, ...]
    result: Entries


# -- what a list should hold ------------------------------------------------------------------------------------------------------------


def wanted(station: Station) -> Entries:
    """What the list of one station should hold. Its location and organization must be loaded."""
    return plans([station])[station.pk].entries


def plans(stations: Collection[Station], *, whole: Collection[int] = (), now: datetime | None = None) -> dict[int, Plan]:
    """By key, for many stations in a constant number of queries; location and organization must be loaded. Those in `whole` take
    their list in one message only."""
    now = now or timezone.now()
    places = {station.pk: place_of(station) for station in stations}
    paths = {place.organization_path for place in places.values() if AccessMode(place.access_mode).whitelists}
    lines = {above for path in paths for above in line(path)}
    own = [station.location.organization_id for station in stations]
    listings = listings_at(lines, Q(organization__in=own) | Q(below=True)) if lines else {}
    listed = {path: _listed(path, listings, now) for path in paths}
    sizes = _sizes(places)
    return {pk: _plan(place, listed.get(place.organization_path), sizes.get(pk, {}), pk in whole) for pk, place in places.items()}


class _Listed(NamedTuple):
    """What an organization's list lets charge now: (UID, pass), its own passes first; and when that changes by itself."""

    cards: list[tuple[str, PassFact]]
    until: datetime | None


def _listed(path: str, listings: Mapping[str, Iterable[ListingFact]], now: datetime) -> _Listed:
    found: list[tuple[int, str, PassFact]] = []
    until: list[datetime] = []
    for uid, those in listings.items():
        spoken = speaking(path, those)
        if spoken is None or not spoken.whitelist:
            continue
        one = spoken.charge_pass
        if one.blocked or one.user_off or (one.valid_until and one.valid_until <= now):
            continue
        until += [moment for moment in (one.valid_from, one.valid_until) if moment and moment > now]
        if not one.valid_from or one.valid_from <= now:
            found.append((-len(spoken.organization_path), uid, one))
    found.sort(key=lambda row: row[:2])
    return _Listed([(uid, one) for _distance, uid, one in found], min(until, default=None))


def _plan(place: Place, listed: _Listed | None, sizes: Mapping[str, int], whole: bool) -> Plan:
    at_once = max(1, sizes.get("SendLocalListMaxLength") or AT_ONCE)
    if listed is None:
        return Plan({}, at_once=at_once)
    most = sizes.get("LocalAuthListMaxLength", MOST)
    most = min(most, at_once) if whole else most
    entries: Entries = {}
    left_out = []
    for uid, one in listed.cards:
        if not _here(place, one):
            continue
        if why := _cannot(one.limits) or (FULL if len(entries) >= most else ""):
            left_out.append(LeftOut(uid, one.key, why))
        else:
            entries[uid] = _info(one)
    return Plan(entries, left_out, listed.until, at_once)


def _here(place: Place, one: PassFact) -> bool:
    return all(
        place.station in limits.only_stations or place.location in limits.only_locations
        for limits in one.limits
        if limits.only_stations or limits.only_locations
    )


def _cannot(restrictions: Iterable[Limits]) -> str:
    """Why no station can keep a pass with these restrictions on its list; empty when it can."""
    every = list(restrictions)
    if any(limits.hours for limits in every):
        return HOURS
    return ENERGY if any(limits.daily_kwh is not None or limits.monthly_kwh is not None for limits in every) else ""


def _info(one: PassFact) -> Info:
    info = {"status": "Accepted"}
    if one.valid_until:
        info["expiryDate"] = one.valid_until.strftime("%Y-%m-%dT%H:%M:%SZ")
    if one.group_id:
        info["parentIdTag"] = one.group_id[:20]
    return info


def _told(stations: Iterable[int], keys: Collection[str]) -> list[tuple[int, str, str]]:
    """(station, key, value) of their configurations and device models, one query for both. Of ENTRIES the value is how many are on the list
    now; how many fit is the most that it may be."""
    keys = list(keys)
    fit = Case(When(key=ENTRIES, then=Cast(Cast("most", BigIntegerField()), CharField())), default=F("value"), output_field=CharField())
    variables = DeviceVariable.objects.filter(station__in=stations, key__in=keys, attribute=ACTUAL).exclude(key=ENTRIES, most=None)
    rows = ConfigurationKey.objects.filter(station__in=stations, key__in=keys).order_by().annotate(told=Cast("value", CharField()))
    both = rows.values_list("station_id", "key", "told").union(
        variables.order_by().annotate(told=fit).values_list("station_id", "key", "told"), all=True
    )
    return list(both)


def _names(keys: Iterable[str]) -> dict[str, str]:
    """What any version calls these keys -> the key."""
    return {speaker.key_of(key): key for key in keys for speaker in versions.speakers()}


def _sizes(stations: Iterable[int]) -> dict[int, dict[str, int]]:
    """By SIZES, as far as stations told them. A station that limits the length of a message is given cards for so many bytes."""
    found: dict[int, dict[str, int]] = {}
    names = _names(SIZES) | {BYTES: BYTES}
    for station, key, value in _told(stations, names):
        if value.isascii() and value.isdecimal() and len(value) < 9:
            found.setdefault(station, {})[names[key]] = int(value)
    for sizes in found.values():
        if room := sizes.pop(BYTES, 0):
            fitting = max(1, (room - BYTES_AROUND) // BYTES_OF_ONE)
            sizes["SendLocalListMaxLength"] = min(fitting, sizes.get("SendLocalListMaxLength") or AT_ONCE)
    return found


# -- bringing it there ------------------------------------------------------------------------------------------------------------------


def next_message(known: Entries, wanted: Entries, *, full: bool = False, at_once: int = AT_ONCE) -> Message | None:
    """The message that brings a station which has `known` nearer to `wanted`, with `at_once` cards at most; None when it is there already.

    What does not fit follows by more of them, each made from the result of the one before: after a part of the whole list, its rest comes
    as differences. `full` replaces the list even if it is as wanted. Cards that are gone go first: they make room, and must not charge.
    """
    gone = sorted(known.keys() - wanted.keys())
    changed = [uid for uid, info in wanted.items() if known.get(uid) != info]
    if not full and not gone and not changed:
        return None
    if full or len(gone) + len(changed) > len(wanted):
        part = dict(list(wanted.items())[:at_once])
        return Message(True, tuple(listed(uid, info) for uid, info in part.items()), part)
    gone = gone[:at_once]
    changed = changed[: at_once - len(gone)]
    result = {uid: info for uid, info in known.items() if uid not in gone} | {uid: wanted[uid] for uid in changed}
    return Message(False, (*(ListedCard(uid) for uid in gone), *(listed(uid, wanted[uid]) for uid in changed)), result)


def listed(uid: str, info: Info) -> ListedCard:
    return ListedCard(uid, info["status"], info.get("expiryDate", ""), info.get("parentIdTag", ""))


# -- what is due ------------------------------------------------------------------------------------------------------------------------


def stations_changed(stations: Collection[int]) -> None:
    """Who may charge at these stations may have changed: their lists are looked at. Call it inside the transaction that changes it."""
    keys = list(stations)
    for first in range(0, len(keys), MARKED_AT_ONCE):
        _due(Q(station__in=keys[first : first + MARKED_AT_ONCE]))


def configuration_changed(station: int, keys: Collection[str]) -> None:
    """Configuration keys of a station have another value than was known: how much goes on its list may have changed."""
    if any(key in _names(SIZES) or key == BYTES for key in keys):
        stations_changed([station])
    if any(key in versions.telling(SendList) for key in keys):  # whether it has a list at all
        LocalList.objects.filter(station=station, state=LocalList.State.UNSUPPORTED).update(
            state=LocalList.State.WAITING, due_at=timezone.now(), firmware=""
        )


def listings_changed(listings: Any) -> None:
    """The same for the stations where these listings (a queryset) hold. Before they go, or after they came; both where `below` changes."""
    touched = Q(pk__in=[])
    here = set()
    for organization, path, below in listings.order_by().values_list("organization_id", "organization__path", "below").distinct():
        if below:
            touched |= Q(station__location__organization__path__startswith=path)
        else:
            here.add(organization)
    if here:
        touched |= Q(station__location__organization__in=here)
    _due(touched)


def passes_changed(passes: Any) -> None:
    """The same for passes: their keys, or a queryset of them."""
    listings_changed(Listing.objects.filter(charge_pass__in=passes))


def _due(lists: Q) -> None:
    LocalList.objects.filter(lists).exclude(state=LocalList.State.UNSUPPORTED).update(due_at=timezone.now())


# -- while the station is offline -------------------------------------------------------------------------------------------------------


class Offline(NamedTuple):
    """Whether a card charges while the station is offline, as far as is known, and why."""

    answer: str  # "yes", "no" or "unknown"
    why: str


YES, NO, UNKNOWN = "yes", "no", "unknown"


class Behaviour:
    """What is known of how a station decides by itself: its configuration as it was last read, and the list it has."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.speaker = versions.speaker(station.ocpp_version)
        names = {self.speaker.key_of(key): key for key in (*KEYS, *SIZES)}
        self.values = {names[key]: value for _station, key, value in _told([station.pk], names)}  # by the names of 1.6
        self.list = LocalList.objects.filter(station=station).first()
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan:
        if self._plan is None:
            whole = [self.station.pk] if self.list and self.list.full_only else []
            self._plan = plans([self.station], whole=whole)[self.station.pk]
        return self._plan

    def named(self, key: str) -> str:
        """What the station itself calls it."""
        return self.speaker.key_of(key)

    def set_to(self, key: str) -> bool | None:
        """None where it is not known."""
        value = self.values.get(key, "").strip().lower()
        return {"true": True, "false": False, "1": True, "0": False}.get(value)

    def of(self, uid: str, now: datetime | None = None) -> Offline:
        uid, now = normalize_uid(uid), now or timezone.now()
        entry = self.list.entries.get(uid) if self.list else None
        maybe = self._maybe(uid)
        unread = _("The station's configuration has not been read, so nobody knows. Read it on its tab Configuration.")
        on_it = _("The card is on the station's list.")
        if maybe and self.set_to("LocalAuthListEnabled") is not False:
            if self.set_to("LocalAuthorizeOffline") is False and self.set_to("AllowOfflineTxForUnknownId") is False:
                return Offline(NO, _("The station starts no charge offline (%s).") % self.named("LocalAuthorizeOffline"))
            return Offline(UNKNOWN, maybe)
        if entry is None or self.set_to("LocalAuthListEnabled") is False:
            every = self.set_to("AllowOfflineTxForUnknownId")
            if every:
                return Offline(
                    YES, _("The station lets every card charge that is not on its list (%s).") % self.named("AllowOfflineTxForUnknownId")
                )
            missing = _("The station does not use its list (%s).") % self.named("LocalAuthListEnabled") if entry else self._why_missing(uid)
            if self.set_to("AuthorizationCacheEnabled"):
                cache = _("It may remember the card from an earlier charge (%s).") % self.named("AuthorizationCacheEnabled")
                return Offline(UNKNOWN, f"{missing} {cache}")
            return Offline(UNKNOWN, f"{missing} {unread}") if every is None else Offline(NO, missing)
        expires = parse_datetime(entry.get("expiryDate", ""))
        if expires and expires <= now:
            return Offline(NO, _("The card is on the station's list, but its validity is over."))
        if self.set_to("LocalAuthorizeOffline") is False:
            return Offline(
                NO,
                _("The card is on the station's list, but the station starts no charge offline (%s).")
                % self.named("LocalAuthorizeOffline"),
            )
        if self.set_to("LocalAuthorizeOffline") is None or self.set_to("LocalAuthListEnabled") is None:
            return Offline(UNKNOWN, f"{on_it} {unread}")
        return Offline(YES, on_it)

    def _maybe(self, uid: str) -> str:
        """Why nobody knows whether a card is on the list; empty where that is known."""
        if self.list is None or self.list.state == LocalList.State.UNSUPPORTED:
            return ""
        if self.list.unconfirmed is not None:
            if ANYTHING in self.list.unconfirmed:
                return _("The station has another list than it was given, so it is not known whether the card is on it.")
            if uid in self.list.entries or uid in self.list.unconfirmed:
                return _("The station was sent a list and did not answer, so it is not known whether the card is on it.")
        sent = (self.list.sending or {}).get("entries")
        if sent is not None and sent.get(uid) != self.list.entries.get(uid):
            return _("The station was sent its list just now and has not answered yet.")
        return ""

    def _why_missing(self, uid: str) -> str:
        if self.list and self.list.state == LocalList.State.UNSUPPORTED:
            return _("The station has no local list: offline it takes no card.")
        if uid in self.plan.entries:
            if self.list and self.list.state == LocalList.State.FAILED:
                return _("The station refused the list with this card.")
            return _("The card is not on the station's list yet: it is on its way.")
        if left := next((one for one in self.plan.left_out if one.uid == uid), None):
            not_on_it = _("The card is not on the station's list.")
            return f"{not_on_it} {LEFT_OUT[left.why]}"
        if not self.station.effective_access_mode.whitelists:
            return _("Stations keep whitelisted passes on their list only, and this one does not whitelist.")
        return _("The card is not on the station's list: no pass with it is whitelisted here, or it may not charge now.")


def kept_offline(charge_pass: ChargePass) -> Offline:
    """Whether stations keep this pass on their lists at all. Its user and group must be loaded."""
    limits = [limits_of(one) for one in (charge_pass, charge_pass.group) if one]
    if why := _cannot(limits):
        return Offline(NO, str(LEFT_OUT[why]))
    if charge_pass.blocked or (charge_pass.user and not charge_pass.user.is_active):
        if _may_be_left_on_a_list(charge_pass):
            return Offline(UNKNOWN, _("Some stations may still have it on their list: they have not confirmed yet that it is taken off."))
        return Offline(NO, _("Stations are told whitelisted passes that may charge."))
    if not Listing.objects.filter(charge_pass=charge_pass, whitelist=True).exists():
        return Offline(NO, _("Only whitelisted passes are on the lists of stations."))
    return Offline(YES, _("only at stations that whitelist it and keep a local list; each shows its own"))


def _may_be_left_on_a_list(charge_pass: ChargePass) -> bool:
    """Whether a station where it is listed was not told of the last change, or did not answer."""
    places = Q(pk__in=[])
    for organization, path, below in Listing.objects.filter(charge_pass=charge_pass).values_list(
        "organization_id", "organization__path", "below"
    ):
        at = "station__location__organization"
        places |= Q(**{f"{at}__path__startswith": path}) if below else Q(**{at: organization})
    State = LocalList.State
    unsettled = ~Q(state__in=[State.IN_STEP, State.UNSUPPORTED]) | Q(state=State.IN_STEP, due_at__lte=timezone.now())
    maybe = Q(entries__has_key=charge_pass.uid) | Q(unconfirmed__isnull=False)
    return LocalList.objects.filter(places & unsettled & maybe).exists()


def offline(station: Station, uid: str) -> Offline:
    """Whether a card charges there while the station is offline. Location and organization must be loaded."""
    return Behaviour(station).of(uid)
