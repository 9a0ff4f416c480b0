"""Who and what there is in the demo. Names of people and companies are invented; streets, makes and models are real."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Org:
    key: str
    parent: str  # "" is the platform
    kind: str
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    email: str
    phone: str


ORGANIZATIONS = (
    Org("vandalen", "", "partner", "Van Dalen Laadtechniek", "Atoomweg 63", "3542 AB", "Utrecht", "NL", "service@vandalen.example", "+31 30 555 0142"),
    Org("alpen", "", "partner", "Alpenstrom Elektrotechnik", "Innrain 52", "6020", "Innsbruck", "AT", "technik@alpenstrom.example", "+43 512 555 018"),
    Org("haven", "vandalen", "customer", "Havenkwartier Kantoren", "Wilhelminakade 909", "3072 AP", "Rotterdam", "NL", "facilitair@havenkwartier.example",
        "+31 10 555 0177"),
    Org("vries", "haven", "sub", "P. de Vries (home)", "Kerkstraat 14", "2611 GX", "Delft", "NL", "p.devries@havenkwartier.example", "+31 6 5550 1188"),
    Org("noord", "vandalen", "customer", "Noordlijn Logistiek", "Osloweg 110", "9723 BX", "Groningen", "NL", "wagenpark@noordlijn.example", "+31 50 555 0121"),
    Org("schelde", "vandalen", "customer", "Hotel Scheldezicht", "Jan van Rijswijcklaan 191", "2020", "Antwerpen", "BE", "receptie@scheldezicht.example",
        "+32 3 555 01 64"),
    Org("seeblick", "alpen", "customer", "Hotel Seeblick Bregenz", "Seestraße 5", "6900", "Bregenz", "AT", "rezeption@seeblick.example", "+43 5574 555 01"),
    Org("garagen", "alpen", "customer", "Stadtgaragen Salzburg", "Südtiroler Platz 1", "5020", "Salzburg", "AT", "betrieb@stadtgaragen.example",
        "+43 662 555 0139"),
    Org("linzer", "garagen", "sub", "Garage Linzer Gasse", "Linzer Gasse 20", "5020", "Salzburg", "AT", "linzergasse@stadtgaragen.example", "+43 662 555 0152"),
)  # fmt: skip


@dataclass(frozen=True)
class Card:
    """A pass. `public` cards are among those of the provider; `also` is another organization that whitelists it."""

    name: str
    holder: str = ""
    public: bool = False
    roaming_free: bool = False
    unlisted: bool = False
    also: str = ""
    below: bool = False
    blocked: bool = False
    expired: bool = False
    group: str = ""
    office_hours: bool = False
    monthly_kwh: int = 0


# A card provider of the platform: (name, country, party id)
PROVIDER = ("ChargeNet Europe", "NL", "CNE")
# (organization, name, group id, kWh a month)
GROUPS = (("noord", "Vans Groningen", "NOORD-VANS", 4000), ("garagen", "Dauerparker", "DAUERPARKER", None))
CARDS: dict[str, tuple[Card, ...]] = {
    "haven": (
        Card("Pool car 1"), Card("Pool car 2"), Card("Pool car 3"), Card("S. de Boer", "Saskia de Boer"), Card("M. Yilmaz", "Murat Yilmaz"),
        Card("M. Yilmaz, key fob", "Murat Yilmaz"), Card("T. Janssen", "Tessa Janssen", public=True, roaming_free=True),
        Card("Reception spare", blocked=True),
    ),
    "vries": (Card("P. de Vries", "Pieter de Vries", also="haven"), Card("P. de Vries, ChargeNet", "Pieter de Vries", public=True, roaming_free=True)),
    "noord": (
        Card("Van 11", group="Vans Groningen"), Card("Van 12", group="Vans Groningen"), Card("Van 14", group="Vans Groningen"),
        Card("Van 17", group="Vans Groningen"), Card("Truck 3"), Card("Planner", "Anouk Visser", office_hours=True, monthly_kwh=250),
        Card("Workshop", expired=True),
    ),
    "schelde": (Card("Guest card A"), Card("Guest card B"), Card("Guest card C"), Card("Kitchen van")),
    "seeblick": (Card("Gast 1"), Card("Gast 2"), Card("Gast 3"), Card("Shuttle", public=True, roaming_free=True)),
    "garagen": (
        Card("Dauerparker 104", group="Dauerparker"), Card("Dauerparker 117", group="Dauerparker"),
        Card("Dauerparker 230", "Eva Gruber", group="Dauerparker", public=True, unlisted=True), Card("Hausmeister"),
    ),
    "linzer": (Card("Mieter Linzer Gasse"),),
    "alpen": (Card("Technician", below=True),),
    "vandalen": (Card("Technician", below=True),),
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    owner: str
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str
    access_mode: str
    habit: str  # when cars come: office, depot, hotel, garage, motorway, home
    # (make, alias, trait); traits: see build.TRAITS
    stations: tuple[tuple[str, str, str], ...] = field(default=())


LOCATIONS = (
    Place("haven", "Wilhelminakade", "Wilhelminakade 909", "3072 AP", "Rotterdam", "NL", 51.9045, 4.4868, "Europe/Amsterdam", "whitelist", "office", (
        ("alfen-double", "P1 gate", "charging"), ("alfen-201", "P1 left", "lively"), ("alfen-double", "P1 right", "idle"),
        ("zaptec-201", "P2 row A 1", "charging"), ("zaptec-201", "P2 row A 2", "idle"), ("zaptec-201", "P2 row A 3", "idle"), ("abb-dc", "Visitors fast", "broken"))),
    Place("haven", "Coolsingel", "Coolsingel 42", "3011 AD", "Rotterdam", "NL", 51.9228, 4.4790, "Europe/Amsterdam", "roaming_whitelist", "office", (
        ("evbox", "Basement 1", "idle"), ("evbox", "Basement 2", "offline"), ("keba", "Basement 3", "idle"))),
    Place("vries", "De Vries, Delft", "Kerkstraat 14", "2611 GX", "Delft", "NL", 52.0125, 4.3590, "Europe/Amsterdam", "roaming_whitelist", "home", (
        ("wallbox", "Drive", "idle"),)),
    Place("noord", "Depot Groningen", "Osloweg 110", "9723 BX", "Groningen", "NL", 53.2030, 6.6050, "Europe/Amsterdam", "whitelist", "depot", (
        ("mennekes", "Dock 1", "charging"), ("mennekes", "Dock 2", "idle"), ("mennekes", "Dock 3", "idle"), ("kempower", "Truck lane", "lively"))),
    Place("noord", "Depot Arnhem", "Westervoortsedijk 73", "6827 AV", "Arnhem", "NL", 51.9730, 5.9370, "Europe/Amsterdam", "whitelist", "depot", (
        ("abb-ac", "Bay 1", "idle"), ("abb-ac", "Bay 2", "idle"), ("abb-ac", "Bay 3", "never"), ("abb-ac", "Bay 4", "never"))),
    Place("noord", "Depot Düsseldorf", "Königsallee 92", "40212", "Düsseldorf", "DE", 51.2195, 6.7790, "Europe/Berlin", "whitelist", "depot", (
        ("alpitronic-201", "Hof", "idle"), ("keba", "Tor 2", "silent"))),
    Place("schelde", "Hotel Scheldezicht", "Jan van Rijswijcklaan 191", "2020", "Antwerpen", "BE", 51.1925, 4.4030, "Europe/Brussels", "open", "hotel", (
        ("easee", "Courtyard 1", "lively"), ("easee", "Courtyard 2", "idle"), ("wallbox", "Front", "idle"))),
    Place("schelde", "Noorderlaan", "Noorderlaan 147", "2030", "Antwerpen", "BE", 51.2490, 4.4210, "Europe/Brussels", "roaming", "motorway", (
        ("alpitronic-201", "Pylon 1", "charging"), ("alpitronic-201", "Pylon 2", "idle"))),
    Place("seeblick", "Hotel Seeblick", "Seestraße 5", "6900", "Bregenz", "AT", 47.5045, 9.7455, "Europe/Vienna", "roaming_whitelist", "hotel", (
        ("keba", "Tiefgarage 1", "charging"), ("keba", "Tiefgarage 2", "idle"), ("mennekes", "Vorplatz", "deactivated"))),
    Place("garagen", "Bahnhofsgarage", "Südtiroler Platz 1", "5020", "Salzburg", "AT", 47.8130, 13.0455, "Europe/Vienna", "roaming", "garage", (
        ("alfen-single-201", "Ebene 1 Platz 12", "idle"), ("alfen-single-201", "Ebene 1 Platz 13", "idle"), ("alfen-single", "Ebene 1 Platz 14", "idle"),
        ("alpitronic-150", "Schnelllader", "lively"))),
    Place("garagen", "Mirabell", "Mirabellplatz 5", "5020", "Salzburg", "AT", 47.8055, 13.0425, "Europe/Vienna", "roaming", "garage", (
        ("zaptec", "Mirabell 1", "never"), ("zaptec", "Mirabell 2", "never"), ("zaptec", "Mirabell 3", "never"))),
    Place("linzer", "Linzer Gasse", "Linzer Gasse 20", "5020", "Salzburg", "AT", 47.8028, 13.0470, "Europe/Vienna", "whitelist", "garage", (
        ("easee", "Mieter 1", "idle"), ("easee", "Mieter 2", "offline"))),
    Place("alpen", "Werkstatt Innsbruck", "Innrain 52", "6020", "Innsbruck", "AT", 47.2630, 11.3845, "Europe/Vienna", "whitelist", "office", (
        ("wallbox", "Werkstatt", "idle"), ("kempower", "Prüfplatz", "never"))),
)  # fmt: skip

# Stations (by alias) that refuse cards again and again, with how many: of strangers, or ("Workshop") always the same pass
REFUSALS = {"P2 row A 3": ("", 14), "Dock 2": ("Workshop", 7)}

# People with a login: (organization, name, e-mail, role there)
PEOPLE = (
    ("vandalen", "Joris van Dalen", "joris@vandalen.example", "administrator"),
    ("vandalen", "Fatima Bouzid", "fatima@vandalen.example", "technical"),
    ("haven", "Saskia de Boer", "saskia@havenkwartier.example", "administrator"),
    ("haven", "Wout Hendriks", "wout@havenkwartier.example", "viewer"),
    ("alpen", "Katharina Egger", "katharina@alpenstrom.example", "administrator"),
    ("alpen", "Lukas Moser", "lukas@alpenstrom.example", "hotline"),
)

# The portal in their own colour, for them and everybody below
COLOURS = {"alpen": "#0b6e4f", "vandalen": "#b3541e"}

# A role that its owner offers as a service: (organization, name, what for, rights) …
SERVICE = (
    "alpen",
    "Night hotline",
    "Helps drivers at night: stop, unlock, reset.",
    ("read_transactions", "stop_charging", "unlock_connectors", "reset_stations"),
)
ON_DUTY = "lukas@alpenstrom.example"
# … and where those who hold it are let in: (organization, name of the location)
LET_IN = ("haven", "Wilhelminakade")

# It stands somewhere, calls us, and nobody has added it yet.
STRANGER = ("evbox", "EVB-P19023417")

# Starting points for hardware templates: what is true of every station of such a kind
HARDWARE: tuple[dict[str, Any], ...] = (
    {"name": "AC 11 kW, one socket", "max_current": 16, "connectors": 1, "plug": "Type 2", "connector_current": 16},
    {"name": "AC 22 kW, two sockets", "connectors": 2, "plug": "Type 2", "connector_current": 32},
    {"name": "DC 50 kW, CCS and CHAdeMO", "current_type": "DC", "voltage": 400, "max_current": 125, "connectors": 2, "format": "cable",
     "plug": "CCS; CHAdeMO", "connector_current": 125},
)  # fmt: skip
