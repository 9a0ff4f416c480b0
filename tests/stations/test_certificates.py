"""Pages of authorities and certificates: who gets them, what they say, and that no key is ever on one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations import actions, certificate_jobs
from stations.models import Authority, CertificateRequest, Command, InstalledCertificate, Revocation, Station, StationCertificate
from stations.pki import reading, signing
from tenancy.models import AuditEntry
from tests import csr
from tests.conftest import Tree
from tests.stations.sheets import online, page, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(tree: Tree) -> Authority:
    return actions.create_authority(actor=None, name="Green Grid Root", use="station", kind="ec", years=10)


def certificate(station: Station, state: str = "installed", days: int | None = None) -> StationCertificate:
    CertificateRequest.objects.create(station=station, at=timezone.now(), state="waiting", csr=csr.request(station.identity))
    certificate_jobs.sign_waiting()
    row = StationCertificate.objects.filter(station=station).latest("pk")
    ends = {} if days is None else {"not_after": timezone.now() + timedelta(days=days)}
    StationCertificate.objects.filter(pk=row.pk).update(state=state, next_try_at=None, **ends)
    row.refresh_from_db()
    return row


def test_an_authority_is_made_with_one_click_and_its_key_shown_nowhere(as_ada: Client, tree: Tree) -> None:
    answer = as_ada.post(reverse("authority_add"), {"name": "Green Grid Root", "use": "station", "kind": "rsa", "years": "20"}, follow=True)
    made = Authority.objects.get()
    assert made.signs
    assert made.trusted
    key = reading.kept(made.certificate).public_key()
    assert key.key_size == 3072  # type: ignore[union-attr]
    seen = answer.content.decode()
    for name in ("pem", "cer"):
        file = Client().get(reverse("authority_file", args=[made.fingerprint, name]))
        assert reading.fingerprint(reading.der(reading.kept(made.certificate))) == made.fingerprint
        seen += file.content.decode("latin-1")
    seen += as_ada.get(reverse("authorities") + "?export=csv").getvalue().decode()  # type: ignore[attr-defined]
    seen += str(list(AuditEntry.objects.values()))
    assert "PRIVATE" not in seen
    assert made.sealed_key not in seen
    second = as_ada.post(reverse("authority_add"), {"name": "Second", "use": "station", "kind": "ec", "years": "10"}, follow=True)
    assert "Let it sign" in second.content.decode()
    as_ada.post(reverse("authority_sign", args=[Authority.objects.get(name="Second").pk]), {"confirmed": "1"})
    assert list(Authority.objects.filter(signs=True).values_list("name", "trusted")) == [("Second", True)]
    assert Authority.objects.get(name="Green Grid Root").trusted, "what it signed stays good"


def test_a_private_key_is_refused_and_not_drawn_again(as_ada: Client, tree: Tree) -> None:
    root, key, pem = csr.new_root()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    answer = as_ada.post(reverse("authority_import"), {"name": "Alfen", "use": "maker", "certificate": pem + secret})
    seen = answer.content.decode()
    assert "There was a private key in it" in seen
    assert secret.splitlines()[1] not in seen
    leaf = reading.pem(csr.certificate("LUM-0001", ec.generate_private_key(ec.SECP256R1()), (root, key)))
    for typed, said in (
        (leaf, "not the root of an authority"),
        ("nonsense", "no certificate in PEM form"),
        (pem + pem, "more than one"),
        (pem[:200], "cut off or damaged"),
        (pem.replace("M", "!"), "cut off or damaged"),
        ("", "Paste"),
    ):
        answer = as_ada.post(reverse("authority_import"), {"name": "Alfen", "use": "maker", "certificate": typed})
        assert said in answer.content.decode(), said
    assert not Authority.objects.exists()
    as_ada.post(reverse("authority_import"), {"name": "Alfen", "use": "maker", "certificate": pem, "trusted": "on"})
    assert Authority.objects.get().trusted
    assert not Authority.objects.get().own


def test_the_list_of_revoked_certificates_is_for_everybody(tree: Tree, authority: Authority) -> None:
    url = reverse("certificate_list", args=[authority.fingerprint])
    root = reading.kept(authority.certificate)

    def listed() -> x509.CertificateRevocationList:
        found = x509.load_der_x509_crl(Client().get(url).content)
        assert found.is_signature_valid(root.public_key())  # type: ignore[arg-type]
        assert found.next_update_utc is not None
        assert found.next_update_utc > timezone.now() + timedelta(days=6)
        return found

    assert len(listed()) == 0
    one, other = certificate(tree.station), certificate(tree.dc_station)
    actions.revoke_certificate(actor=None, certificate=one, reason="keyCompromise")
    again = x509.load_pem_x509_crl(Client().get(reverse("certificate_list_pem", args=[authority.fingerprint, ".pem"])).content)
    assert [f"{entry.serial_number:X}" for entry in again] == [one.serial]
    actions.delete_station(actor=None, station=tree.dc_station)
    assert set(Revocation.objects.values_list("serial", flat=True)) == {one.serial, other.serial}, "a deleted station's is no longer good"
    maker = actions.import_authority(actor=None, name="Alfen", use="maker", certificate=csr.new_root()[2], trusted=False)
    assert Client().get(reverse("certificate_list", args=[maker.fingerprint])).status_code == 404
    assert Client().get(reverse("authority_file", args=[maker.fingerprint, "pem"])).status_code == 404


def test_the_certificates_of_a_station_in_plain_words(as_bob: Client, as_cy: Client, tree: Tree, authority: Authority) -> None:
    station = online(tree.station)
    assert "It has no certificate." in text(page(as_bob, station, "station_certificates"))
    certificate(station, days=12)
    CertificateRequest.objects.create(station=station, at=timezone.now(), state="refused", reason="name", detail="ACE-77")
    root = reading.kept(authority.certificate)
    found = signing.hash_data(root, root, "SHA256")
    known = InstalledCertificate.objects.create(
        station=station, use="CSMSRootCertificate", algorithm="SHA256", name_hash=found.name_hash.upper(), key_hash=found.key_hash,
        serial=f"00{found.serial}"[-40:], told_at=timezone.now(),
    )  # fmt: skip
    said = text(page(as_bob, station, "station_certificates"))
    for words in (
        "Its certificate ends soon: 11 days left.",
        "It is made out to another name",
        "ACE-77",
        "Whom it believes to be the portal Green Grid Root",
    ):
        assert words in said
    assert "Its certificate ends soon" in text(page(as_bob, station))
    for profile, words in ((1, "It connects without TLS, so it stays connected"), (3, "The station will not connect any more")):
        Station.objects.filter(pk=station.pk).update(connected_tls=False, security_profile=profile)
        assert words in text(as_bob.get(reverse("installed_delete", args=[known.pk])).content.decode())
    seen = (
        page(as_cy, station, "station_certificates")
        if as_cy.get(reverse("station_certificates", args=[station.pk])).status_code == 200
        else ""
    )
    assert "Revoke" not in seen
    as_bob.post(reverse("station_certificate_ask", args=[station.pk]))
    as_bob.post(reverse("station_roots_read", args=[station.pk]))
    as_bob.post(reverse("station_root_add", args=[station.pk]), {"use": "CSMSRootCertificate", "authority": str(authority.pk)})
    as_bob.post(reverse("installed_delete", args=[known.pk]), {"confirmed": "1"})
    asked = list(Command.objects.order_by("pk").values_list("action", flat=True))
    assert asked == [
        "ExtendedTriggerMessage",
        "GetInstalledCertificateIds",
        "GetInstalledCertificateIds",
        "InstallCertificate",
        "DeleteCertificate",
    ]
    said = text(page(as_bob, station, "station_certificates"))
    assert "Install a root certificate" in said
    InstalledCertificate.objects.all().delete()
    reads = Command.objects.filter(action="GetInstalledCertificateIds").order_by("pk")
    for read, told in zip(reads, ("It has not told yet, or has none.", "It has none, told"), strict=True):
        Command.objects.filter(pk=read.pk).update(state="accepted", answer={"status": "NotFound"}, answered_at=timezone.now())
        said = text(page(as_bob, station, "station_certificates"))
        assert told in said
    assert "It has none of this kind." in said
    assert Command.objects.get(action="InstallCertificate").payload["certificate"] == authority.certificate


def test_revoking_says_what_follows_and_leaves_a_record(as_bob: Client, as_dan: Client, tree: Tree, authority: Authority) -> None:
    row = certificate(online(tree.station))
    url = reverse("certificate_revoke", args=[row.pk])
    assert as_dan.post(url, {"reason": "keyCompromise"}).status_code == 404
    assert "It has no other" in text(as_bob.get(url).content.decode())
    assert "Choose one." in text(as_bob.post(url, {"comment": "sold"}).content.decode())
    as_bob.post(url, {"reason": "affiliationChanged", "comment": "sold to the neighbour"})
    row.refresh_from_db()
    assert (row.state, row.revoked_because) == ("revoked", "The station has another owner. sold to the neighbour")
    assert AuditEntry.objects.get(verb="revoke_certificate").object_id == tree.station.pk
    assert "It is revoked already." in text(as_bob.get(url).content.decode())


def test_a_station_without_its_only_certificate_is_told_to_stay_outside(as_bob: Client, tree: Tree, authority: Authority) -> None:
    row = certificate(tree.station, state="revoked")
    Station.objects.filter(pk=tree.station.pk).update(
        connected=False, security_profile=3, connected_profile=3, connected_serial=row.serial, first_connected_at=timezone.now(),
        last_message_at=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    for name in ("station_security", "station_certificates", "station"):
        shown = text(page(as_bob, tree.station, name))
        assert "Its certificate is revoked, and it has no other" in shown
    assert "can be asked again when it is back" not in page(as_bob, tree.station, "station_certificates_live")
    assert "and revoked since" in page(as_bob, tree.station, "station_security")
    certificate(tree.station, state="replaced")
    for name in ("station_security", "station_certificates"):
        assert "has no other" not in page(as_bob, tree.station, name)


def test_the_list_of_certificates(as_bob: Client, as_dan: Client, tree: Tree, authority: Authority) -> None:
    """By right, filtered by what ends soon, exported; the same number of queries with 3 rows and with 30."""
    certificate(tree.station, days=5)
    certificate(tree.dc_station, "replaced")
    theirs = certificate(tree.other_station, days=5)
    url = reverse("certificates")
    seen = text(as_bob.get(url + "?ends=7").content.decode())
    assert "1 found" in seen
    assert "Ends soon" in seen
    assert "VOLT-0001" not in seen
    exported = as_bob.get(url + "?state=all&export=csv").getvalue().decode()  # type: ignore[attr-defined]
    assert ("LUM-0002" in exported, theirs.serial in exported, "PRIVATE" in exported) == (True, False, False)
    assert "VOLT-0001" in text(as_dan.get(url).content.decode())
    as_bob.post(url, {"action": "ask", "select": [theirs.pk], "confirmed": "1"})
    assert not Command.objects.exists()

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as counted:
            as_bob.get(url)
        return len(counted)

    queries()
    before = queries()
    for _number in range(12):
        certificate(tree.station)
    assert queries() == before


def test_only_the_platform_manages_authorities(as_bob: Client, as_ada: Client, tree: Tree, authority: Authority) -> None:
    assert "Certificate authorities" not in text(as_bob.get(reverse("operations")).content.decode())
    assert "Certificate authorities" in text(as_ada.get(reverse("operations")).content.decode())
    as_bob.post(reverse("authority_trust", args=[authority.pk]), {"confirmed": "1"})
    authority.refresh_from_db()
    assert authority.trusted
    assert "It signs new certificates now." in text(as_ada.get(reverse("authority_trust", args=[authority.pk])).content.decode())
    assert "It cannot be deleted. It signs new certificates." in text(
        as_ada.get(reverse("authority", args=[authority.pk])).content.decode()
    )
