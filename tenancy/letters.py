"""Mails that must go out: written as rows with the write that causes them, sent by a job, tried again by the clock."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import django_rq
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from tenancy.models import Letter

AT_ONCE = 50  # letters in one run
CLAIMED = timedelta(minutes=5)  # a sender that died is followed by another after this
LASTS = timedelta(days=2)
PAUSES = (60, 300, 900, 3600)  # seconds before it is tried again

log = logging.getLogger("energycloud.mail")


def write(to: str, template: str, context: Mapping[str, Any], *, language: str = "", give_up_at: datetime | None = None) -> Letter:
    """A letter from templates/mail/<template>.txt; its first line is the subject. On its way when the transaction commits."""
    with translation.override(language or translation.get_language()):
        subject, _line, body = render_to_string(f"mail/{template}.txt", dict(context)).strip().partition("\n")
    return write_text(to, subject, body.strip() + "\n", give_up_at=give_up_at)


def write_text(to: str, subject: str, body: str, *, give_up_at: datetime | None = None) -> Letter:
    letter = Letter.objects.create(
        to=to, subject=" ".join(subject.split())[:200], body=body, give_up_at=give_up_at or timezone.now() + LASTS
    )
    transaction.on_commit(lambda: django_rq.enqueue(send_waiting))
    return letter


def send_waiting() -> int:
    """Send what is due. A letter is claimed before it is sent, so that two senders never send it twice at once."""
    now, sent = timezone.now(), 0
    for letter in Letter.objects.filter(sent_at=None, due_at__lte=now, give_up_at__gt=now).order_by("due_at", "pk")[:AT_ONCE]:
        claimed = Letter.objects.filter(pk=letter.pk, sent_at=None, due_at=letter.due_at).update(due_at=now + CLAIMED)
        sent += bool(claimed and _send(letter))
    return sent


def _send(letter: Letter) -> bool:
    try:
        EmailMessage(letter.subject, letter.body, to=[letter.to]).send()
    except Exception as error:  # whatever the mail server or the network says
        pause = PAUSES[min(letter.attempts, len(PAUSES) - 1)]
        Letter.objects.filter(pk=letter.pk).update(
            attempts=letter.attempts + 1, due_at=timezone.now() + timedelta(seconds=pause), error=f"{type(error).__name__}: {error}"[:200]
        )
        log.warning("letter %d could not be sent (%s), tried again in %d s", letter.pk, type(error).__name__, pause)
        return False
    # A portal without a mail server shows its letters on a page; elsewhere what they say is nobody else's business.
    kept = {} if settings.MAIL_SHOWN else {"body": ""}
    Letter.objects.filter(pk=letter.pk).update(sent_at=timezone.now(), attempts=letter.attempts + 1, error="", **kept)
    return True
