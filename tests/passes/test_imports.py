"""Passes and the cards of providers from files, and out again."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_group, create_pass
from passes.models import ChargePass, Listing, PassGroup, Provider, RoamingToken
from tenancy import rights
from tenancy.imports import jobs
from tenancy.models import AuditEntry, Import, ImportFault, Organization, User
from tests.conftest import CARD, Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def csv(text: str, name: str = "passes.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def xlsx(*rows: list[Any]) -> SimpleUploadedFile:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return SimpleUploadedFile("passes.xlsx", out.getvalue())


def upload(client: Client, file: Any, to: Organization | None = None, provider: Provider | None = None, **more: str) -> Import:
    """As somebody does it in the browser; then the job."""
    kind = "tokens" if provider else "passes"
    typed = {"provider": provider.pk} if provider else {"to": to.pk} if to else {}
    answer = client.post(f"{reverse('import_add')}?kind={kind}", {"file": file, **typed, **more})
    assert answer.status_code == 302, answer.context["form"].errors
    of = Import.objects.latest("pk")
    jobs.run(of.pk)
    of.refresh_from_db()
    return of


def go(client: Client, of: Import) -> Import:
    client.post(reverse("import_run", args=[of.pk]), {"errors": of.errors})
    jobs.run(of.pk)
    of.refresh_from_db()
    return of


def counts(of: Import) -> tuple[int, int, int, int]:
    return of.new, of.changed, of.unchanged, of.errors


def faults(of: Import) -> list[tuple[int, str, str]]:
    return list(ImportFault.objects.filter(of=of, warning=False).values_list("number", "field", "message"))


@pytest.fixture
def provider(tree: Tree) -> Provider:
    return Provider.objects.create(organization=tree.partner, name="Nieuwe Stroom", country_code="NL", party_id="TNM")


# -- passes -------------------------------------------------------------------------------------------------------------------------------


def test_a_file_is_checked_shown_and_then_written(tree: Tree, as_bob: Client) -> None:
    create_group(actor=None, organization=tree.customer, name="Fitters")
    ChargePass.objects.filter(uid=CARD).update(kind="public")
    file = csv(
        "UID;Nickname;User;Kind;Valid until;Group;Whitelist;Roaming free;Colour\n"
        f"{CARD};Pool car one;;;;;;yes;red\n"
        "04:11:22:33;Fiets;CY@example.org;non-public;31.12.2027;fitters;;;blue\n"
        "04112244;;;public;;;;;\n"
    )
    of = upload(as_bob, file, tree.customer)
    assert (of.state, counts(of), of.unknown) == ("checked", (2, 1, 0, 0), ["Colour"])
    assert ChargePass.objects.count() == 1, "nothing is written yet"
    page = as_bob.get(reverse("import", args=[of.pk])).text
    assert "Import 3 rows" in page
    assert "passed over: Colour" in page
    assert "Pool car one" in page
    assert (go(as_bob, of).state, counts(of)) == ("done", (2, 1, 0, 0))
    one = ChargePass.objects.get(uid="04112233")
    assert (one.nickname, one.user, one.group and one.group.name) == ("Fiets", tree.cy, "Fitters")
    assert one.valid_until == datetime(2027, 12, 31, 23, tzinfo=UTC), "to the end of that day in Amsterdam"
    switches = dict(Listing.objects.values_list("uid", "whitelist"))
    assert switches == {CARD: True, "04112233": True, "04112244": False}, "a public card is not whitelisted by itself"
    assert Listing.objects.get(uid=CARD).roaming_free
    tree.charge_pass.refresh_from_db()
    assert (tree.charge_pass.nickname, tree.charge_pass.visible_number) == ("Pool car one", "NL-TNM-B12345-6")
    recorded = AuditEntry.objects.filter(actor=tree.bob, object_type="passes.chargepass")
    assert sorted(recorded.values_list("verb", flat=True)) == ["create", "create", "edit", "list"]
    assert recorded.get(verb="edit").changes == {"nickname": ["Pool car 1", "Pool car one"]}
    assert not of.pieces.exists()
    again = upload(as_bob, csv(f"uid,nickname\n{CARD},Pool car one\n"), tree.customer)
    assert counts(again) == (0, 0, 1, 0)
    assert "There is nothing to import" in as_bob.get(reverse("import", args=[again.pk])).text


@pytest.mark.parametrize(
    ("cells", "field", "message"),
    [
        (["NL-TNM-B12345-6"], "uid", "number printed on the card"),
        ([1234567890], "uid", "changed this UID into a number"),
        (["4.0E+12"], "uid", "changed this UID into a number"),
        (["4,5E+11"], "uid", "changed this UID into a number"),
        (["F" * 21], "uid", "at most 20 characters"),
        ([""], "uid", "A UID is needed"),
        (["****"], "uid", "masked"),
        (["NL-TNM-CA12B3456-6"], "uid", "number printed on the card"),
        (["DE8ACC12345678"], "uid", "number printed on the card"),
        (["+A112233"], "uid", "letters and digits only"),
        (["KEYFOB01"], "uid", "This is no UID"),
        (["AA112233", "nobody@example.org"], "user", "Nobody whom you see"),
        (["AA112233", "dan@example.org"], "user", "Nobody whom you see"),
        (["AA112233", "bob@example.org"], "user", "belongs neither to Harbour Offices"),
        (["AA112233", "", "Hotel Seeblick"], "organization", "no organization with this name"),
        (["AA112233", "", "", "Fitters"], "group", "no group of passes"),
        (["AA112233", "", "", "", "perhaps"], "blocked", "yes or no"),
        (["AA112233", "", "", "", "", "31/12/27"], "valid_until", "Write a date"),
        (["AA112233", "", "", "", "", "2020-01-01", "2021-01-01"], "valid_until", "ends before it begins"),
        (["AA112233", "", "", "", "", "", "", "private"], "kind", "Write one of: public, non_public"),
        (["AA112233", "", "", "", "", "", "", "", "x" * 61], "nickname", "At most 60"),
        (["04A2B3C4D5E680 "], "uid", "stands in row 2 already"),
    ],
)
def test_a_row_that_is_wrong_says_what_and_where(cells: list[Any], field: str, message: str, tree: Tree, as_bob: Client) -> None:
    head = ["uid", "user", "organization", "group", "blocked", "valid_until", "valid_from", "kind", "nickname"]
    wrong = dict(zip(head, cells, strict=False))
    of = upload(
        as_bob,
        xlsx(head, ["04a2b3c4d5e680", "", "", "", "yes"], [wrong.get(name, "x" if name == "nickname" else "") for name in head]),
        tree.customer,
    )
    ((number, where, said),) = faults(of)
    assert (number, where) == (3, field)
    assert message in said
    assert counts(of) == (0, 1, 0, 1)
    assert "Import the 1 good row, leave out 1 with errors" in as_bob.get(reverse("import", args=[of.pk])).text
    assert b"04" not in b"".join(as_bob.get(reverse("import_errors", args=[of.pk])).streaming_content)[:40]  # type: ignore[attr-defined]
    assert counts(go(as_bob, of)) == (0, 1, 0, 1)
    assert ChargePass.objects.get().blocked


def test_a_uid_that_lost_its_zeros_is_a_warning(tree: Tree, as_bob: Client) -> None:
    of = upload(as_bob, csv("uid,nickname\n411223,Short\n4112233,Odd\n"), tree.customer)
    assert (counts(of), of.warnings) == ((1, 0, 0, 1), 1)
    assert faults(of)[0][:2] == (3, "uid"), "half a byte is no UID at all"
    assert "taken leading zeros away" in as_bob.get(reverse("import", args=[of.pk])).text


def test_what_belongs_to_others_is_no_error_and_is_not_mentioned(tree: Tree, as_bob: Client) -> None:
    """The same UID in the other tenant: here it is new."""
    create_pass(actor=None, organization=tree.other_customer, uid="AABBCCDD", nickname="Guest of the hotel")
    of = upload(as_bob, csv("uid,nickname\nAABBCCDD,Mine\n"), tree.customer)
    assert (counts(of), faults(of)) == ((1, 0, 0, 0), [])
    assert "hotel" not in as_bob.get(reverse("import", args=[of.pk])).text.lower()
    go(as_bob, of)
    assert sorted(ChargePass.objects.filter(uid="AABBCCDD").values_list("nickname", flat=True)) == ["Guest of the hotel", "Mine"]


def test_one_file_for_several_organizations_below(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    text = "uid,organization\nAA000001,\nAA000002,harbour offices\nAA000003,Volt & Sons\n"
    of = go(as_bob, upload(as_bob, csv(text), tree.partner))
    assert faults(of)[0][:2] == (4, "organization")
    assert dict(ChargePass.objects.exclude(uid=CARD).values_list("uid", "organization__name")) == {
        "AA000001": "Lumen Installers", "AA000002": "Harbour Offices",
    }  # fmt: skip
    refused = as_dan.post(reverse("import_add") + "?kind=passes", {"file": csv(text), "to": tree.partner.pk})
    assert refused.status_code == 200
    assert "to" in refused.context["form"].errors


def test_a_uid_that_a_pass_of_another_organization_has_on_this_list_is_refused_without_naming_it(tree: Tree, as_bob: Client) -> None:
    other = create_pass(actor=None, organization=tree.partner, uid="AABBCCDD", nickname="Secretary")
    Listing.objects.create(charge_pass=other, organization=tree.customer, uid="AABBCCDD")
    of = upload(as_bob, csv("uid\nAABBCCDD\n"), tree.customer)
    assert faults(of) == [(2, "uid", "Harbour Offices already has a pass with this UID on its list.")]


def test_who_does_not_see_whose_a_pass_is_cannot_find_out_by_importing(tree: Tree, client_of: Login) -> None:
    client = client_of(somebody(tree.customer, [rights.MANAGE_PASSES]))
    for guess in ("Pool car 1", "Something else"):
        of = upload(client, csv(f"uid,nickname,blocked\n{CARD},{guess},yes\n"), tree.customer)
        assert faults(of)[0][1] == "nickname"
        assert "Your role does not show" in faults(of)[0][2]
    of = go(client, upload(client, csv(f"uid,nickname,user,blocked\n{CARD},****,,yes\nAA112233,New one,Cy,no\n"), tree.customer))
    assert [(field, said) for _number, field, said in faults(of)] == [("user", "Nobody whom you see here has this e-mail address or name.")]
    tree.charge_pass.refresh_from_db()
    assert (tree.charge_pass.nickname, tree.charge_pass.blocked) == ("Pool car 1", True)
    other = client_of(somebody(tree.customer, [rights.MANAGE_PASSES]))
    of = upload(client, csv("uid,nickname\nAA445566,Hidden name\nNL-TNM-B9,x\n"), tree.customer)
    page = other.get(reverse("import", args=[of.pk])).text
    assert "Hidden name" not in page
    assert "NL-TNM-B9" not in page
    assert "Only" not in page
    other.post(reverse("import_run", args=[of.pk]), {"errors": "1"})
    of.refresh_from_db()
    assert of.state == "checked", "its rows were read with the eyes of who uploaded it"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_can_be_imported_again(form: str, tree: Tree, as_bob: Client) -> None:
    group = create_group(actor=None, organization=tree.customer, name="=Fitters")
    until = datetime(2027, 12, 31, 22, 59, 59, 123456, tzinfo=UTC)
    create_pass(
        actor=None, organization=tree.customer, uid="=1+1", nickname="-Otto", visible_number="+49", user=tree.cy, group=group,
        valid_until=until, blocked=True, whitelist=False, roaming_free=True, below=True, several_at_once=True, kind="public",
    )  # fmt: skip
    answer = as_bob.get(reverse("passes"), {"export": form})
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    assert form == "xlsx" or b"'=1+1" in content
    of = upload(as_bob, SimpleUploadedFile(f"passes.{form}", content), tree.customer)
    assert (counts(of), faults(of)) == ((0, 0, 2, 0), [])
    edited = content.replace(b"'-Otto", b"'-Karl") if form == "csv" else b""
    if edited:
        of = go(as_bob, upload(as_bob, SimpleUploadedFile("passes.csv", edited), tree.customer))
        assert (counts(of), ChargePass.objects.get(uid="=1+1").nickname) == ((0, 1, 1, 0), "-Karl")
        assert ChargePass.objects.get(uid="=1+1").valid_until == until


def test_a_list_that_is_masked_comes_back_unchanged(tree: Tree, client_of: Login) -> None:
    client = client_of(somebody(tree.customer, [rights.MANAGE_PASSES]))
    content = b"".join(client.get(reverse("passes"), {"export": "csv"}).streaming_content)  # type: ignore[attr-defined]
    assert CARD.encode() not in content
    of = upload(client, SimpleUploadedFile("passes.csv", content), tree.customer)
    assert faults(of)[0][2].startswith("This UID is masked")


@pytest.mark.engines
def test_a_pass_that_somebody_adds_while_a_file_is_imported_is_then_changed(tree: Tree, as_bob: Client, monkeypatch: Any) -> None:
    """Between reading and writing: the part is read again."""
    of = upload(as_bob, csv("uid,nickname\nAA112233,From the file\n"), tree.customer)
    from passes.imports.passes import PassRows

    write, late = PassRows.bulk_write, []

    def meanwhile(self: PassRows, new: list[Any], changed: list[Any]) -> None:
        if not late:
            late.append(create_pass(actor=None, organization=tree.customer, uid="AA112233", nickname="By hand"))
            late[0].__class__.objects.filter(pk=late[0].pk).update(created_at=timezone.now())
            raise jobs.IntegrityError("as the database would say")
        write(self, new, changed)

    monkeypatch.setattr(PassRows, "bulk_write", meanwhile)
    assert counts(go(as_bob, of)) == (1, 0, 0, 0)
    assert ChargePass.objects.get(uid="AA112233").nickname == "From the file"


# -- the cards of a provider --------------------------------------------------------------------------------------------------------------

HEAD = "uid,type,contract_id,visual_number,valid,whitelist,language,last_updated\n"


@pytest.mark.engines
def test_cards_of_a_provider_are_added_changed_and_ended(tree: Tree, as_bob: Client, provider: Provider) -> None:
    old = timezone.now() - timezone.timedelta(days=1)
    for uid, contract in (("AA000001", "C1"), ("AA000002", "C2"), ("AA000003", "C3")):
        RoamingToken.objects.create(provider=provider, uid=uid, contract_id=contract, issuer="Kept", last_updated=old)
    elsewhere = Provider.objects.create(organization=tree.other_partner, name="Theirs", country_code="NL", party_id="TNM")
    RoamingToken.objects.create(provider=elsewhere, uid="AA000009", contract_id="C9", last_updated=old)
    text = (
        HEAD
        + "aa000001,RFID,C1,,yes,,,\nAA:00:00:02,rfid,C2-new,,no,never,nl,2027-01-02T03:04:05Z\nAA000004,,C4,,,,,\nAA000004,,C4b,,,,,\n"
    )
    of = upload(as_bob, csv(text), provider=provider, end_others="on")
    assert (of.state, of.new, of.ended) == ("checked", 1, 1)
    assert RoamingToken.objects.count() == 4
    of = go(as_bob, of)
    assert (of.state, of.ended) == ("done", 1)
    found = {token.uid: (token.contract_id, token.valid, token.whitelist) for token in RoamingToken.objects.filter(provider=provider)}
    assert found == {
        "AA000001": ("C1", True, "ALLOWED"), "AA000002": ("C2-new", False, "NEVER"), "AA000003": ("C3", False, "ALLOWED"),
        "AA000004": ("C4b", True, "ALLOWED"),
    }  # fmt: skip
    changed = RoamingToken.objects.get(uid="AA000002")
    assert (changed.issuer, changed.last_updated) == ("Kept", datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert RoamingToken.objects.get(provider=elsewhere).valid
    assert AuditEntry.objects.filter(verb="import", actor=tree.bob).count() == 1


def test_no_card_is_ended_while_there_are_rows_with_errors(tree: Tree, as_bob: Client, provider: Provider) -> None:
    RoamingToken.objects.create(
        provider=provider, uid="AA000003", contract_id="C3", last_updated=timezone.now() - timezone.timedelta(days=1)
    )
    of = upload(as_bob, csv("uid,contract_id\nAA000001,C1\n4E+12,C2\nAA000005,\n"), provider=provider, end_others="on")
    assert (of.errors, of.ended) == (2, 0)
    assert "stay as they are, because there are rows with errors" in as_bob.get(reverse("import", args=[of.pk])).text
    assert go(as_bob, of).ended == 0
    assert RoamingToken.objects.get(uid="AA000003").valid


def test_the_provider_of_others_is_not_there(tree: Tree, as_dan: Client, as_bob: Client, provider: Provider) -> None:
    url = f"{reverse('import_add')}?kind=tokens&provider={provider.pk}"
    assert "Nieuwe Stroom" not in as_dan.get(url).text
    assert f'<option value="{provider.pk}" selected>' in as_bob.get(url).text
    refused = as_dan.post(url, {"provider": provider.pk, "file": csv("uid,contract_id\nAA000001,C1\n")})
    assert "provider" in refused.context["form"].errors
    assert not Import.objects.exists()


def test_a_card_whose_bytes_are_turned_or_that_a_network_knows_is_a_warning(tree: Tree, as_bob: Client, provider: Provider) -> None:
    RoamingToken.objects.create(provider=provider, uid="04112233", contract_id="C1")
    theirs = Provider.objects.create(organization=tree.other_partner, name="Theirs", country_code="NL", party_id="XXX")
    RoamingToken.objects.create(provider=theirs, uid="04112244", contract_id="C2")
    text = f"uid,kind,whitelist\n80E6D5C4B3A204,,\n04112233,,\n33221104,,\n04112244,,\n{CARD},,yes\n04112255,public,no\n"
    of = upload(as_bob, csv(text), tree.customer)
    told = list(ImportFault.objects.filter(of=of, warning=True).order_by("number").values_list("number", "message"))
    assert [number for number, _said in told] == [2, 3, 4]
    assert f"its bytes in the other order: Pool car 1, {CARD}" in told[0][1]
    assert "A connected network knows this card: it is a public card" in told[1][1]
    assert "A connected network knows this card as 04112233" in told[2][1]
    assert counts(of) == (5, 0, 1, 0)


def test_a_part_of_a_file_costs_the_same_however_many_cards_it_has(tree: Tree) -> None:
    from passes.imports.passes import PassRows

    costs = []
    for number in (3, 30):
        rows = PassRows(tree.bob, tree.customer, {})
        rows.columns = ["uid"]
        rights.forget(tree.bob)
        with CaptureQueriesContext(connection) as made:
            rows.take([[at + 2, 0, f"0411{at:04}"] for at in range(number)])
        costs.append(len(made))
    assert costs[0] == costs[1]


def test_roaming_free_and_groups_are_as_strict_as_in_the_form(tree: Tree, as_bob: Client) -> None:
    create_group(actor=None, organization=tree.customer, name="Fitters")
    PassGroup.objects.create(organization=tree.customer, name="FITTERS")  # from before names were compared
    text = "uid,kind,roaming_free,group\n04112233,,yes,\n04112244,public,yes,\n04112255,,,fitters\n04112266,,,FITTERS\n"
    of = upload(as_bob, csv(text), tree.customer)
    assert [(number, field) for number, field, _said in faults(of)] == [(2, "kind"), (4, "group")]
    assert "several groups with this name" in faults(of)[1][2]
    with pytest.raises(ValidationError, match="already has a group"):
        create_group(actor=None, organization=tree.customer, name="fittERS")


def test_an_older_row_a_printed_number_and_a_card_that_comes_twice(tree: Tree, as_bob: Client, provider: Provider) -> None:
    RoamingToken.objects.create(provider=provider, uid="AA000001", contract_id="C1", last_updated=datetime(2026, 6, 1, tzinfo=UTC))
    text = (
        "uid,type,contract_id,last_updated\nAA000001,,OLD,2026-05-01T00:00:00Z\nNL-TNM-C12345678-X,,C2,\n"
        "NL-TNM-C12345678-X,APP_USER,C2,\nAA000003,,C3,\nAA:00:00:03,RFID,C3b,\n"
    )
    of = upload(as_bob, csv(text), provider=provider)
    assert counts(of) == (2, 1, 1, 1)
    assert [(number, field) for number, field, _said in faults(of)] == [(3, "uid")]
    told = dict(ImportFault.objects.filter(of=of, warning=True).values_list("number", "message"))
    assert "What is known of this card is newer." in told[2]
    assert "This stands in row 5 already. The later row counts." in told[6]
    assert [row["cells"][2] for row in of.sample if row["number"] in (5, 6)] == ["C3", "C3b"], "each row as it is"
    go(as_bob, of)
    assert dict(RoamingToken.objects.filter(type="RFID").values_list("uid", "contract_id")) == {"AA000001": "C1", "AA000003": "C3b"}
