"""Keys of a configuration, or variables of a device model, as pages show them. Shared by the pages of both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.http import HttpRequest
from django.utils.translation import gettext as _

from stations import command_words
from stations.configuration.catalogue import DECIMAL, NUMBER, Known, Text
from stations.configuration.characteristics import Row, entry_of
from stations.configuration.compare import in_order
from stations.configuration.explained import takes
from stations.configuration.values import MASK, hides, in_words, is_secret, shown
from stations.controls import Situation
from stations.models import Command, ConfigurationChange, ConfigurationKey, DeviceVariable, Station
from stations.models.device import ACTUAL
from stations.ocpp import masking
from stations.ocpp.intents import Configure, ConfigureMany
from stations.ocpp.versions import actions, has_variables
from stations.pages.command_rows import CommandRow, command_rows
from tenancy.links import link
from tenancy.rights import PERSONAL_DATA, READ_CONFIGURATION, get_for, may

MOST_TRIES = 200  # commands that are looked at for the latest of each key
MOST_CHANGES = 5000


def station_of(request: HttpRequest, pk: int, right: str = READ_CONFIGURATION) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def page_url(name: str, station: Station, **query: str) -> str:
    return link(name, station.pk, **{key: value for key, value in query.items() if value})


class Key:
    """A configuration key as it is shown: in words, a secret one masked, with the outcome of the latest attempt to change it."""

    def __init__(self, row: Row, station: Station, change: CommandRow | None = None) -> None:
        self.row, self.change, self.key = row, change, row.key
        self.entry: Known | None = entry_of(row)
        self.secret = is_secret(row.key) or (isinstance(row, DeviceVariable) and row.hidden)
        self.value = MASK if self.secret and row.value else shown(row.key, row.value, station.ocpp_version)
        self.words = "" if self.secret else in_words(self.entry, self.value)
        self.name: Text = self.entry.name if self.entry else ""
        self.waits = row.waits_for_reset(station.booted_at)
        self.change_url = page_url("station_configuration_change", station, key=row.key)
        self.history_url = page_url("station_configuration_history", station, key=row.key)

    @property
    def shows_raw(self) -> bool:
        """A number stands in its words already."""
        return bool(self.entry and self.entry.kind not in {NUMBER, DECIMAL}) and self.words != self.value

    @property
    def takes(self) -> str:
        """What may be typed, by the standard; empty where nothing may, or nobody knows."""
        return takes(self.entry) if self.entry and not self.row.readonly and not self.secret else ""

    @property
    def unit(self) -> str:
        return self.entry.unit if self.entry and self.entry.unit != "×" else ""

    @property
    def of_many(self) -> bool:
        """Whether what it takes is a long list."""
        return bool(self.entry and self.entry.choices)

    @property
    def readonly(self) -> Text:
        """Who says that it cannot be changed; empty when it can."""
        by_standard = bool(self.entry and self.entry.readonly)
        if self.row.readonly:
            return _("read-only, by the standard too") if by_standard else _("read-only: the station says so")
        return ""

    @property
    def remark(self) -> Text:
        if self.entry and self.entry.readonly and not self.row.readonly:
            return _("Read-only by the standard; this station says that it can be changed.")
        return ""

    def holds(self, text: str) -> bool:
        entry = self.entry
        said = [self.key, "" if hides(self.value) else self.value, self.words, *((entry.name, entry.text) if entry else ())]
        return any(text in str(one).casefold() for one in said)


class Group(NamedTuple):
    slug: str
    label: Text
    keys: list[Key]


def rows_of(request: HttpRequest, station: Station) -> dict[str, Row]:
    """The keys, or variables, that this station has told of, in their order."""
    found: dict[str, Row] = {}
    if has_variables(station.ocpp_version):
        rows = DeviceVariable.objects.visible_to(request.user).filter(station=station, attribute=ACTUAL)
        found = {row.key: row for row in impersonal(request, station, rows)}
    else:
        keys = ConfigurationKey.objects.visible_to(request.user).filter(station=station)
        found = {row.key: row for row in impersonal(request, station, keys)}
    return {key: found[key] for key in in_order(found, station.ocpp_version)}


def row_of(request: HttpRequest, station: Station, key: str, attribute: str = ACTUAL) -> Row | None:
    if has_variables(station.ocpp_version):
        rows = DeviceVariable.objects.visible_to(request.user).filter(station=station, key=key, attribute=attribute)
        return next(iter(impersonal(request, station, rows)), None)
    keys = ConfigurationKey.objects.visible_to(request.user).filter(station=station, key=key)
    return next(iter(impersonal(request, station, keys)), None)


_Row = TypeVar("_Row", ConfigurationKey, DeviceVariable)


def impersonal(request: HttpRequest, station: Station, rows: Iterable[_Row]) -> list[_Row]:
    """What tells of a person is masked for who may not see that: the card that was read, the car that is connected."""
    found, whole = list(rows), may(request.user, PERSONAL_DATA, station)
    for row in found:
        if row.value and not whole and masking.is_personal(row.key):
            row.value = MASK
    return found


def changes_between(request: HttpRequest, station: Station, since: datetime, until: datetime) -> dict[str, list[ConfigurationChange]]:
    """By key: what has changed after `since` and up to `until`, the newest first. What went back to what it was is left out; of a secret
    nobody knows."""
    rows = ConfigurationChange.objects.visible_to(request.user).filter(station=station, at__gt=since, at__lte=until)
    found: dict[str, list[ConfigurationChange]] = {}
    for row in rows.select_related("command").order_by("-at", "-pk")[:MOST_CHANGES]:
        found.setdefault(row.key, []).append(row)
    return {key: steps for key, steps in found.items() if steps[-1].before != steps[0].after or is_secret(key)}


def latest_tries(request: HttpRequest, situation: Situation) -> dict[str, CommandRow]:
    """By key, the latest attempt to change it."""
    tries = Command.objects.visible_to(request.user).filter(station=situation.station, action__in=actions(Configure))
    found: dict[str, CommandRow] = {}
    for row in command_rows(tries.select_related("requested_by").order_by("-created_at", "-pk")[:MOST_TRIES], situation):
        intent = command_words.intent_of(row.command)
        for one in (intent,) if isinstance(intent, Configure) else intent.settings if isinstance(intent, ConfigureMany) else ():
            found.setdefault(one.key, row)
    return found
