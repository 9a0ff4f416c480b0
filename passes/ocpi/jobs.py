"""Jobs of providers: fetching all their cards page by page (OCPI 2.2.1 §12.2.2.1), and letting those go of one that is deleted.

The row of the provider carries how far it has come: a page and the address of the next one are committed together, so a job that dies goes
on where it was. A run takes a slice of time only and puts itself behind what else waits.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import django_rq
import httpx
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from passes.models import Provider, RoamingToken
from passes.ocpi import client, keys, objects, store

log = logging.getLogger("passes.ocpi")

PAGE = 500  # cards asked for at once
MOST_ON_PAGE = 5000  # that are read, whatever was asked for
SLICE = 60.0  # seconds of one run
PAGE_TIMEOUT = 30.0  # seconds
CLAIMED = timedelta(minutes=5)  # a worker that died is followed by another after this
PAUSES = (60, 300, 900, 3600)  # seconds before it is tried again; then it has failed
OVERLAP = timedelta(hours=1)  # of two nights, for clocks that differ
NIGHT = 2  # o'clock, on the platform
SPREAD = 120  # minutes over which the providers are spread
AT_ONCE = 2000  # cards deleted in one piece


def pull(pk: int) -> None:
    """Fetch on, for a slice of time."""
    provider = _claim(pk)
    if provider is None:
        return
    end = time.monotonic() + SLICE
    with client.synchronous(PAGE_TIMEOUT) as caller:
        while True:
            try:
                more = _page(caller, provider)
            except (client.Unusable, objects.Wrong) as error:
                _failed(provider, getattr(error, "message", None) or str(error))
                return
            if not more:
                return
            if time.monotonic() > end:
                Provider.objects.filter(pk=pk, pull_state=Provider.Pull.RUNNING).update(pull_due_at=timezone.now())
                django_rq.enqueue(pull, pk)
                return
            provider.refresh_from_db()


def _claim(pk: int) -> Provider | None:
    """The provider, if something is to be fetched of it now and nobody else does it."""
    now = timezone.now()
    due = Provider.objects.filter(pk=pk, pull_state__in=[Provider.Pull.WAITING, Provider.Pull.RUNNING], pull_due_at__lte=now).first()
    if due is None:
        return None
    claimed = Provider.objects.filter(pk=pk, pull_due_at=due.pull_due_at).update(
        pull_due_at=now + CLAIMED, pull_state=Provider.Pull.RUNNING
    )  # fmt: skip
    return Provider.objects.filter(pk=pk).first() if claimed else None


def _page(caller: httpx.Client, provider: Provider) -> bool:
    """Fetch one page and keep it; whether there is another. Raises Unusable and Wrong."""
    url = provider.pull_url or _first_url(provider)
    sent = client.headers(keys.unseal(provider.sealed_token), (provider.country_code, provider.party_id))
    answer = client.get(caller, url, sent, client.MOST_BYTES)
    if not answer.good or not isinstance(answer.data, list):
        raise client.Unusable(refusal_of(answer), answer.http)
    cards, unread = _cards(provider, answer.data[:MOST_ON_PAGE])
    following = _next_url(provider, url, answer.headers.get("link", ""))
    total = answer.headers.get("x-total-count", "")
    now = timezone.now()
    with transaction.atomic():
        # Somebody may have disconnected it meanwhile: then this page is not wanted any more
        same = Provider.objects.filter(pk=provider.pk, pull_state=Provider.Pull.RUNNING, pull_url=provider.pull_url)
        done: dict[str, Any] = {"pull_due_at": now + CLAIMED, "pull_url": following}
        if not following:
            done = {
                "pull_due_at": None, "pull_url": "", "pull_state": Provider.Pull.DONE, "pull_ended_at": now,
                "pulled_at": F("pull_started_at"),
            }  # fmt: skip
        if not same.update(
            pull_count=F("pull_count") + len(cards), pull_unread=F("pull_unread") + unread, pull_failures=0, pull_problem="",
            pull_total=int(total) if re.fullmatch(r"\d{1,9}", total) else None, **done,
        ):  # fmt: skip
            return False
        store.keep(provider, cards)
    return bool(following)


def _first_url(provider: Provider) -> str:
    query = {"offset": "0", "limit": str(PAGE)}
    if provider.pull_from:
        query["date_from"] = objects.stamp(provider.pull_from)
    joint = "&" if "?" in provider.tokens_url else "?"
    return f"{provider.tokens_url}{joint}{urlencode(query)}"


def _next_url(provider: Provider, url: str, link: str) -> str:
    """The address that the Link header calls next (§4.1.4.1), on the provider's own server; empty at the end."""
    for found in re.finditer(r"<([^<>]*)>\s*((?:;[^,<]*)*)", link):
        if re.search(r';\s*rel\s*=\s*"?next"?\s*(;|$)', found[2], re.IGNORECASE):
            try:
                there, own = urlsplit(found[1]), urlsplit(provider.tokens_url)
            except ValueError:
                raise client.Unusable("the address of the next page cannot be read") from None
            if there.hostname and there.hostname != own.hostname:
                raise client.Unusable("the next page is said to be on another server")
            # Behind a proxy some say http and mean https
            following = urlunsplit((own.scheme, own.netloc, there.path, there.query, ""))
            if following == url:
                raise client.Unusable("the next page is said to be the same again")
            if len(following) > 1000 or not following.isprintable():
                raise client.Unusable("the address of the next page is too long")
            return following
    return ""


