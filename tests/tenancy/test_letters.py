"""The page of the mails: for the platform's administrators alone, and what they say only where no mail server is set up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenancy import letters
from tenancy.models import Letter, User
from tenancy.rights import RIGHTS
from tests.conftest import Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
LINK = "https://portal.example/invitation/abc123"


@pytest.fixture
def letter(tree: Tree) -> Letter:
    return letters.write_text("eve@example.org", "Your login", f"Open <b>this</b>: {LINK}")


def test_without_a_mail_server_a_mail_is_read_on_its_page_after_it_went_to_the_console(
    letter: Letter, as_ada: Client, settings: Any
) -> None:
    settings.MAIL_SHOWN = True
    assert letters.send_waiting() == 1
    assert f'href="{reverse("letter", args=[letter.pk])}"' in as_ada.get(reverse("letters")).text
    page = as_ada.get(reverse("letter", args=[letter.pk])).text
    assert f'href="{LINK}"' in page
    assert "Open &lt;b&gt;this&lt;/b&gt;" in page
    assert "No mail server is set up" in page


def test_with_a_mail_server_nobody_reads_what_a_mail_says(letter: Letter, as_ada: Client, settings: Any) -> None:
    settings.MAIL_SHOWN = False
    assert LINK not in as_ada.get(reverse("letter", args=[letter.pk])).text, "not even while it waits"
    assert letters.send_waiting() == 1
    assert LINK in mail.outbox[0].body
    assert Letter.objects.get().body == ""
    assert "Links in mails open accounts" in as_ada.get(reverse("letter", args=[letter.pk])).text


def test_what_could_not_be_sent_says_why(letter: Letter, as_ada: Client) -> None:
    Letter.objects.update(error="ConnectionRefusedError: nobody there", attempts=1)
    waiting = as_ada.get(reverse("letters"), {"state": "waiting"}).text
    assert "nobody there" in waiting
    Letter.objects.update(give_up_at=timezone.now() - timedelta(seconds=1))
    assert "nobody there" not in as_ada.get(reverse("letters"), {"state": "waiting"}).text
    assert "Given up" in as_ada.get(reverse("letters"), {"state": "over", "q": "eve@"}).text


def test_only_who_may_everything_at_the_platform_reads_mails(
    letter: Letter, tree: Tree, as_bob: Client, client_of: Callable[[User], Client]
) -> None:
    """A link in a mail opens the account of an administrator: whoever could read it would gain their rights."""
    assert as_bob.get(reverse("letters")).status_code == 404
    for lacking in ("manage_roles", "cost_release"):
        person = client_of(somebody(tree.platform, [code for code in RIGHTS if code != lacking]))
        assert person.get(reverse("letters")).status_code == 403
        assert person.get(reverse("letter", args=[letter.pk])).status_code == 403
        assert reverse("letters") not in person.get("/").text
