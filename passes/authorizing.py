"""Reads what decisions need and lets them be made: many offers in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from passes.contracts import by_contract
from passes.decision import FREE, Facts, Limits, ListingFact, PassFact, ProviderFact, Running, TokenFact, Used, connected, decide, speaking
from passes.models import ChargePass, Listing, PassGroup, Provider, RoamingPolicy, RoamingToken, normalize_uid
from passes.prepared import Prepared
from stations.hooks import START, STOP, Offer, Verdict
from stations.models import AccessMode, Connector, Transaction
from tenancy.actions.moves import keys

# Statuses of a connector at which no car can be charging
IDLE = (Connector.Status.AVAILABLE, Connector.Status.UNAVAILABLE, Connector.Status.RESERVED)
_LIMITS = ("only_stations", "only_locations", "hours", "daily_kwh", "monthly_kwh")
_PASS = (
    "pk", "organization__path", "nickname", "visible_number", "uid", "blocked", "valid_from", "valid_until", "several_at_once",
    "user__is_active", "group_id", "group__group_id", *_LIMITS, *(f"group__{name}" for name in _LIMITS),
)  # fmt: skip
_LISTING = ("uid", "pk", "organization", "whitelist", "roaming_free", "below", *(f"charge_pass__{name}" for name in _PASS))
_TOKEN = (
    "uid", "pk", "visual_number", "contract_id", "valid", "whitelist", "group_id", "last_updated", "answer", "answered_at", "type",
    "provider", "provider__organization", "provider__realtime", "provider__ask_unknown",
)  # fmt: skip

_LISTINGS = Prepared(
    lambda uids, organizations: (
        Listing.objects.filter(uid__in=uids).filter(organization__in=organizations).order_by().values_list(*_LISTING)
    )
)
_TOKENS = Prepared(
    lambda uids, organizations: (
        RoamingToken.objects.filter(uid__in=uids)
        .filter(provider__active=True, provider__organization__in=organizations)
        .order_by()
        .values_list(*_TOKEN)
    )
)
_PROVIDERS = Prepared(
    lambda organizations: (
        Provider.objects.filter(active=True, realtime=True, ask_unknown=True)
        .filter(organization__in=organizations)
        .order_by("pk")
        .values_list("pk", "organization", "realtime", "ask_unknown")
    )
)
# Accepted transactions that go on, as far as their stations tell: an old one that a station forgot to end, or one at a station that is
# gone, keeps nobody from charging.
_RUNNING = Prepared(
    lambda passes, tokens: (
        Transaction.objects.filter(Q(pass_key__in=passes) | Q(token_key__in=tokens))
        .filter(ended_at=None, verdict="Accepted", station__connected=True)
        .exclude(connector__status__in=IDLE)
        .order_by()
        .values_list("pk", "station", "connector__number", "started_at", "pass_key", "token_key", "problems")
    )
)

Record = tuple[str, int]  # "pass" or "group", and its key
Day = tuple[str, date]  # time zone, and the date there


def authorize(offers: Sequence[Offer]) -> list[Verdict]:
    """One verdict per offer, in order: a card that one of them accepts to start charges already for those behind it."""
    offers = by_contract(offers)
    facts = _Reader(offers)
    verdicts = []
    for offer in offers:
        verdict = decide(offer, facts.of(offer))
        facts.add(offer, verdict)
        verdicts.append(verdict)
    return verdicts


def facts_of(offers: Sequence[Offer]) -> list[Facts]:
    """What is known for each of them, for who looks at rules that did not decide."""
    offers = by_contract(offers)
    facts = _Reader(offers)
    return [facts.of(offer) for offer in offers]


class _Reader:
    def __init__(self, offers: Sequence[Offer]) -> None:
        self.uids = {offer.id_tag: normalize_uid(offer.id_tag) for offer in offers}
        # Organizations whose lists and networks may hold: those of the stations, and those above them
        lines = {_key(path): path for offer in offers for path in line(offer.place.organization_path)}
        checked = [offer for offer in offers if offer.place.access_mode != AccessMode.OPEN]
        roaming = [offer for offer in offers if AccessMode(offer.place.access_mode).roams]
        self.listings = self._listings(lines)
        # Where nobody's list speaks for a card it is told from one that no network knows either
        strange = (
            offer for offer in checked if speaking(offer.place.organization_path, self.listings.get(self.uids[offer.id_tag], ())) is None
        )
        # What a start settles is settled by a list, but the card may charge elsewhere as one of its network
        starts = (offer for offer in checked if offer.purpose == START)
        wanted = {self.uids[offer.id_tag] for offer in (*roaming, *strange, *starts)}
        self.tokens = _tokens(wanted, lines) if wanted else {}
        nobodys = any(not connected(offer.place.organization_path, self.tokens.get(self.uids[offer.id_tag], ())) for offer in roaming)
        self.providers = _providers(lines) if nobodys else []
        asked = any(offer.advice or not offer.live for offer in roaming) or any(
            token.whitelist == "NEVER" for tokens in self.tokens.values() for token in tokens
        )
        self.policies = dict(_policies(lines.values())) if asked else {}
        self.running = self._running([offer for offer in checked if offer.purpose == START])
        self.used = self._used([offer for offer in checked if offer.purpose != STOP])

    def of(self, offer: Offer) -> Facts:
        uid, path = self.uids[offer.id_tag], offer.place.organization_path
        policy = next((self.policies[above] for above in reversed(line(path)) if above in self.policies), ("refuse", 0))
        return Facts(
            self.listings.get(uid, ()), self.tokens.get(uid, ()), self.providers, *policy, self.running,
            self.used.get(_day(offer), {}),
        )  # fmt: skip

    def add(self, offer: Offer, verdict: Verdict) -> None:
        if offer.purpose == START and offer.connector and verdict.status == "Accepted" and not verdict.ask:
            place = offer.place
            self.running.append(Running(0, place.station, offer.connector, offer.at, verdict.pass_key, verdict.token_key))

    def _listings(self, lines: Mapping[int, str]) -> dict[str, list[ListingFact]]:
        """By UID: those at the organizations of the stations and above."""
        return _by_uid(_LISTINGS.rows(set(self.uids.values()), lines), lines)

    def _running(self, starts: Sequence[Offer]) -> list[Running]:
        """Transactions of these cards."""
        uids = {self.uids[offer.id_tag] for offer in starts}
        passes = {one.charge_pass.key for uid in uids for one in self.listings.get(uid, ())}
        tokens = {token.key for uid in uids for token in self.tokens.get(uid, ())}
        if not passes and not tokens:
            return []
        rows = _RUNNING.rows(passes or {0}, tokens or {0})
        return [Running(*row) for *row, problems in rows if Transaction.Problem.NOT_ENDED not in problems]

    def _used(self, offers: Sequence[Offer]) -> dict[Day, dict[Record, Used]]:
        """By day: energy of the passes and groups that are limited in it."""
        wanted: dict[Day, set[Record]] = defaultdict(set)
        for offer in offers:
            for one in self.listings.get(self.uids[offer.id_tag], ()):
                for limits in one.charge_pass.limits:
                    if limits.daily_kwh is not None or limits.monthly_kwh is not None:
                        wanted[_day(offer)].add((limits.record, limits.key))
        return {day: energy(records, *day) for day, records in wanted.items()}


def _day(offer: Offer) -> Day:
    """The day of an offer where it is made, which is not the same everywhere."""
    zone = offer.place.time_zone
    return zone, offer.at.astimezone(ZoneInfo(zone)).date()


def energy(records: Iterable[Record], time_zone: str, day: date) -> dict[Record, Used]:
    """Energy that passes, or all passes of a group together, charged free or roaming free in the day and in its month until then, by the
    start of the transactions."""
    begins, ends, month = (
        datetime.combine(on, time(), ZoneInfo(time_zone)).astimezone(UTC) for on in (day, day + timedelta(days=1), day.replace(day=1))
    )
    everything: Any = Transaction.objects
    free = {"verdict": "Accepted", "settlement__in": FREE}
    done = everything.filter(started_at__gte=month, started_at__lt=ends, **free).order_by().with_energy().filter(energy__gt=0)
    sums = {"of_day": Coalesce(Sum("energy", filter=Q(started_at__gte=begins)), 0), "of_month": Sum("energy")}
    found: dict[Record, Used] = {}
    if passes := [key for record, key in records if record == "pass"]:
        rows = done.filter(pass_key__in=passes).values("pass_key").annotate(**sums)
        found |= {("pass", key): Used(*energy) for key, *energy in rows.values_list("pass_key", *sums)}
    if groups := [key for record, key in records if record == "group"]:
        members = ChargePass.objects.filter(group__in=groups).order_by()
        rows = done.filter(pass_key__in=members.values("pk")).annotate(
            group=Subquery(ChargePass.objects.filter(pk=OuterRef("pass_key")).order_by().values("group"))
        )
        found |= {("group", key): Used(*energy) for key, *energy in rows.values("group").annotate(**sums).values_list("group", *sums)}
    return found


def listings_at(paths: Iterable[str], narrowed: Q) -> dict[str, list[ListingFact]]:
    """By UID: all at the organizations with these paths that `narrowed` lets through."""
    lines = {_key(path): path for path in paths}
    return _by_uid(Listing.objects.filter(narrowed, organization__in=lines).order_by().values_list(*_LISTING), lines)


class Everything(NamedTuple):
    """What is known at some organizations of all cards on their lists. `networks`: how many card providers are connected there."""

    listings: Mapping[str, Sequence[ListingFact]]
    tokens: Mapping[str, Sequence[TokenFact]]
    providers: Sequence[ProviderFact]
    policies: Mapping[str, tuple[str, int]]
    networks: int


def everything_at(paths: Iterable[str]) -> Everything:
    """At the organizations with these paths, in a constant number of queries."""
    lines = {_key(path): path for path in paths}
    uids = Listing.objects.filter(organization__in=lines).order_by().values("uid")
    tokens = RoamingToken.objects.filter(uid__in=uids, provider__active=True, provider__organization__in=lines)
    return Everything(
        listings_at(lines.values(), Q()),
        _told(tokens.order_by().values_list(*_TOKEN), lines),
        _providers(lines),
        dict(_policies(lines.values())),
        Provider.objects.filter(active=True, organization__in=lines).count(),
    )


def _by_uid(rows: Iterable[Any], lines: Mapping[int, str]) -> dict[str, list[ListingFact]]:
    found: dict[str, list[ListingFact]] = defaultdict(list)
    for uid, pk, organization, whitelist, roaming_free, below, *values in rows:
        found[uid].append(ListingFact(pk, lines[organization], whitelist, roaming_free, below, _pass(values)))
    return found


def used(record: str, key: int, at: datetime, time_zone: str) -> Used:
    """Energy that a pass, or all passes of a group together, charged in the day and month of `at`."""
    day = at.astimezone(ZoneInfo(time_zone)).date()
    return energy([(record, key)], time_zone, day).get((record, key), Used())


def _key(path: str) -> int:
    return int(path.rstrip("/").rpartition("/")[2])


def line(path: str) -> list[str]:
    """The paths of an organization and of those above it, the highest first."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:end]) + "/" for end in range(1, len(parts) + 1)]


