"""Moving, deactivating, activating and deleting an organization: each says before what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenancy import actions, hooks
from tenancy.actions.moves import Move, companies_by_move, why_stays_on_top
from tenancy.actions.organizations import why_not_deactivated, why_organization_stays
from tenancy.inheritance import chain, inherited
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.organization_sheet import inherited_amount, money, organization_of, source_name
from tenancy.pages.organizations import trail
from tenancy.pages.shared import FOUND, number_of, user_of
from tenancy.rights import (
    CLOSE_ORGANIZATIONS,
    MANAGE_ORGANIZATIONS,
    PERSONAL_DATA,
    READ,
    READ_MONEY,
    UPDATE_USER_ROLES,
    get_for,
    holds,
)
from ui.forms import confirm_page

NAMES = 10  # of people in a sentence


def crumbs(user: User, found: Organization) -> list[tuple[Any, str]]:
    return [*trail(user, found), (found, found.get_absolute_url())]


# -- moving -----------------------------------------------------------------------------------------------------------------------------


def organization_move(request: HttpRequest, pk: int) -> HttpResponse:
    """First a choice of the new parent; with `?to=` what changes, and the button."""
    user = user_of(request)
    found = organization_of(request, pk, MANAGE_ORGANIZATIONS)
    if found.parent is None:
        context = {
            "title": _("Move %s") % found, "refusal": why_stays_on_top(found), "cancel_url": found.get_absolute_url(),
            "breadcrumbs": crumbs(user, found),
        }  # fmt: skip
        return render(request, "ui/confirm.html", context)
    if not holds(user, MANAGE_ORGANIZATIONS, found.parent.path):
        above = source_name(user, found.parent)
        raise PermissionDenied(_("It is moved by people of %s, where you don't hold the right to move organizations. Ask there.") % above)
    key = number_of(request, "to")
    if key is None:
        return _choose(request, found)
    parent = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=key)
    move = Move(found, parent)
    refusal = move.why_not(user)
    return confirm_page(
        request, lambda: actions.move_organization(actor=user, organization=found, parent=parent),
        title=_("Move %(organization)s to %(parent)s?") % {"organization": found, "parent": parent},
        consequences=[] if refusal else list(consequences(user, move)), refusal=refusal, submit_label=_("Move organization"),
        cancel_url=link("organization_move", pk), done=_("%(organization)s now belongs to %(parent)s.") % {
            "organization": found, "parent": parent,
        },
        done_url=found.get_absolute_url(), breadcrumbs=crumbs(user, found),
    )  # fmt: skip


def _choose(request: HttpRequest, found: Organization) -> HttpResponse:
    """Organizations where it fits, by name."""
    text = request.GET.get("find", "").replace("\x00", "").strip()[:100]
    kinds = [kind for kind in Organization.Kind if found.kind in kind.below]
    rows = Organization.objects.visible_to(user_of(request), MANAGE_ORGANIZATIONS).filter(kind__in=kinds).select_related("parent")
    rows = rows.exclude(path__startswith=found.path).exclude(children=found).in_tree_order()
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(city__icontains=text))
    shown = list(rows[: FOUND + 1])
    user = user_of(request)

    def above(row: Organization) -> Organization | None:
        return row.parent if row.parent and holds(user, READ, row.parent.path) else None

    context = {
        "title": _("Move %s") % found,
        "find": text,
        "found": [(row, above(row), link("organization_move", found.pk, to=str(row.pk))) for row in shown[:FOUND]],
        "cut": len(shown) > FOUND,
        "back": found.get_absolute_url(),
        "breadcrumbs": crumbs(user, found),
    }
    return render(request, "tenancy/organization_move.html", context)


def consequences(user: User, move: Move) -> Iterator[str]:
    """In words, what is different afterwards."""
    yield counted(user, move.organization)
    yield from _whose_people(user, move)
    yield from _roles(user, move)
    yield from companies_by_move(user, move.former, move.newly)
    for more in hooks.move_consequences:
        yield from more(user, move.organization, move.parent)
    yield from _inheritance(user, move)


def counted(user: User, organization: Organization) -> str:
    """What moves, or closes, together."""
    organizations = Organization.objects.visible_to(user).below(organization.path).count()
    people = User.objects.visible_to(user).below(organization.path).count()
    parts = [
        ngettext("%d organization", "%d organizations", organizations) % organizations,
        *(words(sum(n for at, n in count(user).items() if at.startswith(organization.path))) for words, count in counts()),
        ngettext("%d user", "%d users", people) % people,
    ]
    return _("This is about %s.") % ", ".join(parts)


def counts() -> Iterator[tuple[Any, Any]]:
    words = {
        "locations": lambda n: ngettext("%d location", "%d locations", n) % n,
        "stations": lambda n: ngettext("%d station", "%d stations", n) % n,
    }
    for name, count in hooks.organization_counts.items():
        if name in words:
            yield words[name], count


def _names(user: User, keys: list[int]) -> str:
    """Of organizations, the highest first; of those that are not one's business only that there are some."""
    seen = {row.pk: str(row) for row in Organization.objects.visible_to(user).filter(pk__in=keys)}
    names = [seen[pk] for pk in keys if pk in seen]
    return ", ".join(names if len(names) == len(keys) else [*names, _("and what is above")])


