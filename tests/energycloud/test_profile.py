"""One's own account: profile, time zone, password, sessions, and who can have a login at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.template import Context, Template
from django.test import Client
from django.utils import timezone

from stations.models import Station
from tenancy.actions import create_user, renew_user_password
from tenancy.devices import device
from tenancy.middleware import OwnWaysMiddleware
from tenancy.models import AuditEntry, Letter, Organization, User
from tests.conftest import PASSWORD, Tree
from tests.energycloud.accounts import LOGIN, forget_attempts, log_in, logged_in, verbs
from ui.templatetags.ui import own_zone

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile Safari/604.1"


@pytest.fixture(autouse=True)
def no_earlier_attempts() -> None:
    forget_attempts()


# Profile


def test_the_account_is_in_the_menu_and_leads_to_everything(as_cy: Client) -> None:
    assert 'href="/account/"' in as_cy.get("/").text
    page = as_cy.get("/account/").text
    assert "cy@example.org" in page
    for path in ("/account/password/change/", "/account/two-factor/", "/account/sessions/"):
        assert f'href="{path}"' in page
        answer = as_cy.get(path)
        assert answer.status_code == 200
        assert 'href="/account/"' in answer.text


def test_editing_the_own_profile(tree: Tree, as_cy: Client) -> None:
    answer = as_cy.post("/account/", {"name": "Cy Twombly", "phone": "+31 10 1234567", "time_zone": "America/New_York"}, follow=True)
    assert "Your profile is saved." in answer.text
    tree.cy.refresh_from_db()
    assert (tree.cy.name, tree.cy.phone, tree.cy.time_zone) == ("Cy Twombly", "+31101234567", "America/New_York")
    entry = AuditEntry.objects.get(verb="edit_own_profile")
    assert (entry.actor, entry.organization) == (tree.cy, tree.customer)
    assert entry.changes == {"name": ["Cy", "Cy Twombly"], "phone": ["", "+31101234567"], "time_zone": ["", "America/New_York"]}
    as_cy.post("/account/", {"name": "Cy Twombly", "phone": "+31 10 1234567", "time_zone": "America/New_York"})
    assert AuditEntry.objects.filter(verb="edit_own_profile").count() == 1, "nothing has changed"


def test_nobody_changes_their_address_or_organization(tree: Tree, as_cy: Client) -> None:
    as_cy.post(
        "/account/", {"name": "Cy", "email": "root@example.org", "organization": tree.platform.pk, "is_active": "", "language": "xx"}
    )
    after = User.objects.get(pk=tree.cy.pk)
    assert (after.email, after.organization, after.is_active, after.language) == ("cy@example.org", tree.customer, True, "")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Fill this in."),
        ("name", "é" * 10_000, "at most 100 characters"),
        ("phone", "1" * 10_000, "at most 60 characters"),
        ("time_zone", "Mars/Olympus", "There is no such time zone."),
        ("time_zone", "../../etc/passwd", "There is no such time zone."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field_and_nothing_typed_is_lost(
    tree: Tree, as_cy: Client, field: str, value: str, message: str
) -> None:
    page = as_cy.post("/account/", {"name": "Cy Twombly", "phone": "0101", "time_zone": "", field: value})
    assert page.status_code == 200
    assert message in page.text
    if field != "name":
        assert 'value="Cy Twombly"' in page.text
    assert User.objects.get(pk=tree.cy.pk).name == "Cy"


def test_the_language_is_asked_for_only_where_there_is_a_choice(tree: Tree, as_cy: Client, settings: object) -> None:
    assert 'name="language"' not in as_cy.get("/account/").text
    settings.LANGUAGES = [("en", "English"), ("nl", "Dutch")]  # type: ignore[attr-defined]
    page = as_cy.get("/account/").text
    assert 'name="language"' in page
    assert '<html lang="en">' in page
    as_cy.post("/account/", {"name": "Cy", "language": "nl"})
    assert '<html lang="nl">' in as_cy.get("/account/").text


# Time zone

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def shown(user: User | None, rf: object) -> str:
    request = rf.get("/")  # type: ignore[attr-defined]
    request.user, request.session = user, type("Session", (), {"session_key": None})()
    template = Template("{% load ui %}{{ at|exact }}")
    return str(OwnWaysMiddleware(lambda request: template.render(Context({"at": NOON})))(request))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("zone", "clock"), [("", "13:00:00"), ("America/New_York", "07:00:00"), ("UTC", "12:00:00"), ("Etc/UTC", "12:00:00")]
)
def test_times_without_a_place_are_in_the_readers_zone(tree: Tree, rf: object, zone: str, clock: str) -> None:
    tree.cy.time_zone = zone
    assert shown(tree.cy, rf).endswith(clock)
    assert str(own_zone()) == settings.PLATFORM_TIME_ZONE, "and outside of a request in the platform's"
    assert timezone.get_current_timezone_name() == "UTC"


def test_times_of_a_place_stay_in_its_zone(tree: Tree, as_cy: Client) -> None:
    Station.objects.filter(pk=tree.station.pk).update(
        first_connected_at=NOON, last_message_at=NOON, connected_at=NOON, disconnected_at=NOON, connected=False
    )
    User.objects.filter(pk=tree.cy.pk).update(time_zone="America/New_York")
    page = as_cy.get(f"/stations/{tree.station.pk}/").text
    assert "13:00:00 CET" in page
    assert "07:00:00 EST" not in page
    assert re.search(r'class="asof">as of ', page)


def test_a_pass_is_valid_until_a_time_of_the_reader(tree: Tree, as_bob: Client) -> None:
    User.objects.filter(pk=tree.bob.pk).update(time_zone="America/New_York")
    form = {"uid": tree.charge_pass.uid, "valid_until": "2030-01-05T07:00", "kind": "non_public"}
    page = as_bob.get(f"/passes/{tree.charge_pass.pk}/edit/").text
    assert "In the time of America/New_York." in page
    as_bob.post(f"/passes/{tree.charge_pass.pk}/edit/", form)
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.valid_until == datetime(2030, 1, 5, 12, tzinfo=UTC)


# Password


def test_the_rules_of_passwords_stand_beside_the_field(as_cy: Client) -> None:
    assert "At least 12 characters. Not like your name or address" in as_cy.get("/account/password/change/").text


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short", "too short"),
        ("cy@example.org", "too similar"),
        ("password1234", "too common"),
        ("x7" * 5_000, "At most 128 characters, please. This has 10000."),
    ],
)
def test_passwords_that_will_not_do(tree: Tree, as_cy: Client, password: str, message: str) -> None:
    form = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    assert message in as_cy.post("/account/password/change/", form).text
    tree.cy.refresh_from_db()
    assert tree.cy.check_password(PASSWORD)


def test_a_changed_password_is_recorded_and_logs_out_everywhere_else(tree: Tree, client_of: Callable[[User], Client]) -> None:
    here, elsewhere = client_of(tree.cy), client_of(tree.cy)
    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": "orange-kettle-77", "password2": "orange-kettle-77"})
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    assert verbs(tree.cy)[-1] == "change_password"


def test_a_password_of_a_megabyte_is_not_hashed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "check_password", lambda *_args: pytest.fail("it was hashed"))
    monkeypatch.setattr(User, "set_password", lambda *_args: pytest.fail("it was hashed"))
    for email in ("cy@example.org", "nobody@example.org"):
        page = Client().post(LOGIN, {"login": email, "password": "x" * 1_000_000})
        assert "At most 128 characters, please." in page.text


@pytest.mark.parametrize("path", ["/account/login/", "/account/password/reset/"])
def test_an_address_of_ten_thousand_characters_gets_a_message(db: None, path: str) -> None:
    long = "x" * 10_000 + "@example.org"
    page = Client().post(path, {"login": long, "email": long, "password": "wrong-password"})
    assert page.status_code == 200
    assert "invalid-feedback" in page.text


def test_asking_for_new_passwords_is_throttled_per_account_and_address(tree: Tree) -> None:
    for number in range(7):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post("/account/password/reset/", {"email": "cy@example.org"})
    assert Letter.objects.count() == 5
    client = Client(REMOTE_ADDR="198.51.100.1")
    answers = [client.post("/account/password/reset/", {"email": f"{number}@example.org"}).status_code for number in range(22)]
    assert answers[-1] == 429


def test_wrong_passwords_count_for_the_account_from_wherever_they_come(tree: Tree) -> None:
    for number in range(5):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(LOGIN, {"login": "Cy@example.org", "password": "wrong"})
    assert "Too many wrong tries." in log_in(tree.cy, REMOTE_ADDR="198.51.100.1").text


# Sessions


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Linux",
        ),
        ("", "Unknown browser"),
        ("<script>", "Unknown browser"),
    ],
)
def test_devices_in_plain_words(agent: str, words: str) -> None:
    assert device(agent) == words


def test_ending_a_session(tree: Tree) -> None:
    here = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="192.0.2.1")
    phone = Client(headers={"user-agent": IPHONE}, REMOTE_ADDR="192.0.2.2")
    other = Client()
    for client in (here, phone, other):
        log_in(tree.cy, client)
    page = here.get("/account/sessions/").text
    assert "Firefox on Windows" in page
    assert "Safari on iPhone" in page
    assert "From 192.0.2.2" in page
    assert page.count("this one") == 1
    row = UserSession.objects.get(ip="192.0.2.2")
    assert "1 session is logged out." in here.post("/account/sessions/", {"end": row.pk}, follow=True).text
    assert phone.get("/").status_code == 302
    assert other.get("/").status_code == 200
    assert verbs(tree.cy)[-1] == "sessions_ended"
    assert "This session has ended already." in here.post("/account/sessions/", {"end": row.pk}, follow=True).text
    assert "1 session is logged out." in here.post("/account/sessions/", follow=True).text
    assert other.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert "You are logged in nowhere else." in here.get("/account/sessions/").text


def test_nobody_ends_the_session_of_somebody_else_or_by_nonsense(tree: Tree) -> None:
    bob, cy = logged_in(tree.bob), logged_in(tree.cy)
    theirs = UserSession.objects.get(user=tree.bob).pk
    own = UserSession.objects.get(user=tree.cy).pk
    for end in (theirs, own, "x", "-1", "9" * 40, "1'"):
        assert "This session has ended already." in cy.post("/account/sessions/", {"end": end}, follow=True).text
    assert bob.get("/").status_code == 200
    assert "sessions_ended" not in verbs(tree.bob) + verbs(tree.cy)


def test_a_session_says_when_it_was_last_used(tree: Tree, as_cy: Client) -> None:
    forget_attempts()
    as_cy.get("/")
    row = UserSession.objects.get(user=tree.cy)
    UserSession.objects.filter(pk=row.pk).update(last_seen_at=NOON)
    as_cy.get("/")
    assert UserSession.objects.get(pk=row.pk).last_seen_at == NOON, "not with every click"
    forget_attempts()
    as_cy.get("/")
    assert UserSession.objects.get(pk=row.pk).last_seen_at > NOON


# Who can have a login at all


def close(organization: Organization) -> None:
    Organization.objects.filter(path__startswith=organization.path).update(closed=True)


def test_people_of_a_closed_organization_are_out_and_learn_why(tree: Tree, as_cy: Client) -> None:
    assert as_cy.get("/").status_code == 200
    close(tree.partner)
    assert as_cy.get("/").status_code == 302
    answer = Client().post(LOGIN, {"login": "cy@example.org", "password": PASSWORD}, follow=True)
    assert "Your organization, or one above it, is deactivated" in answer.text
    wrong = Client().post(LOGIN, {"login": "cy@example.org", "password": "wrong"}, follow=True)
    assert "deactivated" not in wrong.text, "told only to those who know the password"


@pytest.mark.parametrize("why", ["closed", "inactive"])
def test_who_cannot_log_in_gets_no_letter_and_the_same_answer(tree: Tree, why: str) -> None:
    Client().post("/account/password/reset/", {"email": "cy@example.org"})
    link = re.search(r"http://testserver(/\S+)", Letter.objects.get().body)
    assert link
    Letter.objects.all().delete()
    if why == "closed":
        close(tree.customer)
    else:
        User.objects.filter(pk=tree.cy.pk).update(is_active=False)
    answer = Client().post("/account/password/reset/", {"email": "cy@example.org"}, follow=True)
    assert "Look into your mail" in answer.text
    assert not Letter.objects.exists()
    assert "This link does not work any more" in Client().get(link[1], follow=True).text


def test_cardholders_have_no_login(tree: Tree, client_of: Callable[[User], Client]) -> None:
    holder = create_user(actor=None, organization=tree.customer, email=None, name="Holder", password=None)
    renew_user_password(actor=None, user=holder, password=PASSWORD)
    for email in ("", "None", "null", "\x00"):
        assert Client().post(LOGIN, {"login": email, "password": PASSWORD}).status_code == 200
        Client().post("/account/password/reset/", {"email": email})
    assert not Letter.objects.exists()
    assert client_of(holder).get("/").status_code == 302, "not even with a session"


def test_attempts_are_counted_where_all_processes_see_them() -> None:
    assert settings.EMBEDDED or settings.CACHES["default"]["BACKEND"].endswith("redis.RedisCache")
