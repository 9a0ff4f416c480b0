"""The diagnosis of the cards offered lately, read for somebody who looks, and in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes import diagnosis
from passes.diagnosis import Card, Finding, Seen
from passes.models import ChargePass, RoamingToken, normalize_uid, reversed_uid
from passes.reasons import REASONS
from passes.remedies import check_url, mode_remedy
from stations import explain
from stations.cards import Faces
from stations.hooks import Button, Remark
from stations.models import CardOffer, Connection, Connector, Station, StatusChange
from tenancy import why
from tenancy.links import link
from tenancy.models import User
from tenancy.personal import MASK
from tenancy.rights import MANAGE_NETWORKS, READ_CONFIGURATION, holds, may

DAYS = 7
MOST_COUNTS = 5000  # of (station, card, verdict, reason): with more the commonest are looked at
MOST_STATIONS = 200
# Which of the six states goes with a finding
STATES = {
    diagnosis.OFFLINE: explain.FAULT, diagnosis.READER: explain.FAULT, diagnosis.BYTE_ORDER: explain.WAITING,
    diagnosis.MODE: explain.WAITING, diagnosis.NETWORK: explain.WAITING, diagnosis.CARD: explain.WAITING,
    diagnosis.FINE: explain.AVAILABLE, diagnosis.QUIET: explain.OFF,
}  # fmt: skip


def remarks(user: User, stations: QuerySet[Station]) -> list[Remark]:
    """What the cards tell that were offered at `stations` in the last DAYS, as far as `user` may see them. A constant number of queries;
    nothing of more stations than one could look after."""
    by_key = {one.pk: one for one in stations.select_related("location__organization").order_by("pk")[: MOST_STATIONS + 1]}
    if len(by_key) > MOST_STATIONS:
        return []
    since = timezone.now() - timedelta(days=DAYS)
    offers = CardOffer.objects.visible_to(user).filter(station__in=by_key.values(), at__gte=since).exclude(action="StopTransaction")
    rows = list(_counted(offers))
    offered = {station for station, *_rest in rows}
    plugged = _plugged(user, by_key.keys() - offered, since)
    seen = _seen(by_key, rows, plugged, _turned(user, {tag for _station, tag, *_rest in rows}))
    faces = _faces(user, rows, by_key)
    return [_words(user, finding, by_key, faces) for finding in diagnosis.diagnose(seen)]


def _counted(offers: QuerySet[CardOffer]) -> Iterable[tuple[int, str, str, str, int]]:
    counts = offers.order_by().values_list("station_id", "id_tag", "verdict", "reason").annotate(number=Count("pk"))
    return counts.order_by("-number", "station_id", "id_tag")[:MOST_COUNTS]


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


def _seen(stations: dict[int, Station], rows: Iterable[Any], plugged: dict[int, int], turned: set[str]) -> list[Seen]:
    cards: dict[int, dict[str, Card]] = defaultdict(dict)
    for station, tag, verdict, reason, number in rows:
        card = cards[station].get(tag) or Card(tag, reasons={}, reversed_known=tag in turned)
        if verdict == "Accepted":
            card = card._replace(accepted=card.accepted + number)
        else:
            card = card._replace(refused=card.refused + number, reasons={**card.reasons, reason: card.reasons.get(reason, 0) + number})
        cards[station][tag] = card
    now = timezone.now()
    return [
        Seen(key, station.connection_at(now) in (Connection.ONLINE, Connection.PENDING), plugged.get(key, 0), tuple(cards[key].values()))
        for key, station in stations.items()
    ]


def _faces(user: User, rows: Iterable[Any], stations: dict[int, Station]) -> dict[str, tuple[str, int]]:
    """Each card as `user` may know it, where all of its stations let it be seen; with a station at which it was refused."""
    where: dict[str, list[Station]] = defaultdict(list)
    for station, tag, verdict, *_rest in rows:
        where[tag].insert(0 if verdict != "Accepted" else len(where[tag]), stations[station])
    faces = Faces(user, ((tag, one.location) for tag, found in where.items() for one in found))
    return {
        tag: (str(faces.of(tag, found[0].location)) if all(faces.seen(one.location) for one in found) else MASK, found[0].pk)
        for tag, found in where.items()
    }


def _words(user: User, finding: Finding, stations: dict[int, Station], faces: dict[str, tuple[str, int]]) -> Remark:
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
