"""The diagnosis of the cards offered lately, read for somebody who looks, and in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, CharField, Count, F, Max, Min, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes import diagnosis
from passes.authorizing import authorize
from passes.diagnosis import Card, Finding, Seen
from passes.models import ChargePass, RoamingToken, normalize_uid, reversed_uid
from passes.reasons import REASONS
from passes.remedies import check_url, mode_remedy
from stations import explain
from stations.cards import Faces
from stations.hooks import START, Button, Offer, Remark, place_of
from stations.models import AccessMode, CardOffer, Connection, Connector, Station, StatusChange
from tenancy import why
from tenancy.links import link
from tenancy.models import User
from tenancy.personal import MASK
from tenancy.rights import MANAGE_NETWORKS, READ_CONFIGURATION, holds, may
from ui.templatetags.ui import exact

DAYS = 7
MOST_COUNTS = 5000  # of (station, card, verdict, reason): with more the commonest are looked at
MOST_STATIONS = 200
MOST_MIXED = 50  # cards that were refused before and after they last charged, of which those after are counted
MOST_ASKED = 300  # cards of which is asked whether they would charge now, the most refused first
# Which of the six states goes with a finding
STATES = {
    diagnosis.OFFLINE: explain.FAULT, diagnosis.READER: explain.FAULT, diagnosis.BYTE_ORDER: explain.WAITING,
    diagnosis.MODE: explain.WAITING, diagnosis.NETWORK: explain.WAITING, diagnosis.CARD: explain.WAITING,
    diagnosis.MENDED: explain.AVAILABLE, diagnosis.FINE: explain.AVAILABLE, diagnosis.QUIET: explain.OFF,
}  # fmt: skip


def remarks(user: User, stations: QuerySet[Station]) -> list[Remark]:
    """What the cards tell that were offered at `stations` in the last DAYS, as far as `user` may see them. A constant number of queries;
    nothing of more stations than one could look after."""
    by_key = {one.pk: one for one in stations.select_related("location__organization").order_by("pk")[: MOST_STATIONS + 1]}
    if len(by_key) > MOST_STATIONS:
        return []
    since = timezone.now() - timedelta(days=DAYS)
    offers = CardOffer.objects.visible_to(user).filter(station__in=by_key.values(), at__gte=since).exclude(action="StopTransaction")
    rows = _counted(offers)
    offered = {row.station for row in rows}
    # What was let charge and never began may have been refused at its start: it is told by that alone.
    rows = [row for row in rows if row.verdict != "Accepted" or row.action == "StartTransaction"]
    plugged = _plugged(user, by_key.keys() - offered, since)
    lately = _lately(offers, rows)
    now = _would_charge(by_key, lately)
    seen = _seen(by_key, rows, lately, plugged, _turned(user, {row.tag for row in rows}), now)
    faces = _faces(user, rows, by_key)
    last: dict[str, datetime] = {}
    for row in rows:
        if row.verdict != "Accepted":
            last[row.tag] = max(row.last, last.get(row.tag, row.last))
    return [_words(user, finding, by_key, faces, last.get(finding.card)) for finding in diagnosis.diagnose(seen)]


class Row(NamedTuple):
    """How often a card had a verdict on an action at a station, from when to when. `took`: see `_took`."""

    station: int
    tag: str
    verdict: str
    reason: str
    action: str
    took: str
    number: int
    first: datetime
    last: datetime


def _took() -> Any:
    """What the access mode took when a card was refused for it, out of the steps: "w" whitelists, "r" roams. Empty for all others, and
    where it is not told."""

    def told(rule: str, letter: str) -> Case:
        takes = When(told__contains=f'["{rule}", true', then=Value(letter))
        return Case(takes, When(told__contains=f'["{rule}", false', then=Value("-")), default=Value(""), output_field=CharField())

    both = Concat(told("whitelist_mode", "w"), told("roaming_mode", "r"), output_field=CharField())
    by_mode = Q(reason__in=diagnosis.MODE_REASONS) & ~Q(verdict="Accepted")
    return Case(When(by_mode, then=both), default=Value(""), output_field=CharField())


def _counted(offers: QuerySet[CardOffer]) -> list[Row]:
    named = offers.order_by().alias(told=Cast(F("steps"), TextField())).annotate(took=_took())
    counts = named.values_list("station_id", "id_tag", "verdict", "reason", "action", "took").annotate(
        number=Count("pk"), first=Min("at"), last=Max("at")
    )
    return [Row(*row) for row in counts.order_by("-number", "station_id", "id_tag")[:MOST_COUNTS]]


def _lately(offers: QuerySet[CardOffer], rows: Iterable[Row]) -> list[Row]:
    """The refusals since each card was last accepted."""
    accepted: dict[str, datetime] = {}
    for row in rows:
        if row.verdict == "Accepted":
            accepted[row.tag] = max(row.last, accepted.get(row.tag, row.last))
    refused = [row for row in rows if row.verdict != "Accepted" and (row.tag not in accepted or row.last > accepted[row.tag])]
    mixed = {row.tag for row in refused if row.tag in accepted and row.first <= accepted[row.tag]}
    mixed = {*sorted(mixed)[:MOST_MIXED]}
    if not mixed:
        return refused
    since = Q(pk__in=[])
    for tag in mixed:
        since |= Q(id_tag=tag, at__gt=accepted[tag])
    return [row for row in refused if row.tag not in mixed] + _counted(offers.filter(since).exclude(verdict="Accepted"))


def _would_charge(stations: dict[int, Station], lately: Iterable[Row]) -> set[tuple[int, str]]:
    """Those of the cards refused lately that would charge now, by what is known without asking a provider."""
    times: Counter[tuple[int, str]] = Counter()
    for row in lately:
        times[row.station, row.tag] += row.number
    asked = [key for key, _number in times.most_common(MOST_ASKED)]
    if not asked:
        return set()
    now = timezone.now()
    verdicts = authorize([Offer(place_of(stations[station]), tag, now, None, START, live=False) for station, tag in asked])
    return {key for key, verdict in zip(asked, verdicts, strict=True) if verdict.status == "Accepted"}


def _plugged(user: User, stations: Collection[int], since: Any) -> dict[int, int]:
    """How often connectors of these went to Preparing."""
    if not stations:
        return {}
    changes = StatusChange.objects.visible_to(user).filter(
        connector__station__in=stations, at__gte=since, status=Connector.Status.PREPARING
    )
    return dict(changes.order_by().values_list("connector__station_id").annotate(number=Count("pk")))


def _turned(user: User, tags: Collection[str]) -> set[str]:
    """Those of the cards whose UID is known with its bytes in the other order, among what `user` may see."""
    turned = {reversed_uid(normalize_uid(tag)): tag for tag in tags}
    turned.pop("", None)
    if not turned:
        return set()
    known = {*ChargePass.objects.visible_to(user).filter(uid__in=turned).values_list("uid", flat=True)}
    known |= {*RoamingToken.objects.visible_to(user).filter(uid__in=turned).values_list("uid", flat=True)}
    return {turned[uid] for uid in known}


def _seen(
    stations: dict[int, Station], rows: Iterable[Row], lately: Iterable[Row], plugged: dict[int, int], turned: set[str],
    would_charge: set[tuple[int, str]],
) -> list[Seen]:  # fmt: skip
    cards: dict[int, dict[str, Card]] = defaultdict(dict)
    for row in rows:
        fresh = Card(row.tag, reasons={}, reversed_known=row.tag in turned, since={}, now=(row.station, row.tag) in would_charge)
        card = cards[row.station].get(row.tag) or fresh
        if row.verdict == "Accepted":
            card = card._replace(accepted=card.accepted + row.number)
        else:
            card = card._replace(refused=card.refused + row.number, reasons=_and(card.reasons, row))
        cards[row.station][row.tag] = card
    modes = {key: _takes(station.effective_access_mode) for key, station in stations.items()}
    for row in lately:
        card = cards[row.station][row.tag]
        other = row.number if row.reason in diagnosis.MODE_REASONS and len(row.took) == 2 and row.took != modes[row.station] else 0
        cards[row.station][row.tag] = card._replace(since=_and(card.since or {}, row), other_mode=card.other_mode + other)
    now = timezone.now()
    return [
        Seen(key, station.connection_at(now) in (Connection.ONLINE, Connection.PENDING), plugged.get(key, 0), tuple(cards[key].values()))
        for key, station in stations.items()
    ]


def _and(reasons: Mapping[str, int], row: Row) -> dict[str, int]:
    return {**reasons, row.reason: reasons.get(row.reason, 0) + row.number}


def _takes(mode: AccessMode) -> str:
    """As `_took` says it."""
    return ("w" if mode.whitelists else "-") + ("r" if mode.roams else "-")


def _faces(user: User, rows: Iterable[Row], stations: dict[int, Station]) -> dict[str, tuple[str, int]]:
    """Each card as `user` may know it, where all of its stations let it be seen; with a station at which it was refused."""
    where: dict[str, list[Station]] = defaultdict(list)
    for row in rows:
        where[row.tag].insert(0 if row.verdict != "Accepted" else len(where[row.tag]), stations[row.station])
    faces = Faces(user, ((tag, one.location) for tag, found in where.items() for one in found))
    return {
        tag: (str(faces.of(tag, found[0].location)) if all(faces.seen(one.location) for one in found) else MASK, found[0].pk)
        for tag, found in where.items()
    }


def _words(user: User, finding: Finding, stations: dict[int, Station], faces: dict[str, tuple[str, int]], last: datetime | None) -> Remark:
    station = stations.get(finding.station)
    where = str(station) if station else ""
    card, at = faces.get(finding.card, ("", 0))
    tried = ngettext("%d refusal", "%d refusals", finding.times) % finding.times
    others = ngettext("%d other card charged", "%d other cards charged", finding.others) % finding.others
    evidence = _("In the last %(days)d days: %(refusals)s; %(others)s.") % {"days": DAYS, "refusals": tried, "others": others}
    state, who = STATES[finding.kind], ""
    buttons: list[Button] = []
    check = [Button(_("Check this card"), check_url(at, finding.card), icon="help")] if card and card != MASK else []
    match finding.kind:
        case diagnosis.OFFLINE:
            sentence = _("%s is not connected, and no card was offered lately.") % where
            evidence = ""
            advice = _("What it does now is told when it is back. Whether a card charges meanwhile is up to its own list.")
            buttons = [Button(_("Why is my station offline?"), link("help_page", "offline"), icon="help")]
        case diagnosis.READER:
            sentence = _("People plug in at %s, and no card is read: look at the card reader.") % where
            evidence = ngettext(
                "In the last %(days)d days a car was plugged in once, and not one card was offered.",
                "In the last %(days)d days a car was plugged in %(times)d times, and not one card was offered.", finding.times,
            ) % {"days": DAYS, "times": finding.times}  # fmt: skip
            advice = _(
                "Reset the station when nobody charges. If it stays so, have the reader checked; until then start charges from here."
            )
            buttons = _if(holds(user, READ_CONFIGURATION, *_where(station)), Button(
                _("Configuration"), link("station_configuration", finding.station), icon="adjustments"))  # fmt: skip
            buttons.insert(0, Button(_("To the station"), link("station", finding.station), icon="charging-pile"))
        case diagnosis.BYTE_ORDER:
            sentence = ngettext(
                "The reader of %(station)s sends a card with its bytes in the other order.",
                "The reader of %(station)s sends %(count)d cards with their bytes in the other order.", finding.cards,
            ) % {"station": where, "count": finding.cards}  # fmt: skip
            advice = _(
                "The UIDs are known the other way round. Set the byte order of the reader in its configuration; where only this card is "
                "wrong, correct its UID."
            )
            buttons = check + _if(holds(user, READ_CONFIGURATION, *_where(station)), Button(
                _("Configuration"), link("station_configuration", finding.station), icon="adjustments"))  # fmt: skip
        case diagnosis.MODE:
            assert station is not None
            sentence = ngettext(
                "%(station)s refuses %(count)d card: look at its access mode.",
                "%(station)s refuses %(count)d different cards: look at its access mode.", finding.cards,
            ) % {"station": where, "count": finding.cards}  # fmt: skip
            advice = _("Its access mode is “%s”: all other cards are refused.") % station.effective_access_mode.label
            remedy = mode_remedy(user, station)
            buttons, who = _if(bool(remedy.url), Button(remedy.label, remedy.url, icon="door-enter")), remedy.who
        case diagnosis.NETWORK:
            sentence = _("A card network does not answer when %s asks.") % where
            advice = _("Until it does, what the organization has chosen for this counts. Tell the card provider.")
            if station and not may(user, MANAGE_NETWORKS, station):
                who = why.who_could(user, MANAGE_NETWORKS, station.location.organization.path)
        case diagnosis.CARD:
            network = finding.reason.startswith("network_")
            sentence = _("One card is refused again and again: %s. Others charge.") % card
            reason = str(REASONS.get(finding.reason, finding.reason))
            advice = f"{reason} {_('That is up to its provider.') if network else _('Look at this card, not at the station.')}"
            buttons = check
        case diagnosis.MENDED:
            sentence = _("One card was refused again and again: %s. It would charge now.") % card
            until = exact(last, stations[at].location.zone) if last and at else ""
            advice = _("It was refused until %s; what was wrong has been mended since.") % until
            buttons = check
        case diagnosis.FINE:
            sentence = _("Nothing unusual.")
            evidence = _("In the last %(days)d days %(cards)s; %(charged)d of them charged, %(refusals)s.") % {
                "days": DAYS, "cards": ngettext("%d card was offered", "%d cards were offered", finding.cards) % finding.cards,
                "charged": finding.others, "refusals": tried,
            }  # fmt: skip
            advice = ""
        case _:
            sentence, advice = _("No card was offered, and nobody has plugged in."), ""
            evidence = _("In the last %d days.") % DAYS
    return Remark(state, sentence, evidence, advice, tuple(buttons), who)


def _if(allowed: bool, button: Button) -> list[Button]:
    return [button] if allowed else []


def _where(station: Station | None) -> tuple[str, int | None]:
    return (station.location.organization.path, station.location_id) if station else ("", None)
