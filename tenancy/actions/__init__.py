"""Every write to organizations, people and roles: one transaction each, the audit row inside it."""

from tenancy.actions.organizations import (
    create_organization,
    delete_organization,
    edit_organization,
    why_organization_stays,
)
from tenancy.actions.people import create_user, renew_user_password
from tenancy.actions.roles import (
    assign_role,
    create_default_roles,
    create_role,
    delete_role,
    edit_role,
    end_access,
    let_in,
    team_of,
    touched_by,
    why_role_stays,
    why_still_propagated,
    withdraw_role,
)

__all__ = [
    "assign_role",
    "create_default_roles",
    "create_organization",
    "create_role",
    "create_user",
    "delete_organization",
    "delete_role",
    "edit_organization",
    "edit_role",
    "end_access",
    "let_in",
    "renew_user_password",
    "team_of",
    "touched_by",
    "why_organization_stays",
    "why_role_stays",
    "why_still_propagated",
    "withdraw_role",
]
