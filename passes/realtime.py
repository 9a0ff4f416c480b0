"""Real-time authorization (OCPI 2.2.1 §12.2.2.2): card providers are asked while the driver stands at the station.

All providers that a verdict names are asked at once, each within its own deadline, and the first that says ALLOWED wins. What they say
is kept with the card, so that it counts when they do not answer. A provider that keeps failing is not asked for a while: its cards then
go by what is cached and nobody waits for it. Nothing here raises, and nothing here runs inside a transaction of the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from django.db import connection
from django.utils import timezone

from passes.contracts import EMAID, by_contract
from passes.models import Provider, RoamingToken, normalize_uid
from passes.ocpi import client, keys, objects, store
from stations.hooks import Advice, Offer

log = logging.getLogger("passes.realtime")

CONNECTIONS = 200  # of one process to all providers together
AT_ONCE = 25  # questions to one provider; more wait, and their deadlines run
FAILURES = 5  # in a row, then it is not asked
PAUSE = 30.0  # seconds; doubled each time that it fails again
LONGEST_PAUSE = 300.0
KEEPING = 1.5  # seconds that the answer waits for its record
AT_READER = (RoamingToken.Type.RFID, RoamingToken.Type.OTHER)
UNKNOWN = "UNKNOWN"  # the provider does not know the card (§12.2.2.2: HTTP 404 or status 2004)
# What says more, the first most: a provider that knows the card; one that may know it and is silent; one that does not know it
TELLING = ("ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED", "", UNKNOWN)

T = TypeVar("T")


class Target(NamedTuple):
    """A provider to be asked, with what it knows the card by."""

    provider: Provider
    uid: str
    type: str
    party: tuple[str, str] | None  # whose card it is; None: a network finds out
    known: bool


class Told(NamedTuple):
    """What a provider said: `allowed` is an AllowedType, UNKNOWN, or empty for no answer."""

    target: Target
    allowed: str = ""
    card: objects.Card | None = None
    reference: str = ""


class Breaker:
    """How it goes with one provider. Used on one event loop."""

    def __init__(self) -> None:
        self.failures = 0
        self.failing_since: datetime | None = None
        self.closed_until = 0.0  # monotonic
        self.trying = False
        self.places = asyncio.Semaphore(AT_ONCE)

    def lets(self) -> bool:
        """Whether it is asked. After a pause one question goes through; while that is open the others do not wait for it."""
        if self.failures < FAILURES:
            return True
        if self.trying or time.monotonic() < self.closed_until:
            return False
        self.trying = True
        return True

    def good(self) -> None:
        self.failures, self.failing_since, self.trying = 0, None, False

    def bad(self) -> bool:
        """Whether it is given up with this failure."""
        self.failures += 1
        self.trying = False
        self.failing_since = self.failing_since or timezone.now()
        if self.failures >= FAILURES:
            self.closed_until = time.monotonic() + min(PAUSE * 2 ** (self.failures - FAILURES), LONGEST_PAUSE)
        return self.failures == FAILURES


class Desk:
    """What the questions of one event loop share."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.client: httpx.AsyncClient = client.asynchronous(CONNECTIONS)
        self.breakers: dict[Any, Breaker] = {}  # by provider and registration: who registers anew starts anew
        self.threads = ThreadPoolExecutor(2, "realtime")

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await self.loop.run_in_executor(self.threads, _with_database, work, args)

    async def close(self) -> None:
        await self.client.aclose()
        await self.loop.run_in_executor(None, self.threads.shutdown)


_desk: Desk | None = None


def desk() -> Desk:
    global _desk
    loop = asyncio.get_running_loop()
    if _desk is None or _desk.loop is not loop:
        _desk = Desk(loop)
    return _desk


async def close() -> None:
    """The end of this event loop: connections are closed."""
    global _desk
    if _desk is not None and _desk.loop is asyncio.get_running_loop():
        ending, _desk = _desk, None
        try:
            await ending.close()
        except Exception:
            log.exception("connections to card providers could not be closed")


async def inquire(offer: Offer, providers: Sequence[int]) -> Advice:
    """`stations.hooks.inquirer`."""
    nothing = Advice(providers[0] if providers else 0)
    try:
        here = desk()
        if offer.id_type == EMAID:
            (offer,) = await here.in_thread(by_contract, [offer])
        targets = await here.in_thread(_targets, normalize_uid(offer.id_tag), offer.id_tag, tuple(providers))
        if not targets:
            return nothing
        told = await _all(here, offer, targets)
    except Exception:
        log.exception("card providers could not be asked")
        return nothing
    best = min(told, key=lambda one: TELLING.index(one.allowed))
    try:
        await asyncio.wait_for(here.in_thread(_keep, offer, told), KEEPING)
    except Exception as error:  # the answer stands without its record
        log.warning("what card providers said could not be kept: %s", type(error).__name__)
    group = best.card.fields["group_id"] if best.card else ""
    return Advice(best.target.provider.pk, best.allowed, 0, group)


async def _all(here: Desk, offer: Offer, targets: Sequence[Target]) -> list[Told]:
    """What all of them say; of those that are slower than the first ALLOWED, nothing."""
    waiting = {asyncio.ensure_future(_ask(here, offer, target)) for target in targets}
    told: list[Told] = []
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            told += [task.result() for task in done]
            if any(one.allowed == "ALLOWED" for one in told):
                break
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return told


