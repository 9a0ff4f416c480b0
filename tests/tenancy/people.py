"""More people for tests of rights: with just the rights wanted, at just the organization wanted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from tenancy import actions
from tenancy.models import Organization, Role, User
from tests.conftest import PASSWORD

_numbers = count(1)


def role_with(organization: Organization, *rights: str, name: str = "", propagated: bool = True, **fields: object) -> Role:
    return actions.create_role(
        actor=None, organization=organization, name=name or f"Role {next(_numbers)}", rights=list(rights), propagated=propagated, **fields
    )


def somebody(organization: Organization, rights: Iterable[str] | Role = (), name: str = "", at: Organization | None = None) -> User:
    """A user of `organization` who holds `rights` (or a role) there, or at `at`; reading always."""
    number = next(_numbers)
    user = actions.create_user(
        actor=None, organization=organization, email=f"person{number}@example.org", name=name or f"Person {number}", password=PASSWORD
    )
    where = at or organization
    role = rights if isinstance(rights, Role) else role_with(where, *rights)
    actions.assign_role(actor=None, user=user, role=role, organization=where)
    return User.objects.select_related("organization").get(pk=user.pk)
