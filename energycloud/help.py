"""The help centre: a page for each job, in chapters; which page of the portal each of them explains; and the search in them.

A page is an entry in CHAPTERS and a text in templates/help/<slug>.html. In its text `{{ users_url }}` is the address of the page of the
portal called "users" (see OPENS), and `{{ help_roles_create }}` that of the help page "roles-create".
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from energycloud.text import LEAST, Text
from passes.pages import local_list
from passes.reasons import REASONS
from stations import availability, explain, reservations
from stations.access import MEANINGS
from stations.actions import bulk
from stations.actions.care import MOST_OF_A_PLACE
from stations.configuration.explained import configuration_keys
from stations.models import AccessMode, BulkJob, Command, Document
from stations.pages.station_list import KindActions
from tenancy.actions.roles import DEFAULTS
from tenancy.exports import jobs as exports
from tenancy.links import link
from tenancy.models import INVITATION_LASTS, Role
from tenancy.rights import RIGHTS, SECTIONS
from ui.lists import AT_ONCE, grouped_actions


class Page(NamedTuple):
    """`opens` are the pages of the portal where one does it."""

    slug: str
    title: Any
    summary: Any
    opens: tuple[str, ...] = ()


class Chapter(NamedTuple):
    slug: str
    title: Any
    pages: tuple[Page, ...]


CHAPTERS = (
    Chapter("start", lazy("Getting started"), (
        Page("what", lazy("What is Energy Cloud?"), lazy("What you can do here, and where to find it."), ("dashboard",)),
        Page("structure", lazy("How is Energy Cloud built up?"),
             lazy("Organizations, locations, stations and people: what belongs to what, and who sees it."), ("organizations",)),
        Page("organizations", lazy("Add and manage organizations"),
             lazy("Add a customer, change its data, give it its own look, move it, deactivate it, delete it."),
             ("organizations", "organization_add")),
        Page("locations", lazy("Add and manage locations"),
             lazy("A place with stations: its address, who may charge there, and whether drivers can find it."),
             ("locations", "location_add")),
        Page("stations", lazy("Add and manage charging stations"),
             lazy("Enter one or many stations with their connectors, name them, move them, take them away."), ("stations", "stations_add")),
        Page("users", lazy("Add and manage users"),
             lazy("Invite people who log in, add cardholders who only charge, deactivate and delete."),
             ("users", "user_invite", "cardholder_add", "invitations")),
        Page("search", lazy("Find anything"), lazy("One field for stations, people, passes, transactions and these pages."), ("search",)),
        Page("account", lazy("Your account"),
             lazy("Name and time zone, password, two-factor login, and where you are logged in."),
             ("profile", "account_change_password", "mfa_index", "usersessions_list")),
    )),
    Chapter("roles", lazy("Roles and permissions"), (
        Page("roles", lazy("What roles and permissions are there?"),
             lazy("Every switch there is, and what the roles that are always there give."), ("roles",)),
        Page("roles-create", lazy("Create a role"), lazy("When the roles that are there do not fit."), ("roles", "role_add")),
        Page("roles-update", lazy("Update roles and permissions"),
             lazy("Change what a role gives, and know before whom it touches."), ("roles",)),
        Page("roles-propagate", lazy("Propagate roles and permissions"),
             lazy("Let all organizations below give a role, without copying it."), ("roles",)),
        Page("roles-assign", lazy("Assign roles to a user"),
             lazy("Give a role at an organization, take it away, and see why somebody may do something."), ("users", "roles")),
        Page("roles-delete", lazy("Delete roles"), lazy("Which can go, which stay, and what to do first."), ("roles",)),
        Page("service", lazy("Let a service company in"),
             lazy("An installer or a hotline may work at your stations for a time, and no longer."), ("access_add",)),
        Page("view-as", lazy("View the portal as another user"), lazy("See what somebody else sees, without being able to change it."),
             ("users",)),
        Page("history", lazy("See who changed what"), lazy("Every change with who, when, from where, before and after."), ("history",)),
    )),
    Chapter("stations", lazy("Charging stations"), (
        Page("connect", lazy("Connect a station"), lazy("What to type into a station so that it appears here."), ("stations_add",)),
        Page("versions", lazy("OCPP 1.6 and 2.0.1: what is the same and what differs?"),
             lazy("Settings, connectors, resets and transactions of older and newer stations."), ("stations",)),
        Page("security-profiles", lazy("Security profiles: how does a station prove who it is?"),
             lazy("Password, TLS and certificates; new passwords and higher profiles without losing a station."), ("stations",)),
        Page("statuses", lazy("Statuses explained"),
             lazy("Connection, availability and OCPP status, and every fault in plain words."), ("stations",)),
        Page("view-status", lazy("How to view the status of a charging station?"),
             lazy("Where to look, and what stands where."), ("stations",)),
        Page("station-statuses", lazy("What are the different statuses of the charging station in Energy Cloud?"),
             lazy("Connection, availability and OCPP status, each in a sentence."), ("stations",)),
        Page("ocpp-statuses", lazy("What do the different OCPP statuses of a charging point mean?"),
             lazy("What a connector reports, in plain words."), ("stations",)),
        Page("no-charge", lazy("The charging station does not start charging or is in error mode"),
             lazy("What is wrong, what to try, and whom to call."), ("stations",)),
        Page("soft-reset", lazy("How to perform a soft reset of a charging station?"),
             lazy("Start its software again, in good order."), ("stations",)),
        Page("hard-reset", lazy("How to perform a hard reset of a charging station?"),
             lazy("As if its power was switched off and on."), ("stations",)),
        Page("unlock", lazy("How to perform a cable unlock action of a charging station?"),
             lazy("Open the lock that holds the plug."), ("stations",)),
        Page("vendor-codes", lazy("Explain the error codes of a make"),
             lazy("The dictionary of vendor codes, and who sees which explanation."), ("vendor_codes", "vendor_code_add")),
        Page("access-mode", lazy("How to change the access mode of the charging station?"),
             lazy("Who may charge and who pays: at one station, a location or many, and what changes by it."), ("stations", "locations")),
        Page("alias", lazy("How do I set up an alias to be displayed for the charging station?"),
             lazy("A name that people use, shown beside the id everywhere."), ("stations",)),
        Page("availability", lazy("How to view the availability of a charging station?"),
             lazy("How much of the time drivers could really charge, and what kept them away."), ("availability", "stations")),
        Page("charging", lazy("Start and stop a charge"), lazy("From here instead of at the station."), ("stations", "transactions")),
        Page("commands", lazy("Commands"), lazy("Ask a station to do something, and see what became of it."), ("stations",)),
        Page("current-transaction", lazy("How to view the status of the current charging transaction?"),
             lazy("What is charged right now, with power, energy and card, live."), ("stations", "transactions")),
        Page("export-transactions", lazy("How do I create an export of the transactions performed on the charging station?"),
             lazy("All charges of a station, a location or a month as CSV or XLSX."), ("transactions", "exports")),
        Page("many", lazy("Do the same to many stations"),
             lazy("See first what would happen, then watch it, try again what failed, cancel the rest."), ("stations", "bulk_jobs")),
        Page("configuration", lazy("How to change the configuration of the charging station?"),
             lazy("Read its settings, change one, put a former value back, compare two stations."), ("stations",)),
        Page("configuration-templates", lazy("How do I give many charging stations the same configuration?"),
             lazy("Keep the values of a model in a template, and set them at many stations at once."),
             ("configuration_templates", "configuration_template_add")),
        Page("device-model", lazy("How do I read and change the device model of a charging station (OCPP 2.0.1)?"),
             lazy("Components and variables, monitors and their events, and what changed between two readings."), ("stations",)),
        Page("configuration-keys", lazy("What do the configuration keys of a charging station mean?"),
             lazy("Every key of the standard: what it does, its unit, what may be typed, and what to mind."), ("stations",)),
        Page("smart-charging", lazy("Share the capacity of a location"),
             lazy("A limit per phase, who gets how much of it and why; charging profiles."), ("locations", "stations")),
        Page("firmware", lazy("What is the policy regarding firmware updates of charge points after commissioning?"),
             lazy("When firmware is updated, who may have it done, how it goes, and what to do when it is stuck."),
             ("firmware_files", "firmware_updates", "stations")),
        Page("diagnostics", lazy("Fetch the diagnostics and logs of a station"),
             lazy("What the station itself has written down, as a file."), ("stations",)),
        Page("customer-information", lazy("What does a charging station keep of a driver, and how is it deleted?"),
             lazy("Ask a station what it keeps of a card, and have it forget that."), ("stations",)),
        Page("hardware-templates", lazy("Hardware templates"),
             lazy("The technical data of a model, entered once and used wherever stations are added."),
             ("hardware_templates", "hardware_template_add", "stations_add")),
        Page("station-import", lazy("How do I import and export charging stations?"),
             lazy("Bring in a list of stations, see first what it would change, get their passwords once, and take the list out again."),
             ("import_add", "imports", "stations")),
        Page("location-import", lazy("How do I import and export locations?"),
             lazy("Bring in a list of locations, see first what it would change, and take the list out again."),
             ("import_add", "imports", "locations")),
        Page("certificates", lazy("How do charging stations get certificates?"),
             lazy("Security profile 3: who signs them, how they are renewed and revoked, and what to do when one has ended."),
             ("certificates", "stations")),
        Page("logs", lazy("How to view the logs of a charging station?"), lazy("Every message between a station and this portal."),
             ("stations",)),
        Page("reservations", lazy("How to reserve a charging station for a card?"),
             lazy("Keep a connector free until a time, see what becomes of it, and give it free again."), ("reservations", "stations")),
        Page("maintenance", lazy("How to plan maintenance of a charging station?"),
             lazy("A time in which errors are expected and raise no incident, for one station or many."),
             ("maintenance_windows", "stations")),
        Page("notes", lazy("How to keep notes, documents and contacts?"),
             lazy("What the next person should know about a station or a location, and whom to call."), ("stations", "locations")),
        Page("console", lazy("How to send any message to a charging station?"),
             lazy("The expert console: every message there is, checked before it goes out, with what passes beside it."), ("stations",)),
    )),
    Chapter("passes", lazy("Charge passes"), (
        Page("passes", lazy("Passes"), lazy("Who may charge, who pays, and why a card is refused."), ("passes", "pass_guides", "pass_add")),
        Page("pass-roaming-free", lazy("Add a public charging card as a “roaming free” card for a customer"),
             lazy("The card is settled with its provider, without the roaming surcharge."), ("pass_guide_roaming_free", "pass_guides")),
        Page("pass-whitelist", lazy("Add a public charging card as a “whitelist” card for a customer"),
             lazy("The driver charges free; the owner of the stations pays."), ("pass_guide_whitelist", "pass_guides")),
        Page("pass-tag", lazy("Add a non-public charging card or tag as a “whitelist” card for a customer"),
             lazy("A key fob or access card charges free; the owner of the station pays."),
             ("pass_guide_tag", "pass_learn", "pass_guides")),
        Page("pass-learn", lazy("Learn a card"), lazy("Find out its UID by holding it to a station."), ("pass_learn", "pass_guides")),
        Page("pass-reimbursement", lazy("Automatic reimbursement for kWh charged with a public card"),
             lazy("What the station, the location and the card must be like, so that the owner is reimbursed."),
             ("pass_guide_reimbursement", "pass_guides")),
        Page("pass-split", lazy("Reimbursement to a private account (split billing)"),
             lazy("The company pays the subscription, the private person is reimbursed for the kWh."), ("pass_guide_split", "pass_guides")),
        Page("pass-users", lazy("Set up which users are on the whitelist"),
             lazy("The users of an organization with their passes, each with a switch."), ("pass_whitelist", "pass_guides")),
        Page("pass-home", lazy("Charge for free both at the office and at home"),
             lazy("One pass, on the whitelist of two organizations."), ("pass_guide_home", "pass_guides")),
        Page("pass-limits", lazy("Restrict passes, and group them"),
             lazy("Only these stations, only at these times, only so many kWh."), ("passes", "pass_guides")),
        Page("offline-cards", lazy("Which cards charge while a station is offline?"),
             lazy("The list of cards that each station has with it, and what keeps a card off it."), ("stations", "passes")),
        Page("networks", lazy("How do I connect a card provider?"),
             lazy("So that cards of roaming networks charge at your stations, and what happens when a network does not answer."),
             ("providers", "provider_add")),
        Page("pass-import", lazy("How do I import and export passes?"),
             lazy("Bring in a list of passes or the cards of a provider, see first what it would change, and take the list out again."),
             ("import_add", "imports", "passes")),
        Page("card-check", lazy("How can I see if a charging card is accepted by the charging station?"),
             lazy("Ask for a station and a card, or look at what was decided of cards that were offered."), ("card_check", "card_offers")),
        Page("card-trouble", lazy("Why doesn't the charging station recognize the charging card or register transactions?"),
             lazy("Many cards, one card or none at all: what each of them means, and what to do."), ("card_offers", "card_check")),
    )),
    Chapter("troubleshooting", lazy("Troubleshooting"), (
        Page("offline", lazy("Why is my station offline?"), lazy("What keeps a station away, and how to find out."), ("stations",)),
        Page("stuck-cable", lazy("How to remotely unlock a stuck charging cable for a charging station?"),
             lazy("What holds it, and what lets it go."), ("stations",)),
        Page("deactivate-station", lazy("How to temporarily deactivate a charging station?"),
             lazy("Out of service or deactivated, until when, and why."), ("stations",)),
        Page("reactivate-station", lazy("How to reactivate a charging station that was temporarily deactivated?"),
             lazy("It comes back by itself, or at once."), ("stations",)),
        Page("deactivate-connector", lazy("How to deactivate a connector (temporarily)?"),
             lazy("One connector out of service while the others go on."), ("stations",)),
        Page("reactivate-connector", lazy("How do I reactivate a connector that has been temporarily taken out of service?"),
             lazy("It comes back by itself, or at once."), ("stations",)),
        Page("remote-stop", lazy("How to remotely stop an ongoing transaction?"),
             lazy("Stop it from here, and what to do when the station refuses."), ("stations", "transactions")),
        Page("find-logs", lazy("How to find the logs of a charging station to investigate a malfunction remotely?"),
             lazy("Which of them says what, and in which order to look."), ("stations", "firmware_updates")),
        Page("inbox", lazy("The inbox"), lazy("What stations reported that does not fit, and what to do with it."), ("inbox",)),
        Page("close-by-hand", lazy("Close a stuck transaction by hand"),
             lazy("When a charge is over and the station never says so, or refuses to stop it."), ("inbox", "transactions")),
    )),
)  # fmt: skip
PAGES: dict[str, Page] = {page.slug: page for chapter in CHAPTERS for page in chapter.pages}

# Pages of the portal to which a help page leads, as their menu entries and buttons call them
OPENS: dict[str, Any] = {
    "dashboard": lazy("Dashboard"), "search": lazy("Search"), "organizations": lazy("Organizations"),
    "organization_add": lazy("Add an organization"), "locations": lazy("Locations"), "location_add": lazy("Add a location"),
    "map": lazy("Map"), "operations": lazy("Operations"), "bulk_jobs": lazy("Bulk jobs"), "stations": lazy("Stations"),
    "configuration_templates": lazy("Configuration templates"),
    "configuration_template_add": lazy("Add a configuration template"),
    "availability": lazy("Availability"),
    "firmware_files": lazy("Firmware"),
    "firmware_updates": lazy("Firmware updates"),
    "maintenance_windows": lazy("Maintenance windows"), "reservations": lazy("Reservations"),
    "certificates": lazy("Certificates"),
    "stations_add": lazy("Add stations"), "transactions": lazy("Transactions"),
    "card_check": lazy("May this card charge here?"), "card_offers": lazy("Cards offered"),
    "vendor_codes": lazy("Vendor codes"), "vendor_code_add": lazy("Explain a vendor code"),
    "inbox": lazy("Inbox"), "exports": lazy("Exports"), "passes": lazy("Passes"), "pass_add": lazy("Add a pass"),
    "pass_guides": lazy("Guides for passes"), "pass_guide_roaming_free": lazy("A public card as roaming free"),
    "pass_guide_whitelist": lazy("A public card on the whitelist"), "pass_guide_tag": lazy("A non-public card or tag on the whitelist"),
    "pass_guide_home": lazy("Free at the office and at home"), "pass_guide_reimbursement": lazy("Check the reimbursement"),
    "pass_guide_split": lazy("Check split billing"), "pass_whitelist": lazy("Who is on the whitelist"),
    "pass_learn": lazy("Learn a card"),
    "providers": lazy("Networks"), "provider_add": lazy("Connect a provider"),
    "hardware_templates": lazy("Hardware templates"), "hardware_template_add": lazy("Add a hardware template"),
    "import_add": lazy("Import"), "imports": lazy("Imports"), "users": lazy("Users"),
    "user_invite": lazy("Invite a user"), "cardholder_add": lazy("Add a cardholder"), "invitations": lazy("Invitations"),
    "roles": lazy("Roles"), "role_add": lazy("Create a role"), "access_add": lazy("Let a service company in"), "history": lazy("History"),
    "profile": lazy("Profile"), "account_change_password": lazy("Password"), "mfa_index": lazy("Two-factor login"),
    "usersessions_list": lazy("Sessions"),
}  # fmt: skip

# Name of a page of the portal -> the help page that explains it. A name that is not here counts as what stands before its last "_":
# "location_publish" as "location". Empty: there is none.
EXPLAINS: dict[str, str] = {
    "dashboard": "what", "search": "search", "help": "", "account": "account", "profile": "account", "mfa": "account",
    "usersessions": "account",
    "organizations": "structure", "organization": "organizations", "organization_choose": "", "organization_history": "history",
    "locations": "locations", "location": "locations", "location_history": "history", "map": "locations", "operations": "commands",
    "bulk_jobs": "many", "bulk_job": "many",
    "hardware_templates": "hardware-templates", "hardware": "hardware-templates", "station_template": "hardware-templates",
    "station_evse_ids": "stations",
    "stations": "stations", "station": "statuses", "station_edit": "stations", "station_delete": "stations", "station_details": "stations",
    "station_history": "history", "station_password": "connect", "station_command": "commands", "station_configuration": "configuration",
    "vendor_codes": "vendor-codes", "vendor_code": "vendor-codes",
    "configuration_template": "configuration-templates",
    "configuration_templates": "configuration-templates",
    "configuration_template_history": "history",
    "station_configuration_template": "configuration-templates",
    "station_configuration_apply": "configuration-templates",
    "station_device": "device-model", "station_monitor": "device-model", "station_monitors": "device-model",
    "station_monitoring": "device-model",
    "station_local_list": "offline-cards", "station_deactivate": "deactivate-station",
    "station_activate": "reactivate-station", "station_out": "deactivate-station",
    "station_availability": "availability",
    "availability": "availability",
    "station_access": "access-mode",
    "location_access": "access-mode",
    "station_alias": "alias",
    "station_files": "firmware",
    **dict.fromkeys(
        ("certificates", "certificate", "station_certificates", "station_certificate", "station_roots", "station_root", "installed",
         "authorities", "authority"),
        "certificates",
    ),
    "station_firmware": "firmware",
    "station_fetch": "diagnostics",
    "station_customers": "customer-information",
    "station_customer": "customer-information",
    "customer": "customer-information",
    "pass_kept": "customer-information",
    "upload": "diagnostics",
    "firmware": "firmware",
    "update": "firmware",
    "station_activity": "commands", "station_logs": "logs", "station_vendor_messages": "logs", "station_manners": "logs",
    "station_transactions": "export-transactions",
    "frame": "logs", "connector": "stations",
    "knocking": "connect", "knock": "connect", "transactions": "export-transactions", "transaction": "current-transaction",
    "inbox": "inbox",
    "transaction_correct": "inbox", "transaction_close": "close-by-hand",
    "reservations": "reservations", "station_reservations": "reservations", "reservation": "reservations", "pass_reserve": "reservations",
    "station_care": "maintenance", "station_maintenance": "maintenance", "maintenance": "maintenance", "maintenance_windows": "maintenance",
    "station_note": "notes", "station_document": "notes", "station_contact": "notes", "location_note": "notes",
    "location_document": "notes", "location_contact": "notes", "note": "notes", "document": "notes", "contact": "notes",
    "station_console": "console",
    "station_security": "security-profiles",
    "location_capacity": "smart-charging", "capacity": "smart-charging", "connector_capacity": "smart-charging",
    "station_profiles": "smart-charging",
    "passes": "passes", "pass": "passes", "pass_history": "history", "pass_group_history": "history", "listings": "passes",
    "providers": "networks", "provider": "networks", "provider_history": "history", "organization_roaming": "networks",
    "listing": "passes", "user_passes": "passes", "imports": "pass-import", "import": "pass-import",
    "import_passwords": "station-import",
    "exports": "export-transactions", "export": "export-transactions",
    "pass_reach": "passes", "pass_guides": "passes", "pass_lists": "passes", "pass_restrictions": "pass-limits",
    "pass_group": "pass-limits", "pass_groups": "pass-limits",
    "pass_guide_roaming_free": "pass-roaming-free", "pass_guide_whitelist": "pass-whitelist", "pass_guide_tag": "pass-tag",
    "pass_guide_home": "pass-home", "pass_guide_reimbursement": "pass-reimbursement", "pass_guide_split": "pass-split",
    "pass_whitelist": "pass-users", "pass_learn": "pass-learn", "location_reimbursed": "pass-reimbursement",
    "card": "card-check", "card_offers": "card-trouble", "pass_activity": "card-trouble", "user_activity": "card-trouble",
    "pass_correct_uid": "card-trouble", "pass_whitelist_here": "card-check",
    "users": "users", "user": "users", "user_history": "history", "user_role": "roles-assign", "user_roles": "roles-assign",
    "user_rights": "roles-assign", "cardholder": "users", "invitations": "users", "letters": "users", "letter": "users",
    "view_as": "view-as",
    "roles": "roles", "role": "roles", "role_add": "roles-create", "role_edit": "roles-update", "role_rights": "roles-update",
    "role_users": "roles-assign", "role_propagate": "roles-propagate", "role_delete": "roles-delete", "role_history": "history",
    "access": "service", "accesses": "service", "history": "history",
}  # fmt: skip


def explaining(route: str) -> str:
    """The slug of the help page for the page called `route`; empty where there is none."""
    while route and route not in EXPLAINS:
        route = route.rpartition("_")[0]
    return EXPLAINS.get(route, "")


# -- what the texts say of the portal ---------------------------------------------------------------------------------------------------

COMMAND_STATES = {
    Command.State.QUEUED: lazy("It waits for the station: it is not connected, or is busy with another command."),
    Command.State.SENT: lazy("The station has it and has not answered yet."),
    Command.State.ACCEPTED: lazy("The station will do it. For some commands that is a promise: look at the connector to see it done."),
    Command.State.REJECTED: lazy("The station understood and said no. Its answer beside the command says more."),
    Command.State.FAILED: lazy("The station answered with an error: often it does not know this command."),
    Command.State.TIMED_OUT: lazy("The station got it and did not answer in time. It may still have done it: look before you try again."),
    Command.State.EXPIRED: lazy("The station did not come back in time, so it was never sent. Nothing happened."),
}


def _facts(ocpp_url: str) -> dict[str, Any]:
    """What the texts name, from where the portal itself knows it, so that they are never out of date."""
    roles = [
        (default.label, purpose, set(RIGHTS) if default is Role.Default.ADMINISTRATOR else set(codes))
        for default, (purpose, codes) in DEFAULTS.items()
    ]
    return {
        **{f"{route}_url": url for route in OPENS if (url := _opened(route))},
        **{f"help_{slug.replace('-', '_')}": link("help_page", slug) for slug in PAGES},
        "ocpp_url": ocpp_url,
        "bulk_most": bulk.MOST,
        "bulk_at_once": BulkJob._meta.get_field("at_once").default,
        "bulk_most_at_once": bulk.MOST_AT_ONCE,
        "bulk_groups": grouped_actions(KindActions()),
        "connections": explain.CONNECTIONS.values(),
        "availabilities": explain.AVAILABILITIES.values(),
        "statuses": [(word, meaning) for word, meaning in explain.STATUSES.items() if word],
        "faults": explain.FAULTS.items(),
        "access_modes": AccessMode.labels,
        "mode_meanings": [(AccessMode(mode).label, meaning) for mode, meaning in MEANINGS.items()],
        "unavailable_reasons": availability.REASONS.values(),
        "command_states": [(state.label, COMMAND_STATES[state]) for state in Command.State],
        "configuration_keys": configuration_keys(),
        "variables": configuration_keys("2.0.1"),
        "reasons": REASONS.values(),
        "reservation_states": reservations.STATES.values(),
        "list_states": [(word, meaning) for _state, word, meaning in local_list.STATES.values()],
        "offline_keys": [(key, yes, no) for key, (yes, no) in local_list.KEYS.items()],
        "pending_after": timedelta(seconds=settings.STATION_PENDING_AFTER),
        "offline_after": timedelta(seconds=settings.STATION_OFFLINE_AFTER),
        "grace": timedelta(seconds=settings.STATION_CLOSED_GRACE),
        "open_days": settings.TRANSACTION_OPEN_DAYS,
        "exports_kept": exports.KEPT.days,
        "at_once": AT_ONCE,
        "kept_for": settings.FRAME_RETENTION_DAYS,
        "customers_kept_for": settings.CUSTOMER_INFORMATION_DAYS,
        "logs_kept_for": settings.STATION_LOG_RETENTION_DAYS,
        "log_most": settings.STATION_LOG_MAX_MB,
        "certificate_days": settings.CERTIFICATE_DAYS,
        "renew_days": settings.CERTIFICATE_RENEW_DAYS,
        "firmware_most": settings.FIRMWARE_MAX_MB,
        "firmware_at_once": settings.FIRMWARE_AT_ONCE,
        "stuck_after": timedelta(seconds=settings.FIRMWARE_STUCK_AFTER),
        "refused_for": settings.OCPP_REFUSALS_PER_MINUTE,
        "document_most": settings.DOCUMENT_MAX_MB,
        "documents_of_a_place": MOST_OF_A_PLACE[Document],
        "invitation_hours": int(INVITATION_LASTS.total_seconds() // 3600),
        "rights_count": len(RIGHTS),
        "default_roles": [(label, purpose, len(codes)) for label, purpose, codes in roles],
        "sections": [
            (section, [(right, [(label, right.code in codes) for label, _purpose, codes in roles]) for right in section.rights])
            for section in SECTIONS
        ],
    }


def _opened(route: str) -> str:
    try:
        return link(route)
    except NoReverseMatch:
        return ""


# -- pages ------------------------------------------------------------------------------------------------------------------------------


def _chapters(current: str = "") -> list[tuple[Any, list[tuple[Page, str, bool]]]]:
    return [(chapter.title, [(page, link("help_page", page.slug), page.slug == current) for page in chapter.pages]) for chapter in CHAPTERS]


def help_index(request: HttpRequest) -> HttpResponse:
    """All pages by chapter; with `?q=` those in which it is found."""
    text = Text.of(request.GET.get("q", ""))
    found = find(text) if len(text.whole) >= LEAST else []
    context = {
        "title": _("Help"),
        "q": text.whole,
        "found": found,
        "loose": bool(found) and found[0].rank == LOOSE,
        "too_short": bool(text) and len(text.whole) < LEAST,
        "chapters": _chapters(),
    }
    return render(request, "help/index.html", context)


def help_page(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in PAGES:
        raise Http404
    page, order = PAGES[slug], list(PAGES)
    at = order.index(slug)
    beside = [(PAGES[order[near]], link("help_page", order[near])) if 0 <= near < len(order) else None for near in (at - 1, at + 1)]
    scheme = "wss" if settings.HTTPS or request.is_secure() else "ws"
    context = {
        "title": page.title,
        "summary": page.summary,
        "text": f"help/{slug}.html",
        "breadcrumbs": [(_("Help"), link("help"))],
        "chapters": _chapters(slug),
        "opens": [(OPENS[route], url) for route in page.opens if (url := _opened(route))],
        "previous": beside[0],
        "next": beside[1],
        **_facts(f"{scheme}://{request.get_host()}/ocpp/"),
    }
    return render(request, "help/page.html", context)


# -- searching them ---------------------------------------------------------------------------------------------------------------------

TITLE, SUMMARY, HEADING, SENTENCE, TEXT, LOOSE = range(6)  # where it is found, the best first
LEAST_STEM = 4  # letters of a word by which something near is found


class Found(NamedTuple):
    page: Page
    url: str
    sentence: str  # of the page, as it is shown below its title
    rank: int
    text: Text  # what is marked

    @property
    def marked_title(self) -> str:
        return self.text.mark(str(self.page.title))

    @property
    def marked_sentence(self) -> str:
        return self.text.mark(self.sentence)


class _Reader(HTMLParser):
    """The sentences of a rendered text, and those of its headings. Cells that are `data-unsaid` are passed over."""

    INLINE = frozenset({"a", "strong", "em", "code", "kbd", "span", "th", "td", "small", "svg", "use", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []
        self.headings: list[str] = []
        self._said: list[str] = []
        self._unsaid = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name == "data-unsaid" for name, _value in attrs):
            self._unsaid = tag
        if tag in {"th", "td", "br"}:
            self._said.append(" ")
        elif tag not in self.INLINE:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unsaid:
            self._unsaid = ""
        if tag not in self.INLINE:
            self.flush(heading=tag in {"h2", "h3"})

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self._said.append(data)

    def flush(self, *, heading: bool = False) -> None:
        text = " ".join("".join(self._said).split())
        self._said = []
        if text:
            self.sentences += re.split(r"(?<=[.!?:])\s+(?=\W*[A-Z0-9])", text)
            self.headings += [text] if heading else []


@lru_cache(maxsize=8)
def _read(language: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """slug -> sentences and headings of its text, in the language that is in force."""
    found, facts = {}, _facts("wss://…/ocpp/")
    for slug in PAGES:
        reader = _Reader()
        reader.feed(render_to_string(f"help/{slug}.html", facts))
        reader.close()
        reader.flush()
        found[slug] = tuple(reader.sentences), tuple(reader.headings)
    return found


def find(text: Text, *, loosely: bool = True) -> list[Found]:
    """The pages in which every word begins one, in the title before in the text; where there is none and `loosely`, those with most of
    the beginnings of the words."""
    words = [word for raw in text.words if (word := raw.strip("“”\"'?!.,:;()"))]
    if not words:
        return []
    if found := _find(text, words):
        return found
    stems = [word[:5] if len(word) > 5 else word[:LEAST_STEM] for word in words if len(word) >= LEAST_STEM]
    return _find(text._replace(whole=stems[0], words=tuple(stems), key=""), stems, every=False) if stems and loosely else []


def _find(text: Text, words: list[str], *, every: bool = True) -> list[Found]:
    patterns = [re.compile(rf"(?<!\w){re.escape(word)}", re.IGNORECASE) for word in words]

    def count(said: str) -> int:
        return sum(bool(pattern.search(said)) for pattern in patterns)

    hits = []
    for order, (slug, (sentences, headings)) in enumerate(_read(get_language() or "").items()):
        page = PAGES[slug]
        title, summary = str(page.title), str(page.summary)
        own = [count(sentence) for sentence in sentences]
        whole = count(" ".join((title, summary, *sentences)))
        if whole < len(words) if every else not whole:
            continue
        best = max(own, default=0)
        places = (TITLE, count(title)), (SUMMARY, count(f"{title} {summary}")), (HEADING, max(map(count, headings), default=0))
        rank = next((rank for rank, number in (*places, (SENTENCE, best)) if number == len(words)), TEXT) if every else LOOSE
        told = sentences[own.index(best)] if best and best >= count(summary) else summary
        weight = sum(number > 0 for number in own)
        hits.append(((rank, -whole, -weight, order), Found(page, link("help_page", slug), told, rank, text)))
    hits.sort(key=lambda hit: hit[0])
    most = -hits[0][0][1] if hits else 0
    return [found for key, found in hits if every or -key[1] == most]