def _whose_people(user: User, move: Move) -> Iterator[str]:
    if move.newly:
        yield _("People of %s see it afterwards, with the rights that their roles give there.") % _names(user, move.newly)
    if move.former:
        yield _("People of %s no longer see it.") % _names(user, move.former)
    if people := list(move.people_who_stay()[: NAMES + 1]):
        yield _("But these keep the roles given to them inside it: %s. Take them away first if they should not.") % _people(user, people)


def _people(user: User, people: list[User]) -> str:
    names = [str(one) if holds(user, PERSONAL_DATA, one.organization.path) else "****" for one in people[:NAMES]]
    return ", ".join([*names, *(["…"] if len(people) > NAMES else [])])


def _roles(user: User, move: Move) -> Iterator[str]:
    teams = list(move.teams_without_role().select_related("role__organization"))
    people = list(User.objects.visible_to(user).filter(groups__team__in=teams).select_related("organization").distinct())
    if people:
        said = ngettext(
            "%(count)d user inside loses roles of organizations that are no longer above (%(roles)s): %(people)s.",
            "%(count)d users inside lose roles of organizations that are no longer above (%(roles)s): %(people)s.",
            len(people),
        )
        told = sorted({str(team.role) for team in teams if holds(user, UPDATE_USER_ROLES, team.role.organization.path)})
        roles = ", ".join(told) or "****"
        yield said % {"count": len(people), "roles": roles, "people": _people(user, people)}
    if count := move.invitations_without_role().count():
        said = ngettext("%d open invitation to such a role is withdrawn.", "%d open invitations to such a role are withdrawn.", count)
        yield said % count


def _inheritance(user: User, move: Move) -> Iterator[str]:
    before, after = chain(move.organization.path), [*chain(move.organization.path)[:1], *chain(move.parent.path)]
    if holds(user, READ_MONEY, move.organization.path) and holds(user, READ_MONEY, move.parent.path):
        for name, label in (("compensation_ac", _("AC")), ("compensation_dc", _("DC"))):
            old, new = inherited_amount(before, name).value, inherited_amount(after, name).value
            if old != new:
                words = {"what": label, "old": money(old), "new": money(new)}
                yield _("The compensation per kWh it inherits changes: %(what)s from %(old)s to %(new)s EUR.") % words
    if [_logo(before), inherited(before, "colour").value] != [_logo(after), inherited(after, "colour").value]:
        yield _("Its people see the portal with another logo or another colour afterwards.")
    old, new = inherited(before, "require_two_factor").value, inherited(after, "require_two_factor").value
    if new and not old:
        yield _("Its people must log in with two factors afterwards.")
    if old and not new:
        yield _("Its people need not log in with two factors any more.")
    if move.parent.closed and not move.organization.closed:
        yield _("%s is deactivated: its people can do nothing here any more afterwards.") % move.parent


def _logo(nearest_first: list[Organization]) -> int | None:
    return next((row.pk for row in nearest_first if hasattr(row, "logo")), None)


# -- deactivating and deleting ------------------------------------------------------------------------------------------------------------


def organization_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), organization_of(request, pk, CLOSE_ORGANIZATIONS)
    return confirm_page(
        request, lambda: actions.deactivate_organization(actor=user, organization=found),
        title=_("Deactivate %s?") % found,
        consequences=[
            counted(user, found),
            _("People of these organizations can no longer log in, and those who are logged in see nothing any more."),
            _("The stations go on charging, with the same passes. You can activate it again at any time."),
        ],
        refusal=why_not_deactivated(user, found), submit_label=_("Deactivate organization"), cancel_url=found.get_absolute_url(),
        done=_("%s is deactivated.") % found, done_url=found.get_absolute_url(), breadcrumbs=crumbs(user, found),
    )  # fmt: skip


def organization_activate(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), organization_of(request, pk, CLOSE_ORGANIZATIONS)
    still = bool(found.parent and found.parent.closed)
    return confirm_page(
        request, lambda: actions.activate_organization(actor=user, organization=found),
        title=_("Activate %s?") % found,
        consequences=[
            counted(user, found),
            _("An organization above it is deactivated: until that is active again too, its people still cannot log in.") if still
            else _("Its people can log in again. Organizations below that were deactivated by themselves stay so."),
        ],
        submit_label=_("Activate organization"), submit_class="btn-primary",
        cancel_url=found.get_absolute_url(), done=_("%s is active.") % found,
        done_url=found.get_absolute_url(), breadcrumbs=crumbs(user, found),
    )  # fmt: skip


def organization_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), organization_of(request, pk, CLOSE_ORGANIZATIONS)
    above = trail(user, found)
    after = above[-1][1] if above else reverse("organizations")
    if request.GET.get("in") == f"o{pk}":  # the scope goes with it
        after = reverse("organization", args=[found.parent_id]) if above else reverse("organizations")
    return confirm_page(
        request, lambda: actions.delete_organization(actor=user, organization=found),
        title=_("Delete %s?") % found,
        consequences=[
            _("The organization %s is gone, with its logo and those of its roles that nobody holds.") % found,
            _("What was done to it stays in the record. This cannot be undone."),
        ],
        refusal=why_organization_stays(found, user), submit_label=_("Delete organization"), cancel_url=found.get_absolute_url(),
        done=_("%s is deleted.") % found, done_url=after, breadcrumbs=crumbs(user, found),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("organizations/<int:pk>/move/", organization_move, name="organization_move"),
    path("organizations/<int:pk>/deactivate/", organization_deactivate, name="organization_deactivate"),
    path("organizations/<int:pk>/activate/", organization_activate, name="organization_activate"),
    path("organizations/<int:pk>/delete/", organization_delete, name="organization_delete"),
]
