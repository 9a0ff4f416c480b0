"""Every write to hardware templates, and taking one over."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.saving import save
from stations.hardware import plugs_of, several, unfit, what_changes
from stations.models import Connector, HardwareTemplate, Station
from tenancy import audit
from tenancy.models import Organization, User
from tenancy.names import same_name


def _check(template: HardwareTemplate, fields: dict[str, Any]) -> None:
    """Names differ in more than capitals, and the connectors can give the current."""
    name = fields.get("name", template.name)
    others = HardwareTemplate.objects.filter(organization=template.organization_id).exclude(pk=template.pk)
    if same_name(name) in {same_name(other) for other in others.values_list("name", flat=True)}:
        raise ValidationError({"name": _("This organization already has a hardware template with this name.")})
    _check_plugs(template, fields)
    current, form, plug = (fields.get(name, getattr(template, name)) for name in ("current_type", "format", "plug"))
    if wrong := unfit(current, form, several(plug)):
        raise ValidationError(wrong)


def _check_plugs(template: HardwareTemplate, fields: dict[str, Any]) -> None:
    text, count = fields.get("plug", template.plug), fields.get("connectors", template.connectors)
    try:
        plugs_of(text, count)
    except ValidationError as error:
        raise ValidationError({"plug": error.messages}) from error


@transaction.atomic
def create_hardware_template(*, actor: User | None, organization: Organization, **fields: Any) -> HardwareTemplate:
    template = HardwareTemplate(organization=organization)
    _check(template, fields)
    save(actor, template, organization, fields)
    return template


@transaction.atomic
def edit_hardware_template(*, actor: User | None, template: HardwareTemplate, **fields: Any) -> HardwareTemplate:
    """Stations that were added with it stay as they are."""
    _check(template, fields)
    save(actor, template, template.organization, fields)
    return template


@transaction.atomic
def delete_hardware_template(*, actor: User | None, template: HardwareTemplate) -> None:
    audit.record(actor, "delete", template, template.organization)
    template.delete()


@transaction.atomic
def take_over_template(*, actor: User | None, station: Station, template: HardwareTemplate) -> int:
    """Give a station the technical data of a template, as stations.hardware.what_changes tells it; how many values changed."""
    connectors = {one.number: one for one in station.connectors.select_for_update().order_by("number")}
    changes = what_changes(template, station, list(connectors.values()))
    by_number: dict[int, dict[str, Any]] = {}
    for change in changes:
        if change.field:
            by_number.setdefault(change.number, {})[change.field] = change.after
        else:
            by_number.setdefault(change.number, {})
    for number, fields in by_number.items():
        if number == 0:
            save(actor, station, station.location.organization, fields)
        else:
            one = connectors.get(number) or Connector(station=station, number=number)
            one.station = station
            save(actor, one, station.location.organization, fields if one.pk else {"number": number, **fields})
    if changes:
        nudges.stations_changed(station.pk)
    return len(changes)
