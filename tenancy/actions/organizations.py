"""Every write to organizations: one transaction each, the audit row inside it. Moving them is in moves.py."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenancy import audit
from tenancy.actions.roles import create_default_roles, why_role_stays
from tenancy.models import MAX_PATH, AuditEntry, Invitation, Logo, Organization, Role, ServiceAccess, Team, User
from tenancy.personal import called
from tenancy.pictures import Picture
from tenancy.rights import LABELS, MANAGE_INVOICE_DATA, MANAGE_ORGANIZATIONS, READ, UPDATE_USER_ROLES, highest, holds
from tenancy.validation import mask_iban

ORGANIZATION_FIELDS = (
    "kind", "name", "street", "postal_code", "city", "country", "contact_name", "email", "phone", "iban", "bic", "vat_number",
    "chamber_number", "split_billing", "compensation_ac", "compensation_dc", "colour", "require_two_factor",
)  # fmt: skip

# What an organization is to the one above it, and what that pays for it: said from there, with these rights
SET_FROM_ABOVE = {"kind": MANAGE_ORGANIZATIONS, "split_billing": MANAGE_INVOICE_DATA}


def lock_tree() -> None:
    """Whoever changes the shape of the tree waits here for the others until the end of the transaction. References to the platform are
    not held up."""
    list(Organization.objects.select_for_update(no_key=True).filter(parent=None).values_list("pk"))


@transaction.atomic
def create_organization(*, actor: User | None, parent: Organization | None, picture: Picture | None = None, **fields: Any) -> Organization:
    if parent is not None:
        lock_tree()
        parent = Organization.objects.get(pk=parent.pk)
        if fields.get("split_billing") and (reason := why_not_set(actor, "split_billing", parent)):
            raise ValidationError({"split_billing": reason})
    organization = Organization(parent=parent, path="?", **fields)
    organization.full_clean(exclude=["path"])
    organization.path = f"?{id(organization)}"  # unique until the key is known
    organization.save()
    organization.path = f"{parent.path if parent else '/'}{organization.pk}/"
    if len(organization.path) > MAX_PATH:
        raise ValidationError({"parent": _("The tree is too deep here: choose an organization further up.")})
    organization.closed = parent is not None and parent.closed
    organization.save(update_fields=["path", "closed"])
    values = {key: value for key in ORGANIZATION_FIELDS if (value := getattr(organization, key)) not in (None, "", False)}
    audit.record(actor, "create", organization, organization, _masked(audit.differences({}, values)))
    if parent is None:
        create_default_roles(organization)
    if picture is not None:
        set_logo(actor=actor, organization=organization, picture=picture)
    return organization


def why_not_set(actor: User | None, name: str, parent: Organization | None) -> str:
    """Why `actor` cannot say what the field `name` is of an organization below `parent`; empty when they can. Nobody sets for their own
    organization what the one above has to agree to."""
    if actor is None or name not in SET_FROM_ABOVE:
        return ""
    if parent is None:
        return _("It is not for the platform: nothing stands above it.")
    right = SET_FROM_ABOVE[name]
    if holds(actor, right, parent.path):
        return ""
    above = str(parent) if holds(actor, READ, parent.path) else _("the organization above")
    return _("Only somebody with the right to %(right)s at %(above)s can change this. Ask there.") % {
        "right": LABELS[right],
        "above": above,
    }


@transaction.atomic
def edit_organization(*, actor: User | None, organization: Organization, **fields: Any) -> Organization:
    """Only `fields` are written: what somebody else changes meanwhile stays. ValidationError {name: …} for what `actor` may not set."""
    row = Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization.pk)
    before = {key: getattr(row, key) for key in fields}
    for key, value in fields.items():
        setattr(row, key, value)
    if not (changed := audit.differences(before, fields)):
        return row
    if refused := {name: reason for name in SET_FROM_ABOVE if name in changed and (reason := why_not_set(actor, name, row.parent))}:
        raise ValidationError(refused)
    row.full_clean()
    row.save(update_fields=list(fields))
    audit.record(actor, "edit", row, row, _masked(changed))
    return row


@transaction.atomic
def set_logo(*, actor: User | None, organization: Organization, picture: Picture | None) -> None:
    """`picture` None takes it away."""
    before = Logo.objects.filter(organization=organization).values_list("digest", flat=True).first()
    if before == (picture.digest if picture else None):
        return
    if picture is None:
        Logo.objects.filter(organization=organization).delete()
    else:
        Logo.objects.update_or_create(organization=organization, defaults=picture._asdict())
    audit.record(actor, "edit", organization, organization, {"logo": [_short(before), _short(picture and picture.digest)]})


def _short(digest: str | None) -> str | None:
    return digest[:12] if digest else None


def _masked(changes: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The record is read by people who may not see the account: the last four must do."""
    if "iban" in changes:
        changes["iban"] = [mask_iban(value or "") for value in changes["iban"]]
    return changes


# -- deactivating -----------------------------------------------------------------------------------------------------------------------


def _why_not_touched(actor: User | None, organization: Organization) -> str:
    """What nobody does to the platform, to their own organization and to those above it."""
    if organization.parent_id is None:
        return _("The platform organization always stays.")
    if actor is not None and actor.organization_id == organization.pk:
        return _("You belong to it yourself. Ask somebody of an organization above it.")
    if actor is not None and actor.organization.path.startswith(organization.path):
        return _("Your own organization is below it. Ask somebody of an organization above it.")
    return ""


def why_not_deactivated(actor: User | None, organization: Organization) -> str:
    """Why `actor` cannot deactivate it; empty when they can."""
    return _why_not_touched(actor, organization)


