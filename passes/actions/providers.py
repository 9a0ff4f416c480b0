"""Every write to card providers and to what organizations do about them. Their cards are told by themselves: see passes/ocpi/store.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import django_rq
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from passes.models import Provider, RoamingPolicy
from passes.ocpi import jobs, keys
from tenancy import audit
from tenancy.models import Organization, User

REGISTRATION_LASTS = timedelta(days=14)
CONNECTION = ("login_digest", "sealed_token", "versions_url", "tokens_url", "registered_at", "silent_since")
PULL = ("pull_state", "pull_due_at", "pull_url")


@transaction.atomic
def create_provider(*, actor: User | None, organization: Organization, **fields: Any) -> Provider:
    provider = Provider(organization=organization, **fields)
    provider.full_clean()
    provider.save()
    audit.record(actor, "create", provider, organization, audit.differences({}, fields))
    return provider


@transaction.atomic
def edit_provider(*, actor: User | None, provider: Provider, **fields: Any) -> Provider:
    """Only `fields` are written. The party of a provider that has told of cards stays: they are its."""
    before = {name: getattr(provider, name) for name in fields}
    for name, value in fields.items():
        setattr(provider, name, value)
    provider.full_clean()
    if any(before[name] != fields[name] for name in ("country_code", "party_id") if name in fields) and provider.tokens.exists():
        raise ValidationError({"party_id": _("Its cards belong to the party that told of them. Connect the other party beside it.")})
    provider.save(update_fields=list(fields))
    if changed := audit.differences(before, fields):
        audit.record(actor, "edit", provider, provider.organization, changed)
    return provider


@transaction.atomic
def invite_provider(*, actor: User | None, provider: Provider) -> str:
    """A registration token (OCPI: CREDENTIALS_TOKEN_A), which is shown once and kept by nobody. One given before is void; a connection
    that stands goes on until the provider registers with the new one."""
    token = keys.generate()
    provider.registration_digest, provider.registration_until = keys.digest(token), timezone.now() + REGISTRATION_LASTS
    provider.save(update_fields=["registration_digest", "registration_until"])
    audit.record(actor, "invite_provider", provider, provider.organization)
    return token


@transaction.atomic
def connect_provider(
    *, actor: User | None, provider: Provider, spent: str, token: str, versions_url: str, tokens_url: str
) -> str:  # fmt: skip
    """Keeps how to speak to the provider, and gives the token with which it logs in from now on (CREDENTIALS_TOKEN_C). `spent` is the
    digest of the one it has logged in with, which is worth nothing afterwards: of two who use the same at once one is refused."""
    row = Provider.objects.select_for_update().select_related("organization").get(pk=provider.pk)
    if not (keys.matches(spent, row.registration_digest) or keys.matches(spent, row.login_digest)):
        raise ValidationError(_("This token was used already."))
    if keys.matches(spent, row.registration_digest):
        row.registration_digest, row.registration_until = "", None
    login = keys.generate()
    row.login_digest, row.sealed_token = keys.digest(login), keys.seal(token)
    before = {"tokens_url": row.tokens_url}
    row.versions_url, row.tokens_url, row.registered_at, row.silent_since = versions_url, tokens_url, timezone.now(), None
    row.save(update_fields=[*CONNECTION, "registration_digest", "registration_until"])
    audit.record(actor, "connect_provider", row, row.organization, audit.differences(before, {"tokens_url": tokens_url}))
    return login


@transaction.atomic
def disconnect_provider(*, actor: User | None, provider: Provider) -> None:
    """Nobody speaks to anybody any more (OCPI 2.2.1 §7.2.4). Its cards stay as they were told of."""
    _forget_connection(provider)
    provider.save(update_fields=[*CONNECTION, *PULL, "registration_digest", "registration_until"])
    audit.record(actor, "disconnect_provider", provider, provider.organization)


def _forget_connection(provider: Provider) -> None:
    provider.registration_digest = provider.login_digest = provider.sealed_token = provider.versions_url = provider.tokens_url = ""
    provider.registration_until = provider.registered_at = provider.silent_since = provider.pull_due_at = None
    provider.pull_url = ""
    if provider.pulling:
        provider.pull_state = Provider.Pull.FAILED


@transaction.atomic
def delete_provider(*, actor: User | None, provider: Provider) -> None:
    """Its cards are taken nowhere from now on. A job deletes them, in pieces that hold nobody up, and the provider with the last."""
    audit.record(actor, "delete", provider, provider.organization, {"name": [provider.name, None]})
    if not provider.tokens.exists():
        provider.delete()
        return
    _forget_connection(provider)
    provider.active, provider.leaving_since = False, timezone.now()
    provider.save()
    _wake("leave", provider.pk)


@transaction.atomic
def fetch_cards(*, actor: User | None, provider: Provider, since: datetime | None = None) -> None:
    """Fetch all cards of the provider, or those changed since then, as a job. One that goes on already is left alone."""
    if why := why_not_fetched(provider):
        raise ValidationError(why)
    now = timezone.now()
    started = Provider.objects.filter(pk=provider.pk).exclude(pull_state__in=[Provider.Pull.WAITING, Provider.Pull.RUNNING]).update(
        pull_state=Provider.Pull.WAITING, pull_from=since, pull_url="", pull_due_at=now, pull_failures=0, pull_count=0, pull_unread=0,
        pull_total=None, pull_problem="", pull_started_at=now, pull_ended_at=None,
    )  # fmt: skip
    if not started:
        raise ValidationError(_("Its cards are being fetched already."))
    if actor is not None:  # the nightly one is no event
        audit.record(actor, "fetch_cards", provider, provider.organization)
    _wake("pull", provider.pk)


def why_not_fetched(provider: Provider) -> str:
    """Why its cards cannot be fetched now; empty when they can."""
    if not provider.tokens_url:
        return _("The provider has not registered yet, so there is no address to fetch from.")
    return _("Its cards are being fetched already.") if provider.pulling else ""


@transaction.atomic
def set_roaming_policy(*, actor: User | None, organization: Organization, when_silent: str) -> None:
    """What the organization does when a network does not answer; empty: what those above it say."""
    row = RoamingPolicy.objects.select_for_update().filter(organization=organization).first()
    before = row.when_silent if row else ""
    if before == when_silent:
        return
    if not when_silent:
        assert row is not None
        row.delete()
    else:
        row = row or RoamingPolicy(organization=organization)
        row.when_silent = when_silent
        row.full_clean()
        row.save()
    audit.record(actor, "edit", organization, organization, {"when_silent": [before, when_silent]})


def _wake(job: str, pk: int) -> None:
    """Nudge a worker when this is committed; the clock does it again should that be lost."""
    work = {"pull": jobs.pull, "leave": jobs.leave}[job]
    transaction.on_commit(lambda: django_rq.enqueue(work, pk))
