"""Every write to organizations, people and roles: one transaction each, the audit row inside it."""

from tenancy.actions.exports import cancel_export, start_export
from tenancy.actions.imports import cancel_import, start_import, upload_import
from tenancy.actions.invitations import accept_invitation, invite_user, send_again, withdraw_invitation
from tenancy.actions.moves import move_organization
from tenancy.actions.organizations import (
    activate_organization,
    create_organization,
    deactivate_organization,
    delete_organization,
    edit_organization,
    set_logo,
    why_not_deactivated,
    why_organization_stays,
)
from tenancy.actions.own_account import edit_own_profile, end_own_sessions, reset_two_factor
from tenancy.actions.people import create_user, delete_user, edit_user, renew_user_password, set_user_active
from tenancy.actions.roles import (
    assign_role,
    create_default_roles,
    create_role,
    delete_role,
    edit_role,
    end_access,
    let_in,
    sweep_accesses,
    team_of,
    touched_by,
    why_role_stays,
    why_still_propagated,
    withdraw_role,
)

__all__ = [
    "accept_invitation",
    "activate_organization",
    "assign_role",
    "cancel_export",
    "cancel_import",
    "create_default_roles",
    "create_organization",
    "create_role",
    "create_user",
    "deactivate_organization",
    "delete_organization",
    "delete_role",
    "delete_user",
    "edit_organization",
    "edit_own_profile",
    "edit_role",
    "edit_user",
    "end_access",
    "end_own_sessions",
    "invite_user",
    "let_in",
    "move_organization",
    "renew_user_password",
    "reset_two_factor",
    "send_again",
    "set_logo",
    "set_user_active",
    "start_export",
    "start_import",
    "sweep_accesses",
    "team_of",
    "touched_by",
    "upload_import",
    "why_not_deactivated",
    "why_organization_stays",
    "why_role_stays",
    "why_still_propagated",
    "withdraw_invitation",
    "withdraw_role",
]