async def _ask(here: Desk, offer: Offer, target: Target) -> Told:
    provider = target.provider
    breaker = here.breakers.setdefault((provider.pk, provider.registered_at), Breaker())
    if not breaker.lets():
        return Told(target)
    try:
        async with asyncio.timeout(provider.deadline_ms / 1000), breaker.places:
            told = _read(target, await client.post(here.client, _url(target), _headers(target), _where(offer)))
    except asyncio.CancelledError:
        breaker.trying = False  # somebody else was faster; that says nothing about this one
        raise
    except (client.Unusable, objects.Wrong, TimeoutError) as error:
        why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
    except Exception as error:
        log.exception("provider %d could not be asked", provider.pk)
        why = type(error).__name__
    else:
        breaker.good()
        if provider.silent_since is not None:
            await _note(here, provider.pk, None)
        return told
    log.info("provider %d was asked about a card: %s", provider.pk, why)
    if breaker.bad():
        log.warning("provider %d does not answer and is not asked for a while: %s", provider.pk, why)
        await _note(here, provider.pk, breaker.failing_since)
    return Told(target)


async def _note(here: Desk, provider: int, since: datetime | None) -> None:
    """For its sheet. Nobody waits for it."""

    def done(task: asyncio.Future[Any]) -> None:
        if not task.cancelled() and task.exception():
            log.warning("the state of provider %d could not be kept", provider)

    here.loop.run_in_executor(here.threads, _with_database, _silent, (provider, since)).add_done_callback(done)


# -- question and answer ------------------------------------------------------------------------------------------------------------------


def _url(target: Target) -> str:
    address, _mark, query = target.provider.tokens_url.partition("?")
    more = f"&{query}" if query else ""
    return f"{address.rstrip('/')}/{quote(target.uid, safe='')}/authorize?type={target.type}{more}"


def _headers(target: Target) -> dict[str, str]:
    return client.headers(keys.unseal(target.provider.sealed_token), target.party)


def _where(offer: Offer) -> dict[str, Any]:
    """LocationReferences (§12.4.3)."""
    found: dict[str, Any] = {"location_id": str(offer.place.location)}
    if offer.connector:
        found["evse_uids"] = [objects.evse_uid(offer.place.station, offer.connector)]
    return found


def _read(target: Target, answer: client.Answer) -> Told:
    """AuthorizationInfo (§12.3.1). Raises Unusable and Wrong where it is none."""
    if answer.http == 404 or answer.code == objects.UNKNOWN_TOKEN:
        return Told(target, "NOT_ALLOWED" if target.known else UNKNOWN)
    if not answer.good or not isinstance(answer.data, dict):
        raise client.Unusable(f"it answered with HTTP {answer.http}, status {answer.code or 'none'}", answer.http)
    allowed = objects.choice(answer.data, "allowed", RoamingToken.Allowed.values)
    reference = answer.data.get("authorization_reference")
    good_reference = isinstance(reference, str) and len(reference) <= 36 and reference.isprintable()
    return Told(target, allowed, _card(target, answer.data.get("token")), str(reference) if good_reference else "")


def _card(target: Target, data: Any) -> objects.Card | None:
    """The Token object that came with the answer, if it is whole, theirs, and the one that was asked about."""
    try:
        card = objects.read_card(data)
    except objects.Wrong:
        return None
    same = (card.uid, card.type) == (normalize_uid(target.uid), target.type)
    return card if same and store.takes(target.provider, card.country_code, card.party_id) else None


# -- in a thread --------------------------------------------------------------------------------------------------------------------------


def _with_database(work: Callable[..., T], args: tuple[Any, ...]) -> T:
    try:
        return work(*args)
    finally:
        connection.close()  # the next question may be hours away


def _targets(uid: str, offered: str, providers: tuple[int, ...]) -> list[Target]:
    """Those of the providers that can be asked."""
    found = Provider.objects.filter(pk__in=providers, active=True, realtime=True).exclude(tokens_url="").exclude(sealed_token="")
    tokens: dict[int, RoamingToken] = {}
    # What is held to a reader is no user of an app, whose number may be the same
    for token in RoamingToken.objects.filter(uid=uid, provider__in=providers, type__in=AT_READER).order_by("type"):
        if token.provider_id not in tokens or token.type == RoamingToken.Type.RFID:
            tokens[token.provider_id] = token
    return [_target(provider, tokens.get(provider.pk), offered) for provider in found]


def _target(provider: Provider, token: RoamingToken | None, offered: str) -> Target:
    own = (provider.country_code, provider.party_id)
    if token is None:
        return Target(provider, offered, RoamingToken.Type.RFID, None if provider.ask_unknown else own, False)
    party = (token.country_code or own[0], token.party_id or own[1])
    return Target(provider, token.told_uid or token.uid, token.type, party, True)


def _keep(offer: Offer, told: Sequence[Told]) -> None:
    """What each of them said, with the card; one that was not known is known from now on where it came whole."""
    uid = normalize_uid(offer.id_tag)
    for one in told:
        if one.allowed in ("", UNKNOWN):
            continue
        provider = one.target.provider
        if one.card is not None:
            store.keep(provider, [one.card])
        RoamingToken.objects.filter(provider=provider, uid=uid, type=one.target.type).update(
            answer=one.allowed, answered_at=timezone.now(), reference=one.reference
        )


def _silent(provider: int, since: datetime | None) -> None:
    Provider.objects.filter(pk=provider).update(silent_since=since)
