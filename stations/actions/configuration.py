"""Every write to configuration templates, and applying one to a station."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations.actions.commands import MAX_OPEN, ask
from stations.actions.saving import save
from stations.configuration.catalogue import known
from stations.configuration.values import check, check_kind, is_secret, longest_key, same, shown
from stations.models import Command, ConfigurationTemplate, Station
from stations.ocpp.intents import Configure
from stations.ocpp.versions import key_in
from tenancy import audit
from tenancy.models import Organization, User

MOST_ENTRIES = 200
PATIENCE = 120  # seconds in which the last of many changes may begin


def check_entries(entries: Mapping[str, str]) -> None:
    """ValidationError {"entries": …} says what is wrong with the values of a template."""
    errors: list[str] = []
    if len(entries) > MOST_ENTRIES:
        errors.append(_("A template has at most %d keys.") % MOST_ENTRIES)
    seen: set[str] = set()
    alike: dict[str, str] = {}  # the first key of each setting, by what 1.6 calls it
    for key, value in entries.items():
        if not key or len(key) > longest_key(key) or not key.isprintable() or "=" in key:
            errors.append(_("“%s” is no key: a key has 1 to 50 signs, and no “=”.") % key[:60])
        elif key.casefold() in seen:
            errors.append(_("%s stands there twice.") % key)
        elif is_secret(key):
            errors.append(_("%s is secret. A template holds no secrets: set it at each station.") % key)
        elif shown(key, value) != value:
            errors.append(_("%s: the address holds a password. A template holds no secrets: set it at each station.") % key)
        else:
            try:
                check(key, value, strict=False)  # stations have values that the standard does not know
                check_kind(key, value)
            except ValidationError as error:
                errors.append(f"{key}: {error.messages[0]}")
        seen.add(key.casefold())
        other = alike.setdefault(key_in("1.6", key).casefold(), key)
        if ("/" in key) != ("/" in other) and not same(known(key), value, entries[other]):
            said = _("%(one)s and %(other)s are the same setting, in the words of two versions: give both the same value, or take one out.")
            errors.append(said % {"one": other, "other": key})
    if errors:
        raise ValidationError({"entries": errors})


@transaction.atomic
def create_configuration_template(*, actor: User | None, organization: Organization, **fields: Any) -> ConfigurationTemplate:
    template = ConfigurationTemplate(organization=organization)
    check_entries(fields.get("entries", {}))
    save(actor, template, organization, fields)
    return template


@transaction.atomic
def edit_configuration_template(*, actor: User | None, template: ConfigurationTemplate, **fields: Any) -> ConfigurationTemplate:
    """What it was applied to stays as it is."""
    if "entries" in fields:
        check_entries(fields["entries"])
    template.updated_at = timezone.now()
    save(actor, template, template.organization, fields)
    ConfigurationTemplate.objects.filter(pk=template.pk).update(updated_at=template.updated_at)
    return template


@transaction.atomic
def delete_configuration_template(*, actor: User | None, template: ConfigurationTemplate) -> None:
    audit.record(actor, "delete", template, template.organization)
    template.delete()


@transaction.atomic
def set_keys(*, actor: User | None, station: Station, values: Sequence[tuple[str, str]]) -> tuple[list[Command], list[str]]:
    """Queue a change of each key; gives the commands, and those keys for which there was no room: a station has at most MAX_OPEN waiting.
    CommandRefused when none can be queued at all."""
    room = max(1, MAX_OPEN - Command.objects.filter(station=station, state__in=Command.OPEN).count())
    queued = [ask(actor=actor, station=station, intent=Configure(key, value), timeout=PATIENCE) for key, value in values[:room]]
    return queued, [key for key, _value in values[room:]]