@transaction.atomic
def deactivate_organization(*, actor: User | None, organization: Organization) -> None:
    """Its people and those below can do nothing any more; its stations go on."""
    if reason := why_not_deactivated(actor, organization):
        raise ValidationError(reason)
    _set_active(actor, organization, False)


@transaction.atomic
def activate_organization(*, actor: User | None, organization: Organization) -> None:
    """What below it was deactivated by itself stays so."""
    _set_active(actor, organization, True)


def _set_active(actor: User | None, organization: Organization, active: bool) -> None:
    lock_tree()
    if Organization.objects.filter(pk=organization.pk, active=not active).update(active=active):
        row = Organization.objects.select_related("parent").get(pk=organization.pk)
        renew_closed(row.path, row.parent is not None and row.parent.closed)
        audit.record(actor, "activate" if active else "deactivate", row, row, {"active": [not active, active]})


def renew_closed(path: str, above: bool) -> None:
    """Derive `closed` of the organization with `path` and everything below; `above`: its parent is closed."""
    subtree = Organization.objects.all().below(path)
    inactive = [path] if above else list(highest(subtree.filter(active=False).values_list("path", flat=True)))
    condition = Q(pk__in=[])
    for start in inactive:
        condition |= Q(path__startswith=start)
    subtree.filter(condition).update(closed=True)
    subtree.exclude(condition).update(closed=False)


# -- deleting ---------------------------------------------------------------------------------------------------------------------------


def why_organization_stays(organization: Organization, actor: User | None = None) -> str:
    """Why this organization cannot be deleted now; empty when it can."""
    if organization.parent_id is None:
        return _("The platform organization is never deleted.")
    if reason := _why_not_touched(actor, organization):
        return reason
    reasons = []
    relations: Any = [relation for relation in Organization._meta.related_objects if relation.on_delete is models.PROTECT]
    for relation in relations:
        model = relation.related_model
        count = model._base_manager.filter(**{relation.field.name: organization}).count() if model not in (Role, Team, ServiceAccess) else 0
        if count:
            reasons.append(f"{count} {model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural}")
    said = [_("It still has %(what)s. Delete or move these first.") % {"what": ", ".join(reasons)}] if reasons else []
    return " ".join([*said, *_what_hangs_on(actor, organization)])


def _what_hangs_on(actor: User | None, organization: Organization) -> list[str]:
    """Roles, invitations and accesses that are in use. Those that are not go with it."""
    said = []
    sees_roles = actor is None or holds(actor, UPDATE_USER_ROLES, organization.path)
    for team in Team.objects.filter(organization=organization, group__user__isnull=False).distinct().select_related("role"):
        people = ", ".join(called(actor, user) for user in User.objects.filter(groups=team.group_id).select_related("organization")[:5])
        told = {"role": team.role, "people": people}
        said.append(
            _("The role %(role)s is held here by %(people)s. Take it away first.") % told
            if sees_roles
            else _("A role is held here by %(people)s. Somebody who sees roles takes it away first.") % told
        )
    for role in Role.objects.filter(organization=organization):
        held_elsewhere = Team.objects.filter(role=role, group__user__isnull=False).exclude(organization=organization).exists()
        if (reason := why_role_stays(role)) and (held_elsewhere or not Team.objects.filter(role=role, group__user__isnull=False).exists()):
            said.append(
                _("Its role %(role)s is in use: %(reason)s") % {"role": role, "reason": reason}
                if sees_roles
                else _("A role of it is in use.")
            )
    invitations = Invitation.objects.filter(organization=organization, accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())
    if count := invitations.count():
        said.append(ngettext("%d invitation is open. Withdraw it first.", "%d invitations are open. Withdraw them first.", count) % count)
    if count := _running(Q(organization=organization)).count():
        said.append(
            ngettext("It lets %d service company in. End that first.", "It lets %d service companies in. End that first.", count) % count
        )
    if count := _running(Q(team__organization=organization)).exclude(organization=organization).count():
        said.append(
            ngettext(
                "As a service company it has access at %d place. End that first.",
                "As a service company it has access at %d places. End that first.",
                count,
            )
            % count
        )
    return said


def _running(condition: Q) -> models.QuerySet[ServiceAccess]:
    return ServiceAccess.objects.filter(condition, ended_at=None, ends_at__gt=timezone.now())


@transaction.atomic
def delete_organization(*, actor: User | None, organization: Organization) -> None:
    lock_tree()
    organization = Organization.objects.select_for_update(of=("self",)).select_related("parent").get(pk=organization.pk)
    if reason := why_organization_stays(organization, actor):
        raise ValidationError(reason)
    roles, accesses = Role.objects.filter(organization=organization), ServiceAccess.objects.filter(organization=organization)
    gone = {"roles": [[role.name for role in roles], None], "accesses": [[str(access) for access in accesses], None]}
    audit.record(actor, "delete", organization, organization.parent, {name: pair for name, pair in gone.items() if pair[0]})
    AuditEntry.objects.filter(organization=organization).update(organization=organization.parent)  # whose record it becomes
    # What nobody uses goes with it: accesses that are over, teams without people, roles that nobody holds.
    ServiceAccess.objects.filter(Q(organization=organization) | Q(team__organization=organization)).delete()
    ServiceAccess.objects.filter(team__role__organization=organization).delete()
    Group.objects.filter(Q(team__organization=organization) | Q(team__role__organization=organization)).delete()
    Role.objects.filter(organization=organization).delete()
    organization.delete()
