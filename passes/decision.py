"""The decision: may this card charge here, who pays, and why. Pure – it knows what `Facts` say and nothing else.

The rules, in order (docs: domain, access modes and passes):

1. At an open station every card charges, unchecked. A station that is set to let everybody charge (NoAuthorization of OCPP 2.0.1) does so
   wherever it is: its owner pays. An id that it made up by itself (Local) tells nobody who pays, so elsewhere than at an open station it is
   refused; what it has begun is kept and marked.
2. The pass on the list of the station's organization speaks for the card; without one, that of the nearest organization above whose
   listing holds below too. A blocked pass is refused, there and at everything below, however the station would else take the card.
3. Where the station whitelists and the pass is whitelisted, the driver charges free – within its validity and its restrictions.
4. Where the station roams and a connected network knows the card and lets it charge, the driver pays; without the surcharge when the pass
   is listed as roaming free. What a pass may no longer do free a public card may still do for the driver's own money.
5. A card that charges already does not start a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from passes.models.passes import normalize_uid, usual_uid
from stations.hooks import START, STOP, Advice, Offer, Step, Verdict
from stations.models import AccessMode, Settlement

FRESH = timedelta(minutes=10)  # how long what a provider said of a card holds for the start that follows

ACCEPTED, INVALID, BLOCKED, EXPIRED, CONCURRENT = "Accepted", "Invalid", "Blocked", "Expired", "ConcurrentTx"
# IdTokenEnumType: what a station says of a start without a card
LOCAL, NO_AUTHORIZATION = "Local", "NoAuthorization"
TYPED = "KeyCode"  # a code typed in at the station: that of a pass that has it as its UID, but never the number of a card
FREE = (Settlement.WHITELIST, Settlement.ROAMING_FREE)  # what a pass is listed for, and limited in
# OCPI AllowedType -> OCPP status and our reason
ANSWERS = {
    "BLOCKED": (BLOCKED, "network_blocked"),
    "EXPIRED": (EXPIRED, "network_expired"),
    "NO_CREDIT": (BLOCKED, "network_credit"),
    "NOT_ALLOWED": (INVALID, "network_refused"),
    "UNKNOWN": (INVALID, "network_unknown"),  # those that were asked about a card that nobody told of
}


class Limits(NamedTuple):
    """Restrictions of a pass or a group (passes.models.Restricted). `record` and `key` say of which."""

    record: str
    key: int
    only_stations: Sequence[int] = ()
    only_locations: Sequence[int] = ()
    hours: Sequence[Mapping[str, object]] = ()
    daily_kwh: int | None = None
    monthly_kwh: int | None = None


class PassFact(NamedTuple):
    key: int
    organization_path: str
    holder: str
    blocked: bool = False
    user_off: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    several_at_once: bool = False
    group_id: str = ""
    limits: Sequence[Limits] = ()  # its own and its group's, those that restrict something


class ListingFact(NamedTuple):
    key: int
    organization_path: str
    whitelist: bool
    roaming_free: bool
    below: bool
    charge_pass: PassFact


class ProviderFact(NamedTuple):
    key: int
    organization_path: str
    realtime: bool = False
    ask_unknown: bool = False


class TokenFact(NamedTuple):
    key: int
    provider: ProviderFact
    holder: str = ""
    valid: bool = True
    whitelist: str = "ALLOWED"
    group_id: str = ""
    last_updated: datetime | None = None
    answer: str = ""
    answered_at: datetime | None = None
    type: str = "RFID"


class Running(NamedTuple):
    """An accepted transaction that goes on, at (station, connector number)."""

    key: int
    station: int
    connector: int | None
    started_at: datetime
    pass_key: int | None
    token_key: int | None


class Used(NamedTuple):
    """Energy charged in the day and in the month of the offer, in Wh."""

    day: int = 0
    month: int = 0


class Facts(NamedTuple):
    """What is known of one card at one moment."""

    listings: Sequence[ListingFact] = ()
    tokens: Sequence[TokenFact] = ()
    providers: Sequence[ProviderFact] = ()
    when_silent: str = "refuse"
    policy_key: int = 0
    running: Sequence[Running] = ()
    used: Mapping[tuple[str, int], Used] = {}


def decide(offer: Offer, facts: Facts) -> Verdict:
    """The verdict. Its `ask` is not empty where a provider must be asked in real time first; what it says then goes into `offer.advice`."""
    place, mode = offer.place, AccessMode(offer.place.access_mode)
    where = (place.mode_from, place.station if place.mode_from == "station" else place.location)
    listing = speaking(place.organization_path, facts.listings)
    spoken = listing.charge_pass if listing else None
    known = {"holder": _name(offer, spoken), "pass_key": spoken.key, "group_id": spoken.group_id} if spoken else {}
    if offer.id_type == NO_AUTHORIZATION:
        return Verdict(ACCEPTED, "no_authorization", settlement=str(Settlement.OPEN), steps=(Step("no_authorization", True),))
    if offer.id_type == LOCAL and mode != AccessMode.OPEN:
        return Verdict(INVALID, "no_card", steps=(Step("open", False, *where), Step("card", False)))
    if mode == AccessMode.OPEN:
        return Verdict(ACCEPTED, "open", settlement=str(Settlement.OPEN), steps=(Step("open", True, *where),), **known)  # type: ignore[arg-type]

    if offer.id_type == TYPED and _is_of_a_card(normalize_uid(offer.id_tag)):
        return Verdict(INVALID, "typed", steps=(Step("typed", False),))

    steps = [Step("known", True, "pass", spoken.key) if spoken else Step("known", False)]
    invalid = limited = None  # why the pass itself may not charge, and why not here and now
    if spoken:
        for status, reason, step in _of_pass(offer, spoken):
            steps.append(step)
            if step.good is False and reason in ("blocked", "user_off"):
                return Verdict(status, reason, steps=tuple(steps), **known)  # type: ignore[arg-type]
            if step.good is False:
                invalid = invalid or (status, reason)
        for status, reason, step in _of_limits(offer, spoken, facts) if not invalid else ():
            steps.append(step)
            if not step.good:
                limited = limited or (status, reason)
    usable = not (invalid or limited)

    steps.append(Step("whitelist_mode", mode.whitelists, *where))
    if mode.whitelists and listing:
        steps.append(Step("whitelisted", listing.whitelist, "listing", listing.key))
        if listing.whitelist and usable:
            token = next(iter(connected(place.organization_path, facts.tokens)), None)
            return _accept(offer, facts, steps, "listed", Settlement.WHITELIST, spoken, token)

    steps.append(Step("roaming_mode", mode.roams, *where))
    token, allowed, ask = _network(offer, facts, steps) if mode.roams or not spoken else (None, "", ())
    if ask and mode.roams:
        return Verdict(INVALID, "network_silent", steps=tuple(steps), ask=ask, **known)  # type: ignore[arg-type]
    if allowed == "ALLOWED" and mode.roams:
        free = bool(listing and listing.roaming_free and usable)
        if listing and free:
            steps.append(Step("roaming_free", True, "listing", listing.key))
        form = Settlement.ROAMING_FREE if free else Settlement.ROAMING
        return _accept(offer, facts, steps, str(form), form, spoken, token)
    status, reason = (
        invalid
        or (limited if listing and listing.whitelist and mode.whitelists else None)
        or _refusal(mode, listing, token, allowed if mode.roams else "")
    )
    return Verdict(status, reason, token_key=token.key if token else None, steps=tuple(steps), **known)  # type: ignore[arg-type]


def _is_of_a_card(code: str) -> bool:
    """Eight digits may be a code that somebody chose."""
    return usual_uid(code) and not (len(code) == 8 and code.isdecimal())


def _refusal(mode: AccessMode, listing: ListingFact | None, token: TokenFact | None, allowed: str) -> tuple[str, str]:
    """Why a card is not taken that nothing is wrong with by itself: (status, reason)."""
    if allowed in ANSWERS:
        return ANSWERS[allowed]
    if allowed == "SILENT":
        return INVALID, "network_silent"
    if listing is None:
        return INVALID, "mode" if token else "unknown"
    if listing.whitelist and not mode.whitelists:
        return INVALID, "mode"
    if mode.roams and (listing.roaming_free or not mode.whitelists):
        return INVALID, "network_unknown"
    return INVALID, "mode" if listing.roaming_free else "not_listed"


def speaking(path: str, listings: Iterable[ListingFact]) -> ListingFact | None:
    """The listing that speaks for a card at the organization with this path: its own, or the nearest above that holds below too, as that of
    a pass does which its organization has blocked. A pass of an organization that is neither above nor below the one that lists it (it was
    moved) speaks nowhere."""
    best: ListingFact | None = None
    for one in listings:
        at, owner = one.organization_path, one.charge_pass.organization_path
        stopped = at == owner and (one.charge_pass.blocked or one.charge_pass.user_off)
        if not (at == path or ((one.below or stopped) and path.startswith(at))) or not (at.startswith(owner) or owner.startswith(at)):
            continue
        if best is None or len(at) > len(best.organization_path):
            best = one
    return best


def _of_pass(offer: Offer, spoken: PassFact) -> Iterable[tuple[str, str, Step]]:
    """Blocked, and its validity: (status, reason, step)."""
    yield BLOCKED, "blocked", Step("not_blocked", not spoken.blocked, "pass", spoken.key)
    if spoken.user_off:
        yield BLOCKED, "user_off", Step("user_active", False, "pass", spoken.key)
    if spoken.valid_from:
        yield INVALID, "not_yet", Step("begun", spoken.valid_from <= offer.at, "pass", spoken.key, spoken.valid_from.isoformat())
    if spoken.valid_until:
        yield EXPIRED, "expired", Step("not_over", spoken.valid_until > offer.at, "pass", spoken.key, spoken.valid_until.isoformat())


def _of_limits(offer: Offer, spoken: PassFact, facts: Facts) -> Iterable[tuple[str, str, Step]]:
    place = offer.place
    for limits in spoken.limits:
        record = (limits.record, limits.key)
        if limits.only_stations or limits.only_locations:
            here = place.station in limits.only_stations or place.location in limits.only_locations
            yield BLOCKED, "not_here", Step("place", here, *record)
        if limits.hours:
            now = offer.at.astimezone(ZoneInfo(place.time_zone))
            yield BLOCKED, "not_now", Step("hours", bool(window_end(limits.hours, now)), *record, f"{now:%H:%M}")
        if offer.purpose == STOP:
            continue
        used = facts.used.get(record, Used())
        for rule, most, so_far in (("day_energy", limits.daily_kwh, used.day), ("month_energy", limits.monthly_kwh, used.month)):
            if most is not None:
                yield BLOCKED, "used_up", Step(rule, so_far < most * 1000, *record, f"{so_far / 1000:.1f}/{most}")


def window_end(hours: Sequence[Mapping[str, object]], now: datetime) -> datetime | None:
    """When the window ends in which `now` (local) lies; None where it lies in none."""
    ends = []
    for window in hours:
        days: Sequence[int] = window["days"]  # type: ignore[assignment]
        # The end of the day is the midnight that follows: from 00:00 to 00:00 is all of it
        begin, end = (time() if window[name] == "24:00" else time.fromisoformat(str(window[name])) for name in ("from", "to"))
        for days_ago in (0, 1):
            day = now.date() - timedelta(days=days_ago)
            if day.weekday() not in days:
                continue
            last = day if begin < end else day + timedelta(days=1)
            # In the hour that comes twice, now and the end are in the same one of the two
            opens, closes = (datetime.combine(on, at, now.tzinfo).replace(fold=now.fold) for on, at in ((day, begin), (last, end)))
            if opens <= now < closes:
                ends.append(closes)
    return max(ends, default=None)


def connected(path: str, tokens: Iterable[TokenFact]) -> list[TokenFact]:
    """Of providers connected at the organization or above; the nearest first, a card before an app with the same UID."""
    here = [token for token in tokens if path.startswith(token.provider.organization_path)]
    return sorted(here, key=lambda token: (-len(token.provider.organization_path), token.type != "RFID", not token.valid, token.key))


def _network(offer: Offer, facts: Facts, steps: list[Step]) -> tuple[TokenFact | None, str, tuple[int, ...]]:
    """The token that speaks; what its network says (an OCPI AllowedType, "SILENT", or empty: nobody knows the card); and whom to ask."""
    path, advice = offer.place.organization_path, offer.advice
    token = next(iter(connected(path, facts.tokens)), None)
    can_ask = offer.live and offer.purpose != STOP and AccessMode(offer.place.access_mode).roams
    if token is None:
        steps.append(Step("network", False))
        ask = tuple(p.key for p in facts.providers if p.realtime and p.ask_unknown and path.startswith(p.organization_path))
        if not ask or not can_ask:
            return None, "", ()
        if advice is None:
            return None, "", ask
        return None, _told(advice, None, facts, steps), ()
    steps.append(Step("network", True, "token", token.key))
    cached = _cached(token)
    if token.provider.realtime and token.whitelist != "ALWAYS" and can_ask:
        # By the station's clock, which may say the whole second only, or be behind
        fresh = token.answered_at is not None and abs(offer.at - token.answered_at) <= FRESH
        if offer.purpose == START and fresh and advice is None:
            steps.append(Step("asked", token.answer == "ALLOWED", "provider", token.provider.key, token.answer))
            return token, token.answer, ()
        if advice is None:
            return token, "", (token.provider.key,)
        if advice.allowed or token.whitelist == "NEVER":
            return token, _told(advice, token, facts, steps), ()
        steps.append(Step("asked", None, "provider", token.provider.key))
    elif token.whitelist == "NEVER":
        steps.append(Step("asked", None, "provider", token.provider.key))
        return token, _policy(token, facts, steps), ()
    steps.append(Step("network_valid", cached == "ALLOWED", "token", token.key, cached))
    return token, cached, ()


def _cached(token: TokenFact) -> str:
    """What is known of the card without asking: the newer of what the provider told of it and what it last answered."""
    if token.answer and token.answered_at and (token.last_updated is None or token.answered_at >= token.last_updated):
        return token.answer
    return "ALLOWED" if token.valid else "BLOCKED"


def _told(advice: Advice, token: TokenFact | None, facts: Facts, steps: list[Step]) -> str:
    if advice.allowed:
        steps.append(Step("asked", advice.allowed == "ALLOWED", "provider", advice.provider, advice.allowed))
        return advice.allowed
    steps.append(Step("asked", None, "provider", advice.provider))
    return _policy(token, facts, steps)


def _policy(token: TokenFact | None, facts: Facts, steps: list[Step]) -> str:
    """Nobody answered and nothing is cached that may decide: what the organization has chosen for this."""
    yes = facts.when_silent == "any" or (facts.when_silent == "known" and token is not None and _cached(token) == "ALLOWED")
    steps.append(Step("policy", yes, "policy", facts.policy_key, facts.when_silent))
    return "ALLOWED" if yes else "SILENT"


def _accept(
    offer: Offer, facts: Facts, steps: list[Step], reason: str, form: Settlement, spoken: PassFact | None, token: TokenFact | None
) -> Verdict:
    """Accepted, unless the card charges elsewhere already."""
    pass_key, token_key = spoken.key if spoken else None, token.key if token else None
    roams = token is not None and form != Settlement.WHITELIST
    status, group = ACCEPTED, (spoken.group_id if spoken else "") or (token.group_id if token and roams else "")
    passes = {one.charge_pass.key for one in facts.listings}  # of this card, also those that do not speak here
    if offer.purpose == START and not (spoken and spoken.several_at_once):
        for other in facts.running:
            same = other.pass_key in passes or (token_key is not None and other.token_key == token_key)
            elsewhere = (other.station, other.connector) != (offer.place.station, offer.connector)
            # Clocks of stations differ: of what happens now, what we know of came first
            if same and elsewhere and (offer.live or other.started_at <= offer.at):
                steps.append(Step("concurrent", False, "transaction", other.key))
                status, reason, form = CONCURRENT, "concurrent", Settlement.OPEN
                break
    return Verdict(
        status, reason, (_name(offer, spoken) if spoken else token.holder if token else ""), _expiry(offer, spoken, form),
        str(form) if status == ACCEPTED else "", group, pass_key, token_key, tuple(steps),
    )  # fmt: skip


def _name(offer: Offer, spoken: PassFact) -> str:
    """What the pass is called, as it may be kept at the station: a pass of an organization above is not named to those below."""
    return spoken.holder if spoken.organization_path.startswith(offer.place.organization_path) else ""


def _expiry(offer: Offer, spoken: PassFact | None, form: Settlement) -> datetime | None:
    """How long the station may remember that the card charges: until its validity, its hours or the day of its energy end. In UTC."""
    if spoken is None or form not in FREE:
        return None
    ends = [spoken.valid_until] if spoken.valid_until else []
    local = offer.at.astimezone(ZoneInfo(offer.place.time_zone)) if spoken.limits else offer.at
    for limits in spoken.limits:
        if limits.hours and (end := window_end(limits.hours, local)):
            ends.append(end)
        if limits.daily_kwh is not None or limits.monthly_kwh is not None:
            ends.append(datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo))
    return min((end.astimezone(UTC) for end in ends), default=None)