def listed(path: str) -> QuerySet[Listing]:
    """The listings that hold at the stations of the organization with this path: its own, and those above that hold below too."""
    *above, own = keys(path)
    return Listing.objects.filter(Q(organization=own) | Q(organization__in=above, below=True))


def limits_of(thing: ChargePass | PassGroup) -> Limits:
    return Limits("pass" if isinstance(thing, ChargePass) else "group", thing.pk, *(getattr(thing, name) for name in _LIMITS))


def _pass(values: Sequence[Any]) -> PassFact:
    (pk, path, nickname, number, uid, blocked, valid_from, valid_until, several, user_active, group, group_id, *rest) = values
    own, groups = rest[: len(_LIMITS)], rest[len(_LIMITS) :]
    limits = [Limits(*each) for each in (("pass", pk, *own), ("group", group, *groups)) if any(each[2:])]
    return PassFact(
        pk, path, nickname or number or uid, blocked, user_active is False, valid_from, valid_until, several, group_id or "", limits
    )


def _tokens(uids: Collection[str], lines: Mapping[int, str]) -> dict[str, list[TokenFact]]:
    return _told(_TOKENS.rows(uids, lines), lines)


def _told(rows: Iterable[Any], lines: Mapping[int, str]) -> dict[str, list[TokenFact]]:
    found: dict[str, list[TokenFact]] = defaultdict(list)
    for uid, pk, number, contract, valid, whitelist, group, updated, answer, answered_at, kind, *provider in rows:
        fact = _provider(*provider, lines=lines)
        found[uid].append(TokenFact(pk, fact, number or contract, valid, whitelist, group[:20], updated, answer, answered_at, kind))
    return found


def _providers(lines: Mapping[int, str]) -> list[ProviderFact]:
    return [_provider(*row, lines=lines) for row in _PROVIDERS.rows(lines)]


def _provider(key: int, organization: int, realtime: bool, ask_unknown: bool, *, lines: Mapping[int, str]) -> ProviderFact:
    return ProviderFact(key, lines[organization], realtime, ask_unknown)


def _policies(lines: Iterable[str]) -> Iterable[tuple[str, tuple[str, int]]]:
    rows = RoamingPolicy.objects.filter(organization__path__in=set(lines)).order_by()
    return ((path, (silent, pk)) for path, silent, pk in rows.values_list("organization__path", "when_silent", "pk"))
