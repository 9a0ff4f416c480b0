"""Every write to groups of passes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from passes import local_lists
from passes.actions.recorded import differences
from passes.models import PassGroup
from tenancy import audit
from tenancy.models import Organization, User
from tenancy.names import same_name


def _check_name(group: PassGroup) -> None:
    """A group is named in imports too: names that are read as the same are one name."""
    others = PassGroup.objects.filter(organization=group.organization_id).exclude(pk=group.pk).values_list("name", flat=True)
    if same_name(group.name) in map(same_name, others):
        raise ValidationError({"name": _("This organization already has a group with this name.")})


@transaction.atomic
def create_group(*, actor: User | None, organization: Organization, **fields: Any) -> PassGroup:
    group = PassGroup(organization=organization, **fields)
    group.full_clean()
    _check_name(group)
    group.save()
    audit.record(actor, "create", group, organization, audit.differences({}, fields))
    return group


@transaction.atomic
def edit_group(*, actor: User | None, group: PassGroup, **fields: Any) -> PassGroup:
    before = {name: getattr(group, name) for name in fields}
    for name, value in fields.items():
        setattr(group, name, value)
    group.full_clean()
    if "name" in fields and fields["name"] != before["name"]:
        _check_name(group)
    group.save(update_fields=list(fields))
    local_lists.passes_changed(group.passes.values("pk"))
    if changed := differences(before, fields):
        audit.record(actor, "edit", group, group.organization, changed)
    return group


@transaction.atomic
def delete_group(*, actor: User | None, group: PassGroup) -> None:
    """Its passes stay, without its restrictions."""
    local_lists.passes_changed(group.passes.values("pk"))
    left = {"group": [audit.named(group), None]}
    audit.record_each(actor, "edit", [(one, one.organization, left) for one in group.passes.select_related("organization")])
    audit.record(actor, "delete", group, group.organization, {"name": [group.name, None]})
    group.delete()
