"""The tabs of an organization's page: who sees which, what each saves, and what it refuses."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from tenancy.actions import assign_role, create_organization, create_role, create_user, edit_organization
from tenancy.colours import PAPER, contrast, css, dark, light, parse
from tenancy.models import AuditEntry, Logo, Organization, Role, User
from tenancy.rights import MANAGE_INVOICE_DATA, MANAGE_ORGANIZATIONS, MANAGE_RATES, READ_MONEY
from tests.conftest import PASSWORD, Tree
from tests.energycloud.accounts import with_app
from tests.tenancy.test_organizations import add, text, typed

pytestmark = pytest.mark.django_db

IBAN = "NL91ABNA0417164300"


def tab(name: str, organization: Organization) -> str:
    return reverse(f"organization_{name}", args=[organization.pk])


def somebody(tree: Tree, *rights: str) -> User:
    role = create_role(actor=None, organization=tree.customer, name="Some", rights=list(rights))
    return create_user(actor=None, organization=tree.customer, email="so@example.org", name="So", password=PASSWORD, role=role)


def picture(width: int = 40, height: int = 20, format: str = "PNG", mode: str = "RGB") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode == "RGB" else 0).save(out, format)
    return SimpleUploadedFile(f"logo.{format.lower()}", out.getvalue())


ALL = ("edit", "invoice", "compensation", "look", "access")


@pytest.mark.parametrize(
    ("rights", "open_tabs"),
    [
        ((), ()),
        ((MANAGE_ORGANIZATIONS,), ("edit", "look", "access")),
        ((MANAGE_INVOICE_DATA,), ("invoice",)),
        ((READ_MONEY,), ("compensation",)),
    ],
)
def test_a_tab_without_its_right_is_neither_shown_nor_opened(
    rights: tuple[str, ...], open_tabs: tuple[str, ...], tree: Tree, client_of: Callable[[User], Client], as_dan: Client
) -> None:
    client = client_of(somebody(tree, *rights))
    page = client.get(reverse("organization", args=[tree.customer.pk])).content.decode()
    tabs = page[page.index('<nav class="tabs"') :]
    for name in ALL:
        url = tab(name, tree.customer)
        assert (f'href="{url}"' in tabs[: tabs.index("</nav>")]) is (name in open_tabs), name
        assert client.get(url).status_code == (200 if name in open_tabs else 403), name
        assert as_dan.get(url).status_code == 404


def test_invoice_data_is_stored_in_one_way_shown_readably_and_masked_in_the_record(tree: Tree, as_bob: Client) -> None:
    url = tab("invoice", tree.customer)
    as_bob.post(url, {"iban": "nl91 abna 0417 1643 00", "bic": "abnanl2a", "vat_number": "NL004495445B01", "split_billing": "on"})
    tree.customer.refresh_from_db()
    assert (tree.customer.iban, tree.customer.bic, tree.customer.split_billing) == (IBAN, "ABNANL2A", True)
    assert "NL91 ABNA 0417 1643 00" in as_bob.get(url).content.decode()
    as_bob.post(url, {"iban": "DE89 3704 0044 0532 0130 00"})
    changes = [entry.changes for entry in AuditEntry.objects.filter(verb="edit").order_by("pk")]
    assert changes[0]["iban"] == ["", "NL…4300"]
    assert changes[1]["iban"] == ["NL…4300", "DE…3000"]
    assert IBAN not in str(changes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"iban": "NL91ABNA0417164301"}, "The check digits do not fit: probably a typing error."),
        ({"iban": IBAN, "bic": "DEUTDEFF"}, "of a bank in DE"),
        ({"vat_number": "BE0428759498"}, "The check digits do not fit"),
        ({"chamber_number": "123"}, "8 digits"),
        ({"iban": "x" * 10_000}, "at most 60 characters"),
    ],
)
def test_what_is_wrong_with_a_number_stands_beside_it_and_stays_typed(
    values: dict[str, str], said: str, tree: Tree, as_bob: Client
) -> None:
    Organization.objects.filter(pk=tree.customer.pk).update(country="NL")
    answer = as_bob.post(tab("invoice", tree.customer), values)
    assert said in text(answer)
    assert all(f'value="{value}"' in answer.content.decode() for value in values.values())
    tree.customer.refresh_from_db()
    assert tree.customer.iban == ""


def test_a_tab_writes_only_its_own_fields(tree: Tree, as_bob: Client) -> None:
    stale = Organization.objects.get(pk=tree.customer.pk)
    as_bob.post(tab("invoice", tree.customer), {"iban": IBAN})
    edit_organization(actor=None, organization=stale, city="Delft")
    tree.customer.refresh_from_db()
    assert (tree.customer.iban, tree.customer.city) == (IBAN, "Delft")


def test_a_phone_is_stored_as_e164_and_shown_readably(tree: Tree, as_bob: Client) -> None:
    as_bob.post(tab("edit", tree.customer), typed(tree, name="Harbour Offices", phone="010 404 80 00"))
    tree.customer.refresh_from_db()
    assert tree.customer.phone == "+31104048000"
    assert "+31 10 404 8000" in text(as_bob.get(reverse("organization", args=[tree.customer.pk])))


def test_compensation_says_where_it_comes_from(tree: Tree, as_bob: Client, client_of: Callable[[User], Client]) -> None:
    edit_organization(actor=None, organization=tree.partner, compensation_ac="0.2300")
    url = tab("compensation", tree.customer)
    shown = text(as_bob.get(url))
    assert "0.23 EUR from Lumen Installers" in shown
    assert "Nothing: neither here nor above" in shown
    as_bob.post(url, {"compensation_ac": "0", "compensation_dc": "0.305"})
    shown = text(as_bob.get(url))
    assert "0.00 EUR, own amount" in shown
    assert "0.305 EUR, own amount" in shown
    tree.customer.refresh_from_db()
    edit_organization(actor=None, organization=tree.customer, compensation_ac=None)
    reader = client_of(somebody(tree, READ_MONEY))
    shown = text(reader.get(url))
    assert "0.23 EUR from an organization above" in shown, "what stands above is not one's business"
    assert "you need the right to change rates" in shown
    assert reader.post(url, {"compensation_ac": "9"}).status_code == 403


def test_who_may_change_rates_but_not_see_them_does_not_get_the_tab(tree: Tree, client_of: Callable[[User], Client]) -> None:
    client = client_of(somebody(tree, MANAGE_RATES))
    assert client.get(tab("compensation", tree.customer)).status_code == 403


def test_two_factors_can_be_required(tree: Tree, as_bob: Client) -> None:
    with_app(tree.bob)  # else Bob himself would be led to set it up now
    as_bob.post(tab("access", tree.partner), {"require_two_factor": "on"})
    tree.partner.refresh_from_db()
    assert tree.partner.require_two_factor
    assert "Required already by Lumen Installers." in text(as_bob.get(tab("access", tree.customer)))


# -- logo and colour ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_made_anew_and_shown_to_everybody_below(
    format: str, tree: Tree, as_bob: Client, as_cy: Client, as_dan: Client, as_ada: Client
) -> None:
    as_bob.post(tab("look", tree.partner), {"logo": picture(1000, 500, format), "colour": "#AB1234"})
    logo = Logo.objects.get(organization=tree.partner)
    assert (logo.width, logo.height) == (512, 256)
    image = Image.open(io.BytesIO(bytes(logo.png)))
    assert image.format == "PNG"
    page = as_cy.get("/").content.decode()
    found = re.search(r'<img class="brand-logo" src="([^"]+)"', page)
    sheet = re.search(r'href="(/brand/[^"]+)"', page)
    assert found
    assert sheet
    assert "Lumen Installers" in page, "the name goes with the logo"
    answer = as_cy.get(found[1])
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, "image/png", bytes(logo.png))
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert "--tblr-primary: #" in as_cy.get(sheet[1]).content.decode()
    assert as_ada.get(found[1]).status_code == 200, "who sees the organization sees its logo"
    for url in (found[1], sheet[1]):
        assert as_dan.get(url).status_code == 404
        assert Client().get(url).status_code == 302
    assert "brand-logo" not in as_dan.get("/").content.decode()
    assert as_cy.get(sheet[1].replace("ab1234", "ab1235")).status_code == 404


def test_the_nearest_look_counts(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    edit_organization(actor=None, organization=tree.partner, colour="#112233")
    edit_organization(actor=None, organization=tree.customer, colour="#445566")
    page = as_cy.get("/").content.decode()
    assert f"/brand/{tree.customer.pk}-445566.css" in page
    assert "112233" not in page
    shown = text(as_bob.get(tab("look", tree.customer)))
    assert "its own" in shown
    edit_organization(actor=None, organization=tree.customer, colour="")
    assert "from Lumen Installers" in text(as_bob.get(tab("look", tree.customer)))


def test_a_logo_is_removed(tree: Tree, as_bob: Client) -> None:
    as_bob.post(tab("look", tree.partner), {"logo": picture(), "colour": ""})
    as_bob.post(tab("look", tree.partner), {"remove_logo": "on", "colour": ""})
    assert not Logo.objects.exists()
    assert [sorted(entry.changes) for entry in AuditEntry.objects.filter(verb="edit")] == [["logo"], ["logo"]]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def bomb(side: int) -> bytes:
    """A PNG that says it is `side` pixels wide and high."""
    content = bytearray(picture().read())
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SVG, "not a picture that can be shown here"),
        (b"MZ\x90\x00", "not a picture that can be shown here"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "picture"),
        (b"\x00" * (2 * 1024 * 1024 + 1), "too large: 2.0 MB"),
        (b"", "empty"),
        (bomb(100_000), "far too many pixels"),
        (bomb(8_000), "too many pixels: 8000 × 8000"),
    ],
)
def test_a_logo_that_is_no_picture_or_huge_is_refused_beside_its_field(content: bytes, said: str, tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(tab("look", tree.partner), {"logo": SimpleUploadedFile("logo.png", content), "colour": "#123456"})
    assert answer.status_code == 200
    assert said in text(answer)
    assert 'value="#123456"' in answer.content.decode(), "what was typed stays"
    assert not Logo.objects.exists()


def test_a_damaged_picture_is_refused(tree: Tree, as_bob: Client) -> None:
    whole = picture(300, 300, "JPEG").read()
    answer = as_bob.post(tab("look", tree.partner), {"logo": SimpleUploadedFile("logo.jpg", whole[: len(whole) // 2]), "colour": ""})
    assert "damaged" in text(answer)


@pytest.mark.parametrize("colour", ["#ffff00", "#000000", "#ffffff", "#1f6feb", "#c4003c", "#777777"])
def test_every_colour_is_readable_in_both_themes(colour: str) -> None:
    day, night = light(parse(colour)), dark(parse(colour))
    assert contrast(day.primary, day.on_primary) >= 4.5
    assert contrast(day.link, PAPER) >= 4.5
    assert contrast(night.primary, night.on_primary) >= 4.5
    assert contrast(night.link, (22, 32, 31)) >= 4.5
    assert css(colour).count("--tblr-primary:") == 2


def test_a_short_colour_is_written_out(tree: Tree, as_bob: Client) -> None:
    as_bob.post(tab("look", tree.partner), {"colour": "F00"})
    tree.partner.refresh_from_db()
    assert tree.partner.colour == "#ff0000"


# -- adding step by step ------------------------------------------------------------------------------------------------------------------


def test_everything_can_be_entered_while_adding(tree: Tree, as_bob: Client) -> None:
    answer = add(as_bob, typed(
        tree, contact_name="Hanna", phone="010 404 80 00", iban="NL91 ABNA 0417 1643 00", bic="ABNANL2A", split_billing="on",
        compensation_ac="0.25", colour="#1f6feb", logo=picture(),
    ))  # fmt: skip
    made = Organization.objects.get(name="Harbour Hotel")
    assert (made.iban, made.phone, made.colour, str(made.compensation_ac)) == (IBAN, "+31104048000", "#1f6feb", "0.2500")
    assert (made.logo.width, made.logo.height) == (40, 20)
    assert "Harbour Hotel" in text(answer)
    created = AuditEntry.objects.get(verb="create", object_id=made.pk, object_type="tenancy.organization")
    assert created.changes["iban"] == ["", "NL…4300"]


def test_steps_without_their_right_are_left_out(tree: Tree, client_of: Callable[[User], Client]) -> None:
    client = client_of(somebody(tree, MANAGE_ORGANIZATIONS))
    page = text(client.get(reverse("organization_add")))
    assert "Contact" in page
    assert "Invoice data" not in page
    assert "Compensation" not in page
    add(client, typed(tree, parent=tree.customer.pk, kind="sub", iban=IBAN, compensation_ac="9"))
    made = Organization.objects.get(name="Harbour Hotel")
    assert (made.iban, made.compensation_ac) == ("", None)


def test_without_the_right_nothing_is_added(tree: Tree, as_cy: Client) -> None:
    assert as_cy.get(reverse("organization_add")).status_code == 403
    assert "Add an organization" not in text(as_cy.get(reverse("organizations")))


def test_the_look_of_every_page_costs_one_query(tree: Tree, as_cy: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    deep = tree.customer
    for level in range(20):
        deep = create_organization(actor=None, parent=deep, kind="sub", name=f"L{level}")
    with django_assert_max_num_queries(60) as counted:
        as_cy.get("/")
    assert len([query for query in counted.captured_queries if "tenancy_logo" in query["sql"]]) == 1


def test_people_and_whom_to_reach_are_masked_without_the_right(tree: Tree, as_bob: Client, client_of: Callable[[User], Client]) -> None:
    edit_organization(
        actor=None, organization=tree.customer, contact_name="Noor Quaestor", email="noor@harbour.example", phone="+31101234567"
    )
    page = as_bob.get(reverse("organization", args=[tree.customer.pk])).text
    for told in ("Noor Quaestor", "noor@harbour.example", "tel:+31101234567", f'<a href="{tree.cy.get_absolute_url()}">Cy</a>'):
        assert told in page
    unseeing = client_of(somebody(tree, MANAGE_ORGANIZATIONS))
    page = unseeing.get(reverse("organization", args=[tree.customer.pk])).text
    assert f'<a href="{tree.cy.get_absolute_url()}">****</a>' in page
    form = unseeing.get(reverse("organization_edit", args=[tree.customer.pk])).text
    for hidden in ("Noor", "noor@", "1234567", ">Cy<"):
        assert hidden not in page
        assert hidden not in form
    unseeing.post(reverse("organization_edit", args=[tree.customer.pk]), {"kind": "customer", "name": "Harbour Two", "country": "NL"})
    tree.customer.refresh_from_db()
    assert (tree.customer.name, tree.customer.contact_name) == ("Harbour Two", "Noor Quaestor")


# -- what the organization above says -----------------------------------------------------------------------------------------------------


def administrator_of(organization: Organization) -> User:
    role = Role.objects.get(default="administrator")
    return create_user(actor=None, organization=organization, email="an@example.org", name="An", password=PASSWORD, role=role)


def test_nobody_makes_their_own_organization_a_partner_or_ticks_who_pays_for_it(tree: Tree, client_of: Callable[[User], Client]) -> None:
    client = client_of(administrator_of(tree.customer))
    for name, field, right in (("edit", "kind", "add, change and move organizations"),
                               ("invoice", "split_billing", "see and change bank account and tax numbers")):  # fmt: skip
        page = client.get(tab(name, tree.customer))
        assert re.search(rf'name="{field}"[^>]* disabled', page.text)
        assert f"Only somebody with the right to {right} at the organization above can change this." in text(page)
        assert "Lumen" not in text(page), "what stands above is not told"
    client.post(tab("edit", tree.customer), typed(tree, kind="partner", name="Harbour Offices", city="Delft"))
    client.post(tab("invoice", tree.customer), {"iban": IBAN, "split_billing": "on"})
    tree.customer.refresh_from_db()
    assert (tree.customer.kind, tree.customer.split_billing) == ("customer", False), "a forged one changes nothing"
    assert (tree.customer.city, tree.customer.iban) == ("Delft", IBAN), "but what is one's own is written"


@pytest.mark.parametrize("fields", [{"kind": "partner"}, {"split_billing": True}])
def test_the_action_refuses_it_too(fields: dict[str, Any], tree: Tree) -> None:
    customer = Organization.objects.get(pk=tree.customer.pk)
    with pytest.raises(ValidationError, match="Only somebody with the right to") as refused:
        edit_organization(actor=administrator_of(tree.customer), organization=customer, **fields)
    assert list(refused.value.error_dict) == list(fields)
    tree.customer.refresh_from_db()
    assert (tree.customer.kind, tree.customer.split_billing) == ("customer", False)
    edit_organization(actor=tree.bob, organization=customer, **fields)


def test_who_holds_the_right_above_says_it(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    assert "Only somebody" not in text(as_bob.get(tab("edit", tree.customer)))
    as_bob.post(tab("edit", tree.customer), typed(tree, kind="sub", name="Harbour Offices"))
    as_bob.post(tab("invoice", tree.customer), {"iban": IBAN, "split_billing": "on"})
    tree.customer.refresh_from_db()
    assert (tree.customer.kind, tree.customer.split_billing) == ("sub", True)
    assert "at the organization above can change this" in text(as_bob.get(tab("edit", tree.partner))), "not of his own"
    assert "nothing stands above it" in text(as_ada.get(tab("invoice", tree.platform)))


def test_each_of_the_two_needs_its_own_right_above(tree: Tree, client_of: Callable[[User], Client]) -> None:
    role = create_role(actor=None, organization=tree.partner, name="Accounts", rights=[MANAGE_INVOICE_DATA], propagated=True)
    below = create_role(actor=None, organization=tree.customer, name="Tree", rights=[MANAGE_ORGANIZATIONS])
    user = create_user(actor=None, organization=tree.partner, email="ac@example.org", name="Ac", password=PASSWORD, role=role)
    assign_role(actor=None, user=user, role=below, organization=tree.customer)
    client = client_of(user)
    assert "disabled" not in client.get(tab("invoice", tree.customer)).text.split('name="split_billing"')[1][:100]
    said = text(client.get(tab("edit", tree.customer)))
    assert "the right to add, change and move organizations at Lumen Installers can change this" in said