def _cards(provider: Provider, data: list[Any]) -> tuple[list[objects.Card], int]:
    """Those that can be read and are theirs, and how many are not: a wrong one does not keep the others out (§4.1.4.1)."""
    good, unread = [], 0
    for one in data:
        try:
            card = objects.read_card(one)
        except objects.Wrong:
            unread += 1
            continue
        if store.takes(provider, card.country_code, card.party_id):
            good.append(card)
        else:
            unread += 1
    return good, unread


def refusal_of(answer: client.Answer) -> str:
    """Why an answer is none, in words."""
    if answer.http in (401, 403):
        return "it does not accept our token: register anew"
    if answer.code and not answer.good:
        return f"it answered with status {answer.code} {answer.message}".strip()
    return f"it answered with HTTP {answer.http}" if answer.http >= 400 else "its answer is no list of cards"


def _failed(provider: Provider, why: str) -> None:
    """Try again after a pause, or give up. What is fetched stays, and a new attempt goes on from there until it is given up."""
    failures = provider.pull_failures + 1
    over = failures > len(PAUSES)
    now = timezone.now()
    log.warning("cards of provider %d could not be fetched: %s", provider.pk, why)
    Provider.objects.filter(pk=provider.pk, pull_state=Provider.Pull.RUNNING).update(
        pull_failures=failures, pull_problem=why[:200], pull_state=Provider.Pull.FAILED if over else Provider.Pull.RUNNING,
        pull_due_at=None if over else now + timedelta(seconds=PAUSES[failures - 1]), pull_ended_at=now if over else None,
    )  # fmt: skip


def leave(pk: int) -> None:
    """Delete the cards of a provider that is being deleted, then the provider."""
    end = time.monotonic() + SLICE
    Provider.objects.filter(pk=pk).exclude(leaving_since=None).update(leaving_since=timezone.now())  # somebody is at it
    while provider := Provider.objects.filter(pk=pk).exclude(leaving_since=None).first():
        chunk = list(RoamingToken.objects.filter(provider=provider).order_by().values_list("pk", flat=True)[:AT_ONCE])
        if not chunk:
            provider.delete()
            return
        RoamingToken.objects.filter(pk__in=chunk).delete()
        if time.monotonic() > end:
            django_rq.enqueue(leave, pk)
            return


# -- the clock's --------------------------------------------------------------------------------------------------------------------------


def enqueue_due() -> None:
    """What waits, and what a worker has left behind."""
    now = timezone.now()
    for pk in Provider.objects.filter(pull_due_at__lte=now).order_by("pull_due_at").values_list("pk", flat=True)[:100]:
        django_rq.enqueue(pull, pk)
    for pk in Provider.objects.filter(leaving_since__lt=now - timedelta(minutes=2)).values_list("pk", flat=True)[:100]:
        django_rq.enqueue(leave, pk)


def begin_nightly() -> None:
    """Fetch what changed, of the providers that have it on and whose turn of this night has come."""
    from passes.actions import fetch_cards

    ready = Provider.objects.filter(nightly=True, active=True, leaving_since=None).exclude(tokens_url="").select_related("organization")
    for provider in ready:
        turn = last_turn(provider.pk, timezone.now())
        if not provider.pulling and (provider.pull_started_at is None or provider.pull_started_at < turn):
            try:
                fetch_cards(actor=None, provider=provider, since=provider.pulled_at and provider.pulled_at - OVERLAP)
            except ValidationError:
                continue  # somebody was faster


def last_turn(pk: int, now: datetime) -> datetime:
    """When it last was the turn of this provider: once a night, not all at the same moment."""
    local = now.astimezone(ZoneInfo(settings.PLATFORM_TIME_ZONE))
    turn = local.replace(hour=NIGHT, minute=0, second=0, microsecond=0) + timedelta(minutes=pk % SPREAD)
    return turn if turn <= local else turn - timedelta(days=1)
