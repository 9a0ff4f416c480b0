"""Every write to users: one transaction each, the audit row inside it."""

from __future__ import annotations

from django.db import transaction

from tenancy import audit
from tenancy.actions.roles import assign_role
from tenancy.models import Organization, Role, User


@transaction.atomic
def create_user(
    *, actor: User | None, organization: Organization, email: str | None, name: str, password: str | None, role: Role | None = None
) -> User:
    """A user of `organization`, with `role` there; without `email` a cardholder."""
    user = User.objects.create_user(email, password, name=name, organization=organization)
    audit.record(actor, "create", user, organization, {"name": [None, user.name], "email": [None, user.email]})
    if role is not None:
        assign_role(actor=actor, user=user, role=role, organization=organization)
    return user


@transaction.atomic
def renew_user_password(*, actor: User | None, user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(actor, "renew_password", user, user.organization)
