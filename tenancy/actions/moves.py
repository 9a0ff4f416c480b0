"""What moving something in the tree gives to whom, and who may do that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, QuerySet, Value
from django.db.models.functions import Concat, Length, Substr
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import audit, hooks
from tenancy.actions.organizations import lock_tree, renew_closed
from tenancy.models import MAX_PATH, Invitation, Organization, OrganizationGrant, ServiceAccess, Team, User
from tenancy.models.roles import in_force
from tenancy.rights import MANAGE_ORGANIZATIONS, READ, beyond, holds, words


def keys(path: str) -> list[int]:
    """The primary keys on `path`, from the platform down."""
    return [int(part) for part in path.strip("/").split("/") if part]


def newly_above(from_path: str, to_path: str) -> list[int]:
    """The organizations that stand above what moves afterwards and did not before, from the highest down."""
    before = set(keys(from_path))
    return [pk for pk in keys(to_path) if pk not in before]


def rights_gained(from_path: str, to_path: str) -> set[str]:
    """What somebody at the organizations that are newly above holds there, by a role or by an access, now or from a day to come."""
    grants = OrganizationGrant.objects.filter(content_object__in=newly_above(from_path, to_path), group__user__isnull=False)
    return set(grants.exclude(until__lte=timezone.now()).values_list("permission__codename", flat=True))


def why_not_given_away(actor: User | None, right: str, owner: Organization) -> str:
    """Why `actor`, who holds `right` at `owner`, cannot take something from there to another organization; empty when they can: whoever
    was let in for a time may work there, and takes nothing along."""
    own = OrganizationGrant.objects.filter(content_object__in=[*owner.ancestor_ids, owner.pk], access=None, permission__codename=right)
    if actor is None or in_force(own, actor).exists():
        return ""
    return _("You were let in at %s for a time. Only its own people move something from there to another organization.") % owner


def why_stays_on_top(organization: Organization) -> str:
    """Why this organization is never moved, whoever wants it; empty when it can be."""
    return _("The platform stands above everything and cannot be moved.") if organization.parent_id is None else ""


def why_not_moved(actor: User | None, from_path: str, to_path: str, place: int | None = None, gained: Iterable[str] = ()) -> str:
    """Why `actor` cannot move something from the organization with `from_path` to the one with `to_path`; empty when they can.

    For an organization, `from_path` is its own path and `to_path` that of its new parent; for a location or a station both are those of
    the owners, and `place` is the location. Nobody gives by a move what they don't hold: what people at the organizations newly above
    gain over it, and what else is `gained`, the actor must hold at it. That the actor may move things at all, here and there, is not
    asked here.
    """
    lacking: Iterable[str] = beyond(actor, rights_gained(from_path, to_path) | {*gained}, from_path, place) if actor else ()
    if not lacking:
        return ""
    return _("People there would gain rights here that you don't hold yourself: %s. Ask somebody who holds them to move it.") % words(
        lacking
    )


def companies_by_move(user: User, former: Collection[int], newly: Collection[int]) -> Iterator[str]:
    """In words, which service companies a move shuts out and lets in: those at whole organizations that stand above before or after."""
    for keys, said in (
        (former, _("Service companies that were let in there no longer work here: %s.")),
        (newly, _("Service companies that were let in there work here too from then on: %s.")),
    ):
        accesses = ServiceAccess.objects.visible_to(user, READ).filter(
            organization__in=keys, place="", ended_at=None, ends_at__gt=timezone.now()
        )
        if names := sorted({str(access.team) for access in accesses.select_related("team__role", "team__organization")}):
            yield said % ", ".join(names)


# -- organizations ----------------------------------------------------------------------------------------------------------------------


class Move:
    """What happens when `organization` comes to belong to `parent`. Both with paths that hold now."""

    def __init__(self, organization: Organization, parent: Organization) -> None:
        self.organization, self.parent = organization, parent
        self.subtree = Organization.objects.all().below(organization.path)
        self.new_path = f"{parent.path}{organization.pk}/"
        after = set(keys(self.new_path))
        self.former = [pk for pk in keys(organization.path) if pk not in after]  # no longer above
        self.newly = newly_above(organization.path, parent.path)

    def why_not(self, actor: User | None) -> str:
        """Why `actor` cannot do it; empty when they can."""
        organization, parent = self.organization, self.parent
        if organization.parent is None:
            return why_stays_on_top(organization)
        if parent.pk == organization.pk:
            return _("%s cannot belong to itself.") % organization
        if parent.path.startswith(organization.path):
            return _("%(parent)s is below %(organization)s: it cannot be above it too.") % {"parent": parent, "organization": organization}
        if parent.pk == organization.parent_id:
            return _("It belongs to %s already.") % parent
        if actor:
            for place in (organization.parent, organization, parent):
                if not holds(actor, MANAGE_ORGANIZATIONS, place.path):
                    return _("You may not move it: you don't hold the right to change organizations both where it is and where it goes.")
        if organization.kind not in (fitting := Organization.Kind(parent.kind).below):
            return _("%(parent)s is a %(kind)s; below it there can be: %(fitting)s. Change the kind first.") % {
                "parent": parent, "kind": parent.get_kind_display(), "fitting": ", ".join(str(kind.label) for kind in fitting),
            }  # fmt: skip
        if Organization.objects.filter(parent=parent, name__iexact=organization.name).exists():
            return _("%s has an organization with this name already. Rename one of them first.") % parent
        longest = self.subtree.aggregate(longest=Max(Length("path")))["longest"] or 0
        if longest - len(organization.path) + len(self.new_path) > MAX_PATH:
            return _("The tree is too deep there: choose an organization further up.")
        return why_not_moved(actor, organization.path, parent.path)

    def teams_without_role(self) -> QuerySet[Team]:
        """Those inside that hold a role of an organization which is no longer above: it is not propagated to there any more."""
        inside = Team.objects.filter(organization__in=self.subtree, role__organization__in=self.former, group__user__isnull=False)
        return inside.exclude(role__organization__in=self.subtree).distinct()

    def invitations_without_role(self) -> QuerySet[Invitation]:
        inside = Invitation.objects.filter(organization__in=self.subtree, accepted_at=None, withdrawn_at=None)
        return inside.filter(role__organization__in=self.former).exclude(role__organization__in=self.subtree)

    def people_who_stay(self) -> QuerySet[User]:
        """People of organizations that are no longer above, who hold a role given to them inside: they keep it."""
        inside = Team.objects.filter(organization__in=self.subtree).exclude(pk__in=self.teams_without_role())
        return User.objects.filter(organization__in=self.former, groups__team__in=inside).exclude(organization__in=self.subtree).distinct()


@transaction.atomic
def move_organization(*, actor: User | None, organization: Organization, parent: Organization) -> Organization:
    """With everything below it. ValidationError {"parent": …} when it cannot be done. Of two people who move at once the second sees
    what the first has done."""
    lock_tree()
    both = Organization.objects.select_related("parent").in_bulk([organization.pk, parent.pk])
    if len(both) < 1 + (parent.pk != organization.pk):
        raise ValidationError({"parent": _("One of them was deleted meanwhile.")})
    organization, parent = both[organization.pk], both[parent.pk]
    move = Move(organization, parent)
    if reason := move.why_not(actor):
        raise ValidationError({"parent": reason})
    before = organization.parent
    assert before is not None
    list(move.subtree.select_for_update(of=("self",), no_key=True).values_list("pk"))  # nobody gives a role inside meanwhile
    taken = _take_roles(actor, move)
    inside = move.subtree.count()
    old_path = organization.path
    Organization.objects.filter(pk=organization.pk).update(parent=parent)
    move.subtree.update(path=Concat(Value(move.new_path), Substr("path", len(old_path) + 1)))
    renew_closed(move.new_path, parent.closed)
    organization.refresh_from_db()
    for tell in hooks.organization_moved:
        tell(organization)
    changes = {"parent": [audit.named(before), audit.named(parent)], "organizations": [None, inside], "roles": [None, taken]}
    audit.record(actor, "move", organization, organization, changes)
    # Those it leaves no longer see its record
    audit.record(actor, "move_away", before, before, {"organization": [organization.name, None]})
    return organization


def _take_roles(actor: User | None, move: Move) -> int:
    taken = 0
    for team in move.teams_without_role().select_related("role", "organization"):
        for user in User.objects.filter(groups=team.group_id):
            user.groups.remove(team.group_id)
            audit.record(
                actor, "withdraw_role", user, team.organization, {"role": [team.role.name, None], "at": [team.organization.name, None]}
            )
            taken += 1
    for invitation in move.invitations_without_role().select_related("organization"):
        Invitation.objects.filter(pk=invitation.pk).update(withdrawn_at=timezone.now())
        audit.record(actor, "withdraw_invitation", invitation, invitation.organization, {})
    return taken
