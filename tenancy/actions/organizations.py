"""Every write to organizations: one transaction each, the audit row inside it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from tenancy import audit
from tenancy.actions.roles import create_default_roles
from tenancy.models import MAX_PATH, Organization, User

ORGANIZATION_FIELDS = ("kind", "name", "street", "postal_code", "city", "country", "email", "phone")


@transaction.atomic
def create_organization(*, actor: User | None, parent: Organization | None, **fields: Any) -> Organization:
    organization = Organization(parent=parent, path="?", **fields)
    organization.full_clean(exclude=["path"])
    organization.path = f"?{id(organization)}"  # unique until the key is known
    organization.save()
    organization.path = f"{parent.path if parent else '/'}{organization.pk}/"
    if len(organization.path) > MAX_PATH:
        raise ValidationError({"parent": _("The tree is too deep here: choose an organization further up.")})
    organization.closed = parent is not None and parent.closed
    organization.save(update_fields=["path", "closed"])
    audit.record(
        actor, "create", organization, organization, audit.differences({}, {key: getattr(organization, key) for key in ORGANIZATION_FIELDS})
    )
    if parent is None:
        create_default_roles(organization)
    return organization


@transaction.atomic
def edit_organization(*, actor: User | None, organization: Organization, **fields: Any) -> Organization:
    before = {key: getattr(organization, key) for key in fields}
    for key, value in fields.items():
        setattr(organization, key, value)
    organization.full_clean()
    organization.save()
    if changed := audit.differences(before, fields):
        audit.record(actor, "edit", organization, organization, changed)
    return organization


def why_organization_stays(organization: Organization) -> str:
    """Why this organization cannot be deleted now; empty when it can."""
    if organization.parent_id is None:
        return _("The platform organization is never deleted.")
    reasons = []
    for relation in Organization._meta.related_objects:
        if relation.on_delete is models.PROTECT and (
            count := relation.related_model._base_manager.filter(**{relation.field.name: organization}).count()
        ):
            meta = relation.related_model._meta
            reasons.append(f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}")
    if reasons:
        return _("It still has %(what)s. Delete these first.") % {"what": ", ".join(reasons)}
    return ""


@transaction.atomic
def delete_organization(*, actor: User | None, organization: Organization) -> None:
    Organization.objects.select_for_update().filter(pk=organization.pk).first()
    if reason := why_organization_stays(organization):
        raise ValidationError(reason)
    audit.record(actor, "delete", organization, organization.parent)
    organization.delete()
