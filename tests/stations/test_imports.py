"""Locations and stations from files, and out again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations import credentials, imported_passwords
from stations.actions import create_hardware_template, create_location, edit_connector
from stations.imports.stations import COLUMNS
from stations.models import Connector, ImportedPasswords, Knock, Location, Station
from tenancy.actions import edit_role
from tenancy.imports import jobs
from tenancy.models import AuditEntry, Import, ImportFault, Organization, Role, User
from tests.conftest import Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def upload(client: Client, kind: str, text: str, to: Organization, **more: str) -> Import:
    """As somebody does it in the browser; then the job."""
    file = SimpleUploadedFile(f"{kind}.csv", text.encode())
    answer = client.post(f"{reverse('import_add')}?kind={kind}", {"file": file, "to": to.pk, **more})
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


def faults(of: Import, warning: bool = False) -> list[tuple[int, str, str]]:
    return list(ImportFault.objects.filter(of=of, warning=warning).values_list("number", "field", "message"))


def connectors(identity: str) -> list[tuple[Any, ...]]:
    rows = Connector.objects.filter(station__identity=identity, number__gt=0).order_by("number")
    return list(rows.values_list("number", "format", "plug", "max_current", "evse_id"))


def exported(client: Client, page: str) -> str:
    answer = client.get(reverse(page), {"export": "csv", "as": "import"})
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


# -- stations -----------------------------------------------------------------------------------------------------------------------------


def test_stations_are_checked_shown_written_and_their_passwords_given_once(tree: Tree, as_bob: Client, client_of: Login) -> None:
    create_hardware_template(
        actor=None, organization=tree.platform, name="Fast one", current_type="DC", voltage=400, max_current=125, connectors=2,
        format="cable", plug="CCS; CHAdeMO", connector_current=125,
    )  # fmt: skip
    of = upload(
        as_bob, "stations",
        "id;location;template;alias;connectors;connector_current;evse_ids;active;make\n"
        "NEW-1;quay 7;fast ONE;Front;;;nlltde1;;ABB\n"
        "NEW-2;Quay 7;;;3;16;;no;\n"
        "NEW-3;Quay 7;Fast one;;1;;;;\n"
        "LUM-0001;;;Gate two;3;32;;no;\n",
        tree.customer,
    )  # fmt: skip
    assert (of.state, counts(of)) == ("checked", (3, 1, 0, 0))
    assert [(row, column) for row, column, _said in faults(of, warning=True)] == [(2, "make")]
    assert not Station.objects.filter(identity__startswith="NEW").exists(), "nothing is written yet"
    assert "Import 4 rows" in as_bob.get(reverse("import", args=[of.pk])).text
    assert (go(as_bob, of).state, counts(of)) == ("done", (3, 1, 0, 0))
    new = Station.objects.get(identity="NEW-1")
    assert (new.location, new.alias, new.current_type, new.voltage, new.active) == (tree.location, "Front", "DC", 400, True)
    assert connectors("NEW-1") == [(1, "cable", "CCS", 125, "NL*LTD*E1"), (2, "cable", "CHAdeMO", 125, "")]
    assert connectors("NEW-2") == [(number, "socket", "", 16, "") for number in (1, 2, 3)]
    assert connectors("NEW-3") == [(1, "cable", "CCS", 125, "")]
    assert connectors("LUM-0001") == [(number, "socket", "Type 2", 32, "") for number in (1, 2, 3)]
    changed = Station.objects.get(identity="LUM-0001")
    assert (changed.alias, changed.active, changed.max_current) == ("Gate two", False, 32)
    verbs = AuditEntry.objects.filter(actor=tree.bob, object_type__startswith="stations.").values_list("verb", "object_type")
    assert sorted(verbs) == [
        ("create", "stations.connector"), *[("create", "stations.station")] * 3,
        ("edit", "stations.connector"), ("edit", "stations.connector"), ("edit", "stations.station"),
    ]  # fmt: skip
    # The passwords: sealed, for who imported them, once
    kept = ImportedPasswords.objects.get()
    url = reverse("import_passwords", args=[of.pk])
    assert "Download the passwords" in as_bob.get(reverse("import", args=[of.pk])).text
    other = client_of(somebody(tree.partner, ["manage_stations"]))
    assert "Download the passwords" not in other.get(reverse("import", args=[of.pk])).text
    assert other.post(url).status_code == 302
    assert client_of(tree.dan).post(url).status_code == 404
    answer = as_bob.post(url)
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [line[0] for line in lines[1:]] == ["NEW-1", "NEW-2", "NEW-3"]
    assert credentials.digest(lines[1][1]) == new.password_digest
    assert lines[1][1] not in kept.sealed
    assert answer["Cache-Control"].count("no-store") == 1
    assert not ImportedPasswords.objects.exists()
    assert as_bob.post(url).status_code == 302
    assert AuditEntry.objects.get(verb="take_passwords").changes == {"count": [None, 3]}


def test_passwords_that_nobody_fetches_are_forgotten(tree: Tree, as_bob: Client) -> None:
    of = go(as_bob, upload(as_bob, "stations", "id,location\nNEW-1,Quay 7\n", tree.customer))
    ImportedPasswords.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert as_bob.post(reverse("import_passwords", args=[of.pk])).status_code == 302, "too late, though they are there still"
    go(as_bob, upload(as_bob, "stations", "id,location\nNEW-2,Quay 7\n", tree.customer))
    ImportedPasswords.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert imported_passwords.forget_old() == 2


def test_a_password_that_a_station_offers_is_kept_where_the_platform_says_so(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    for name in ("KNOCK-1", "KNOCK-2"):
        Knock.objects.create(identity=name, reason=Knock.Reason.UNKNOWN, password_digest="d" * 64)
    go(as_ada, upload(as_ada, "stations", "id,location\nKNOCK-1,Quay 7\n", tree.platform, adopt="on"))
    go(as_bob, upload(as_bob, "stations", "id,location\nKNOCK-2,Quay 7\n", tree.customer, adopt="on"))
    digests = dict(Station.objects.filter(identity__startswith="KNOCK").values_list("identity", "password_digest"))
    assert (digests["KNOCK-1"] == "d" * 64, digests["KNOCK-2"] == "d" * 64) == (True, False)
    assert not Knock.objects.exists()


@pytest.mark.parametrize(
    ("cells", "field", "message"),
    [
        ({"id": ""}, "id", "A station id is needed"),
        ({"id": "with space"}, "id", "without spaces"),
        ({"id": "1.2E+12"}, "id", "changed this id into a number"),
        ({"id": "VOLT-0001"}, "id", "can be used once only, by anyone"),
        ({"location": ""}, "location", "needs a location"),
        ({"location": "Seeblick car park"}, "location", "no location with this name"),
        ({"location": "Twice"}, "location", "at Harbour Offices, Lumen Installers"),
        ({"organization": "Hotel Seeblick"}, "organization", "no organization with this name"),
        ({"template": "Nothing"}, "template", "no hardware template"),
        ({"current": "both"}, "current", "Write one of: AC, DC"),
        ({"voltage": "23"}, "voltage", "from 100 to 1500"),
        ({"connectors": "33"}, "connectors", "from 1 to 32"),
        ({"connectors": "2", "plug": "A;B;C"}, "plug", "there are 2 connectors, not 3"),
        ({"format": "hole"}, "format", "Write one of: socket, cable"),
        ({"evse_ids": "NL-1"}, "evse_ids", "looks like"),
        ({"evse_ids": "NL*LTD*E1;NL*LTD*E2"}, "evse_ids", "more EVSE IDs than connectors"),
        ({"connectors": "2", "evse_ids": "NL*LTD*E1;nlltde1"}, "evse_ids", "stands in the file twice"),
        ({"evse_ids": "NLXXXE9"}, "evse_ids", "Another connector already has the EVSE ID NL*XXX*E9"),
        ({"access_mode": "free"}, "access_mode", "Write one of"),
        ({"active": "perhaps"}, "active", "yes or no"),
        ({"alias": "x" * 61}, "alias", "At most 60"),
        ({"id": "LUM-0001", "location": "Yard"}, "location", "another organization"),
        ({"id": "LUM-0001", "location": "", "connectors": "1"}, "connectors", "has 2 connectors already"),
    ],
)
def test_a_row_that_is_wrong_says_what_and_where(cells: dict[str, str], field: str, message: str, tree: Tree, as_bob: Client) -> None:
    edit_connector(actor=None, connector=Connector.objects.get(station=tree.other_station, number=1), evse_id="NL*XXX*E9")
    for organization in (tree.customer, tree.partner):
        create_location(actor=None, organization=organization, name="Twice")
    create_location(actor=None, organization=tree.partner, name="Yard")
    row = {"id": "NEW-1", "location": "Quay 7"} | cells
    of = upload(as_bob, "stations", f"{','.join(row)}\n{','.join(row.values())}\n", tree.partner)
    assert [(number, name) for number, name, _said in faults(of)] == [(2, field)]
    assert message in faults(of)[0][2]


def test_the_export_comes_in_again_unchanged_or_changed(tree: Tree, as_bob: Client) -> None:
    for number, plug in ((1, "CCS"), (2, "CHAdeMO")):
        connector = Connector.objects.get(station=tree.station, number=number)
        edit_connector(actor=None, connector=connector, plug=plug, evse_id=f"NL*LTD*E{number}")
    text = exported(as_bob, "stations")
    assert text.splitlines()[0].removeprefix("\ufeff") == ",".join(column.name for column in COLUMNS)
    assert counts(upload(as_bob, "stations", text, tree.partner)) == (0, 0, 2, 0)
    edited = text.replace("CCS;CHAdeMO", "CCS;Type 2").replace("NL*LTD*E1;NL*LTD*E2", "NL*LTD*E2;NL*LTD*E1")
    of = go(as_bob, upload(as_bob, "stations", edited, tree.partner))
    assert (of.state, counts(of)) == ("done", (0, 1, 1, 0))
    assert [row[2:] for row in connectors("LUM-0001")] == [("CCS", 16, "NL*LTD*E2"), ("Type 2", 16, "NL*LTD*E1")]


def test_an_empty_cell_leaves_what_is_there_and_a_dash_empties_it(tree: Tree, as_bob: Client) -> None:
    connector = Connector.objects.get(station=tree.station, number=1)
    edit_connector(actor=None, connector=connector, plug="CCS", max_current=125, evse_id="NL*LTD*E1")
    before, columns = connectors("LUM-0001"), [column.name for column in COLUMNS]
    cells = {"id": "LUM-0001", "alias": "North gate"}
    text = f"{';'.join(columns)}\n{';'.join(cells.get(name, '') for name in columns)}\n"
    of = go(as_bob, upload(as_bob, "stations", text, tree.customer))
    assert (counts(of), connectors("LUM-0001")) == ((0, 1, 0, 0), before)
    text = f"{','.join(columns)}\n{','.join({**cells, 'plug': '-', 'evse_ids': '-'}.get(name, '') for name in columns)}\n"
    of = upload(as_bob, "stations", text, tree.customer)
    (line,) = of.sample
    told = {name: pair for name, *pair in zip(of.columns, line["before"], line["cells"], strict=True) if pair[0] != pair[1]}
    assert told == {"plug": ["CCS;Type 2", ""], "evse_ids": ["NL*LTD*E1;", ""]}
    assert "CCS;Type 2</span> → <strong>–" in as_bob.get(reverse("import", args=[of.pk])).text
    go(as_bob, of)
    assert [row[2:] for row in connectors("LUM-0001")] == [("", 125, ""), ("", 16, "")]
    Location.objects.filter(pk=tree.location.pk).update(latitude=51.9, longitude=4.4, city="Rotterdam")
    go(as_bob, upload(as_bob, "locations", "name;city;latitude;longitude\nQuay 7;;-;-\n", tree.customer))
    assert Location.objects.values_list("city", "latitude", "longitude").get(pk=tree.location.pk) == ("Rotterdam", None, None)
    assert "write - in its cell" in as_bob.get(f"{reverse('import_add')}?kind=stations").text


def test_evse_ids_of_earlier_parts_are_known_and_large_files_cost_little(
    tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def file(many: int) -> str:
        rows = [f"M{many}-{number},Quay 7,2,NL*LTD*E{many}{number}A;NL*LTD*E{many}{number}B" for number in range(many)]
        return "\n".join(["id,location,connectors,evse_ids", *rows, f"M{many}-LAST,Quay 7,1,NLLTDE{many}0A"])

    spent = []
    for many in (10, 100):
        of = upload(as_bob, "stations", file(many), tree.customer)
        assert [(row, "twice" in said) for row, _field, said in faults(of)] == [(many + 2, True)]
        with CaptureQueriesContext(connection) as queries:
            go(as_bob, of)
        assert counts(of) == (many, 0, 0, 1)
        spent.append(sum(not query["sql"].startswith("INSERT") for query in queries))  # these in batches
    assert spent[0] == spent[1]
    monkeypatch.setitem(jobs.KINDS, "stations", replace(jobs.KINDS["stations"], part_rows=3))
    of = upload(as_bob, "stations", file(7), tree.customer)
    assert (of.parts, [row for row, _field, _said in faults(of)]) == (3, [9])


def test_who_loses_the_right_between_check_and_import_writes_nothing(tree: Tree, client_of: Login) -> None:
    user = somebody(tree.customer, ["manage_stations"])
    client = client_of(user)
    of = upload(client, "stations", "id,location\nNEW-1,Quay 7\n", tree.customer)
    edit_role(actor=None, role=Role.objects.get(organization=tree.customer), rights=[])
    Import.objects.filter(pk=of.pk).update(state="importing", position=0, due_at=timezone.now())
    jobs.run(of.pk)
    of.refresh_from_db()
    assert of.state == "failed"
    assert not Station.objects.filter(identity="NEW-1").exists()


# -- locations ----------------------------------------------------------------------------------------------------------------------------


def test_locations_come_in_are_changed_and_go_out_again(tree: Tree, as_bob: Client, client_of: Login) -> None:
    text = (
        "name;organization;street;postal_code;city;country;latitude;longitude;time_zone;access_mode;published\n"
        "Quay 7;;Kade 8;3011 aa;Rotterdam;nl;51,917;4.487;;open;yes\n"
        "Depot;Harbour Offices;;1010;Wien;AT;;;Europe/Vienna;;\n"
    )
    of = go(as_bob, upload(as_bob, "locations", text, tree.customer))
    assert (of.state, counts(of)) == ("done", (1, 1, 0, 0))
    one = Location.objects.get(pk=tree.location.pk)
    assert (one.street, one.postal_code, one.access_mode, one.published, one.time_zone) == (
        "Kade 8", "3011 AA", "open", True, "Europe/Amsterdam",
    )  # fmt: skip
    new = Location.objects.get(name="Depot")
    assert (new.organization, new.access_mode, new.time_zone, new.latitude) == (tree.customer, "whitelist", "Europe/Vienna", None)
    recorded = AuditEntry.objects.filter(actor=tree.bob, object_type="stations.location")
    assert sorted(recorded.values_list("verb", flat=True)) == ["create", "edit", "publish"]
    assert counts(upload(as_bob, "locations", exported(as_bob, "locations"), tree.partner)) == (0, 0, 2, 0)
    quiet = client_of(somebody(tree.customer, ["manage_locations"]))
    of = upload(quiet, "locations", "name,published\nQuay 7,no\nDepot,no\n", tree.customer)
    assert [(row, field) for row, field, _said in faults(of)] == [(2, "published")]


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        (",Kade,,,,", "name", "needs a name"),
        ("New,Kade,1,NL,,", "postal_code", "no such postal code"),
        ("New,,,XX,,", "country", "no country"),
        ("New,,,,91,4", "latitude", "from -90 to 90"),
        ("New,,,,51,", "longitude", "both coordinates"),
        ("quay 7,,,,51,east", "longitude", "from -180 to 180"),
    ],
)
def test_a_location_that_is_wrong_says_what_and_where(row: str, field: str, message: str, tree: Tree, as_bob: Client) -> None:
    of = upload(as_bob, "locations", f"name,street,postal_code,country,latitude,longitude\n{row}\n", tree.customer)
    assert [(number, name) for number, name, _said in faults(of)] == [(2, field)]
    assert message in faults(of)[0][2]
