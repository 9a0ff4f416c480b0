"""Why somebody may do something, or may not: which role at which organization gives a right, and who could give it."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from tenancy import personal
from tenancy.models import Organization, OrganizationGrant, Team, User
from tenancy.models.roles import PLACE_GRANTS, in_force
from tenancy.rights import READ, RIGHTS, SECTIONS, UPDATE_USER_ROLES, Right, Section

MOST = 5  # people named


class Source(NamedTuple):
    """What gives a right: a role held at an organization, or the access of a service company."""

    team: Team
    at: Organization
    by_access: bool


def sources(user: User, organization: Organization, place: str = "") -> dict[str, list[Source]]:
    """right -> what gives it to `user` at `organization` (or at its location `place`, "l7"). Without READ nothing is seen there at all."""
    found: dict[str, list[Source]] = {}
    if not user.is_active or user.organization.closed:
        return found
    keys = [*organization.ancestor_ids, organization.pk]
    rows = list(
        in_force(OrganizationGrant.objects, user)
        .filter(content_object__in=keys)
        .select_related("content_object", "permission", "group__team__role", "group__team__organization")
        .order_by("content_object__path", "pk")
    )
    if place:
        grants = PLACE_GRANTS[place[0]]._default_manager
        rows += (
            in_force(grants, user)
            .filter(content_object=int(place[1:]))
            .select_related("permission", "group__team__role", "group__team__organization")
        )
    for row in rows:
        at = row.content_object if isinstance(row.content_object, Organization) else organization
        found.setdefault(row.permission.codename, []).append(Source(row.group.team, at, row.access_id is not None))
    return found


class Line(NamedTuple):
    right: Right
    sources: list[Source]


def table(user: User, organization: Organization, place: str = "") -> list[tuple[Section, list[Line]]]:
    """Every switch, by section, with what turns it on for `user` there; no source: it is off."""
    given = sources(user, organization, place)
    return [(section, [Line(right, given.get(right.code, [])) for right in section.rights]) for section in SECTIONS]


def who_can_give(user: User | AnonymousUser, right: str, path: str) -> list[User]:
    """People whom `user` may see and who can give `right` at the organization with this path; a few of them."""
    keys = [int(part) for part in path.strip("/").split("/") if part]
    givers = Team.objects.filter(organization__in=keys)
    able = [team.group_id for team in givers.select_related("role") if {right, UPDATE_USER_ROLES} <= {*team.role.held, READ}]
    people = User.objects.visible_to(user).filter(groups__in=able, is_active=True, organization__closed=False)
    return list(people.exclude(pk=user.pk or 0).distinct().order_by("-organization__path", "name", "pk")[:MOST])


def ask_whom(right: str, names: list[str], where: str = "") -> str:
    """The sentence after a refusal. `names` are those of `who_can_give` as the refused person may see them; `where` names the organization
    at which the right is missing, when that is neither theirs nor above it."""
    label = RIGHTS[right].label if right in RIGHTS else _("See this")
    if names:
        return _("%(people)s can give you a role with the right “%(right)s”.") % {"people": ", ".join(names), "right": label}
    if where:
        return _("An administrator of %(organization)s can give you a role with the right “%(right)s” there.") % {
            "organization": where, "right": label,
        }  # fmt: skip
    return _("An administrator of your organization, or of the one above it, can give you a role with the right “%s”.") % label


def who_could(user: User, right: str, path: str) -> str:
    """The sentence that tells `user`, who lacks `right` at the organization with this path, who could give it."""
    elsewhere = ""
    if not (user.organization.path.startswith(path) or path.startswith(user.organization.path)):
        found = Organization.objects.visible_to(user).filter(path=path).first()
        elsewhere = str(found) if found else _("the organization that owns this")
    givers = [personal.person(user, one, one.organization.path) for one in who_can_give(user, right, path)]
    return ask_whom(right, [name for name in givers if name != personal.MASK], elsewhere)
