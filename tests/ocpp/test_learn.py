"""Learning a card from a real station: what the reader sends is on the page with the next look."""

from __future__ import annotations

from django.test import Client

from stations.models import AccessMode, Location
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway
from tests.passes.test_learn import UID, begin, text


def test_a_card_at_an_open_station(tree: Tree, gateway: Gateway, as_bob: Client) -> None:
    Location.objects.filter(pk=tree.location.pk).update(access_mode=AccessMode.OPEN)
    wire = gateway.connect()
    window = begin(as_bob, tree.station)
    assert wire.call("Authorize", {"idTag": UID})["idTagInfo"]["status"] == "Accepted"
    part = as_bob.get(window, headers={"hx-request": "true"}).content.decode()
    assert UID in part
    assert "<html" not in part, "a part of the page asks for itself"
    assert "Use this card" in text(as_bob.get(window))
