"""Who there is: the tree of organizations, the people in it, their roles, and the record of what they did."""

from tenancy.models.audit import AuditEntry
from tenancy.models.exports import Export
from tenancy.models.imports import Import, ImportFault, ImportPart
from tenancy.models.organization import LOGO_SIZE, MAX_PATH, Logo, Organization
from tenancy.models.people import INVITATION_LASTS, Invitation, Letter, User
from tenancy.models.roles import OrganizationGrant, Role, ServiceAccess, Team

__all__ = [
    "INVITATION_LASTS",
    "LOGO_SIZE",
    "MAX_PATH",
    "AuditEntry",
    "Export",
    "Import",
    "ImportFault",
    "ImportPart",
    "Invitation",
    "Letter",
    "Logo",
    "Organization",
    "OrganizationGrant",
    "Role",
    "ServiceAccess",
    "Team",
    "User",
]
