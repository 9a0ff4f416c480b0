"""What is done to many passes of the list at once: each says before what happens to how many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.actions.moves import PassMove
from passes.forms import GroupChoice
from passes.models import Listing, PassGroup
from passes.pages.pass_acts import MoveForm, ReasonForm
from passes.pages.sheet import JOINS
from passes.reach import organization_name
from tenancy.models import Organization, User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_PASSES
from ui.lists import BulkAction
from ui.templatetags.ui import grouped

REASONS = 3  # why some are left out
NAMED = 5  # organizations on whose lists passes stay
MOST_MOVED = 500


class GroupForm(forms.Form):
    group = GroupChoice(
        queryset=PassGroup.objects.none(), label=lazy("Group"), required=False, empty_label=lazy("None: take them out of their groups"),
        help_text=lazy("Passes of other organizations than the group's are left out."),
    )  # fmt: skip

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["group"]
        assert isinstance(field, GroupChoice)
        rows = PassGroup.objects.visible_to(user, MANAGE_PASSES).select_related("organization")
        field.queryset, field.several_organizations = rows.order_by("organization__path", "name"), True


def values_of(form: forms.Form) -> dict[str, Any]:
    """What was chosen in a form that was found to be in order."""
    form.is_valid()
    return form.cleaned_data


# -- blocking ---------------------------------------------------------------------------------------------------------------------------


def reason_form(request: HttpRequest, data: Any) -> forms.Form:
    return ReasonForm(data)


def block(request: HttpRequest, rows: Any) -> str:
    count = actions.block_passes(actor=user_of(request), passes=rows, reason=values_of(reason_form(request, request.POST))["reason"])
    return ngettext("%d pass is blocked.", "%d passes are blocked.", count) % count


def unblock(request: HttpRequest, rows: Any) -> str:
    count = actions.unblock_passes(actor=user_of(request), passes=rows, reason=values_of(reason_form(request, request.POST))["reason"])
    return ngettext("%d pass may charge again.", "%d passes may charge again.", count) % count


def what_blocking_does(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.filter(blocked=False).count()
    return [ngettext("%d pass is refused from the next charge on.", "%d passes are refused from the next charge on.", count) % count]


def what_unblocking_does(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.filter(blocked=True).count()
    return [ngettext("%d pass charges again as its lists say.", "%d passes charge again as their lists say.", count) % count]


def nothing_to_block(request: HttpRequest, rows: Any) -> str:
    return "" if rows.filter(blocked=False).exists() else _("No pass that is chosen charges now: all are blocked already.")


def nothing_to_unblock(request: HttpRequest, rows: Any) -> str:
    return "" if rows.filter(blocked=True).exists() else _("No pass that is chosen is blocked: there is nothing to unblock.")


def chosen_in(request: HttpRequest, form: forms.Form) -> dict[str, Any] | None:
    """What was chosen in it; None before that was sent, or where it is not in order."""
    return form.cleaned_data if request.POST.get("confirmed") == "1" and form.is_valid() else None


# -- groups -----------------------------------------------------------------------------------------------------------------------------


def group_form(request: HttpRequest, data: Any) -> forms.Form:
    return GroupForm(data, user=user_of(request))


def fitting(rows: Any, group: PassGroup | None) -> Any:
    if group is None:
        return rows.exclude(group=None)
    return rows.filter(organization=group.organization_id).exclude(group=group.pk)


def nothing_to_group(request: HttpRequest, rows: Any) -> str:
    values = chosen_in(request, group_form(request, request.POST))
    if values is None or fitting(rows, values["group"]).exists():
        return ""
    if values["group"] is None:
        return _("No pass that is chosen is in a group.")
    return str(_("No pass that is chosen comes into %s: they are in it already, or belong to other organizations.") % values["group"])


def how_many_grouped(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.count()
    return [ngettext("%d pass is chosen.", "%d passes are chosen.", count) % count]


def what_grouping_does(request: HttpRequest, rows: Any) -> list[str]:
    group = values_of(group_form(request, request.POST))["group"]
    changed = fitting(rows, group)
    count, all_of_them = changed.count(), rows.count()
    if group is None:
        said = ngettext("%d pass leaves its group.", "%d passes leave their groups.", count) % count
        return [said, _("The restrictions and the group ids of the groups no longer hold for them.")]
    words = {"count": count, "group": group}
    found = [ngettext("%(count)d pass comes into %(group)s.", "%(count)d passes come into %(group)s.", count) % words]
    if group.restricted:
        found.append(_("The restrictions of the group hold for them from then on."))
    if group.group_id:
        found.append(_("They have the group id %s then, and may stop each other's charging.") % group.group_id)
    if left := all_of_them - count:
        said = ngettext(
            "%d is left out: it is in the group already, or belongs to another organization.",
            "%d are left out: they are in the group already, or belong to other organizations.",
            left,
        )
        found.append(said % left)
    return found


def set_group(request: HttpRequest, rows: Any) -> str:
    group = values_of(group_form(request, request.POST))["group"]
    count = actions.group_passes(actor=user_of(request), passes=rows, group=group)
    return ngettext("%d pass is changed.", "%d passes are changed.", count) % count


# -- to another organization --------------------------------------------------------------------------------------------------------------


def too_many_to_move(rows: Any) -> str:
    """Each is looked at with its lists, its user and its group, while somebody waits."""
    count = rows.count()
    if count <= MOST_MOVED:
        return ""
    said = _(
        "At most %(most)d passes are moved at once, and %(count)s are chosen. Limit the list with its filters, and move them in parts."
    )
    return said % {"most": MOST_MOVED, "count": grouped(count)}


def move_form(request: HttpRequest, data: Any) -> forms.Form:
    return MoveForm(data, user=user_of(request))


def why_none_moves(request: HttpRequest, rows: Any) -> str:
    if too_many := too_many_to_move(rows):
        return too_many
    values = chosen_in(request, move_form(request, request.POST))
    if values is None:
        return ""
    reasons = [actions.why_pass_not_moved(user_of(request), one, values["organization"]) for one in rows.select_related(*JOINS)]
    if not all(reasons):
        return ""
    return " ".join([_("No pass that is chosen can move there."), *list(dict.fromkeys(reasons))[:REASONS]])


def what_moving_does(request: HttpRequest, rows: Any) -> list[str]:
    to: Organization = values_of(move_form(request, request.POST))["organization"]
    user, moved, kept = user_of(request), [], []
    for charge_pass in rows.select_related(*JOINS):
        if why := actions.why_pass_not_moved(user, charge_pass, to):
            kept.append(why)
        else:
            moved.append(actions.what_moves(charge_pass, to))
    words = {"count": len(moved), "organization": to}
    said = [
        ngettext("%(count)d pass moves to %(organization)s.", "%(count)d passes move to %(organization)s.", len(moved)) % words,
        *_staying(user, moved),
        *_counted(sum(len(one.end) for one in moved), lambda n: ngettext("%d entry on a list ends.", "%d entries on lists end.", n)),
        *(
            [_("They come onto the list there with the switches they have at their own organization.")]
            if any(one.new for one in moved)
            else []
        ),
        *_counted(sum(not one.user_fits for one in moved), lambda n: ngettext("%d loses its user.", "%d lose their users.", n)),
        *_counted(sum(not one.group_fits for one in moved), lambda n: ngettext("%d leaves its group.", "%d leave their groups.", n)),
        *_counted(len(kept), lambda n: ngettext("%d stays where it is:", "%d stay where they are:", n)),
    ]
    return [*said, *list(dict.fromkeys(kept))[:REASONS]]


def _staying(user: User, moved: Sequence[PassMove]) -> Sequence[str]:
    """On which lists they stay."""
    names = list(dict.fromkeys(organization_name(user, listing.organization) for one in moved for listing in one.stay))
    if not names:
        return []
    more = len(names) - NAMED
    said = ", ".join(names[:NAMED]) + (ngettext(" and %d more", " and %d more", more) % more if more > 0 else "")
    return [_("They stay on the lists of: %s.") % said]


def _counted(count: int, words: Callable[[int], str]) -> Sequence[str]:
    return [words(count) % count] if count else []


def move(request: HttpRequest, rows: Any) -> str:
    to: Organization = values_of(move_form(request, request.POST))["organization"]
    count = 0
    for charge_pass in list(rows.select_related(*JOINS)):
        try:
            actions.move_pass(actor=user_of(request), charge_pass=charge_pass, organization=to)
        except ValidationError:  # it was said before
            continue
        count += 1
    return ngettext("%d pass is moved.", "%d passes are moved.", count) % count


# -- deleting -----------------------------------------------------------------------------------------------------------------------------


def what_deleting_does(request: HttpRequest, rows: Any) -> list[str]:
    count, lists = rows.count(), Listing.objects.visible_to(request.user).filter(charge_pass__in=rows.order_by().values("pk")).count()
    return [
        ngettext(
            "%d pass is deleted. It is refused at whitelisting stations from the next charge on.",
            "%d passes are deleted. They are refused at whitelisting stations from the next charge on.",
            count,
        )
        % count,
        ngettext("That takes %d entry off lists.", "That takes %d entries off lists.", lists) % lists,
        _("Their transactions stay."),
    ]


def delete(request: HttpRequest, rows: Any) -> str:
    count = actions.delete_passes(actor=user_of(request), passes=rows)
    return ngettext("%d pass is deleted.", "%d passes are deleted.", count) % count


bulk_actions: tuple[BulkAction, ...] = (
    BulkAction(
        "block", lazy("Block"), block, what_blocking_does, icon="ban", right=MANAGE_PASSES, form=reason_form, refusal=nothing_to_block,
    ),
    BulkAction(
        "unblock", lazy("Unblock"), unblock, what_unblocking_does, icon="circle-check", right=MANAGE_PASSES, form=reason_form,
        refusal=nothing_to_unblock,
    ),
    BulkAction(
        "group", lazy("Set group"), set_group, how_many_grouped, icon="users-group", right=MANAGE_PASSES, form=group_form,
        then=what_grouping_does, refusal=nothing_to_group,
    ),
    BulkAction(
        "move", lazy("Move"), move, how_many_grouped, icon="arrows-move", right=MANAGE_PASSES, form=move_form, then=what_moving_does,
        refusal=why_none_moves,
    ),
    BulkAction("delete", lazy("Delete"), delete, what_deleting_does, icon="trash", right=MANAGE_PASSES),
)  # fmt: skip
