"""Inviting people: a link by mail that works once and for 48 hours."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import audit, letters
from tenancy.actions.people import create_user
from tenancy.actions.roles import assign_role, why_not_assign
from tenancy.models import INVITATION_LASTS, Invitation, Organization, Role, User
from tenancy.personal import sees

HOUR = 3600  # seconds
MAILS_AN_HOUR = 5  # of one organization to one address
Address = Callable[[str], str]  # token -> the link that the mail contains


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite_user(
    *, actor: User | None, organization: Organization, email: str, name: str, role: Role | None, address: Address
) -> Invitation:
    """Ask somebody by mail to become a user of `organization`. Nothing here says whether the address is known elsewhere."""
    email = email.strip().lower()
    if role is not None and (reason := why_not_assign(actor, role, organization)):
        raise ValidationError({"role": reason})
    known = User.objects.filter(email=email).select_related("organization").first()
    # Whoever does not see people's names invites them like anybody else: the answer would tell whose address it is.
    if known and (actor is None or sees(actor, known)):
        raise ValidationError({"email": _("%s is a user already. Give them a role on their page.") % known})
    if Invitation.objects.filter(organization=organization, email=email, accepted_at=None, withdrawn_at=None).exists():
        raise ValidationError({"email": _("This address is invited already. Send that invitation again.")})
    invitation = Invitation(organization=organization, email=email, name=name, role=role, invited_by=actor)
    invitation.full_clean(exclude=["token_digest"], validate_constraints=False)  # whether it is invited already was asked above
    _send(invitation, address)
    change = {"email": email, "role": role.name if role else None}
    audit.record(actor, "invite", invitation, organization, audit.differences({}, change))
    return invitation


@transaction.atomic
def send_again(*, actor: User | None, invitation: Invitation, address: Address) -> None:
    """A new link, good for another 48 hours; the old one ends."""
    invitation = _open(invitation.pk)
    if invitation.role and (reason := why_not_assign(actor, invitation.role, invitation.organization)):
        raise ValidationError(reason)
    invitation.invited_by = actor
    _send(invitation, address)
    audit.record(actor, "invite_again", invitation, invitation.organization)


@transaction.atomic
def withdraw_invitation(*, actor: User | None, invitation: Invitation) -> None:
    invitation = _open(invitation.pk)
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    audit.record(actor, "withdraw_invitation", invitation, invitation.organization)


def find_invitation(token: str) -> Invitation | None:
    found = Invitation.objects.filter(token_digest=digest(token)).select_related("organization", "role__organization", "invited_by")
    return found.first()


def why_void(invitation: Invitation | None) -> str:
    """Why this invitation cannot be accepted now; empty when it can."""
    if invitation is None or invitation.withdrawn_at:
        return _("This invitation does not exist any more. Ask whoever invited you to send it again.")
    if invitation.accepted_at:
        return _("This invitation has been used already. Log in with the password you chose.")
    if invitation.expired:
        return _("This invitation was good for 48 hours and is over. Ask whoever invited you to send it again.")
    if invitation.organization.closed:
        return _("%s is deactivated. Ask whoever invited you.") % invitation.organization
    giver = invitation.invited_by
    gone = giver is None or not giver.is_active
    if invitation.role and (gone or why_not_assign(giver, invitation.role, invitation.organization)):
        return _("Whoever invited you may no longer give you this role. Ask for a new invitation.")
    return ""


@transaction.atomic
def accept_invitation(*, invitation: Invitation, password: str | None = None, name: str = "", user: User | None = None) -> User:
    """Once: a new user with `password`, or, where the address is known, that `user`, who takes the role here."""
    invitation = _open(invitation.pk)
    if reason := why_void(invitation):
        raise ValidationError(reason)
    if user is None:
        user = create_user(
            actor=None, organization=invitation.organization, email=invitation.email, name=name or invitation.name, password=password
        )
    elif invitation.role is None:
        raise ValidationError(_("You have a login already, and this invitation gives no role. Ask whoever invited you to choose one."))
    elif user.email != invitation.email:
        raise ValidationError(_("This invitation is for %s.") % invitation.email)
    if invitation.role:
        assign_role(actor=invitation.invited_by, user=user, role=invitation.role, organization=invitation.organization)
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=timezone.now())
    audit.record(user, "accept_invitation", user, invitation.organization, {"email": [None, user.email]})
    return user


def _open(pk: int) -> Invitation:
    """The invitation, locked, so that of two who use it at once only one does."""
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("organization", "role__organization", "invited_by")
    found = rows.get(pk=pk)
    if found.accepted_at:
        raise ValidationError(_("This invitation has been used already."))
    if found.withdrawn_at:
        raise ValidationError(_("This invitation has been withdrawn."))
    return found


def _send(invitation: Invitation, address: Address) -> None:
    key = f"invited:{invitation.organization_id}:{digest(invitation.email)}"
    cache.add(key, 0, HOUR)
    if cache.incr(key) > MAILS_AN_HOUR:
        raise ValidationError({"email": _("%d mails went to this address within the last hour. Wait a while.") % MAILS_AN_HOUR})
    token = secrets.token_urlsafe(32)
    invitation.token_digest = digest(token)
    invitation.sent_at = timezone.now()
    invitation.expires_at = invitation.sent_at + INVITATION_LASTS
    invitation.save()
    context = {"invitation": invitation, "link": address(token)}
    letters.write(invitation.email, "invitation", context, give_up_at=invitation.expires_at)
