"""What is done to a pass as a whole: blocking, moving, deleting. Each says before what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.actions.moves import PassMove
from passes.models import ChargePass, Listing
from passes.pages.sheet import crumbs, name_of, pass_of
from passes.reach import organization_name
from stations.models import AccessMode, Station
from tenancy.forms import ParentChoice, choose_among
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import user_of
from tenancy.personal import person, shown
from tenancy.rights import MANAGE_PASSES, get_for
from ui.forms import confirm_page, form_page, next_url


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=lazy("Reason"), required=False, max_length=200,
        help_text=lazy("Such as: lost, reported by the driver. It stands on the page of the pass and in its history."),
    )  # fmt: skip


def pass_block(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    name, here = name_of(user, found), link("pass", pk)
    return form_page(
        request, ReasonForm(request.POST if request.method == "POST" else None),
        lambda values: actions.block_pass(actor=user, charge_pass=found, reason=values["reason"]),
        title=_("Block %s?") % name, submit_label=_("Block pass"), cancel_url=here, done=_("%s is blocked.") % name, done_url=here,
        breadcrumbs=[*crumbs(found), (name, here)], template="ui/confirm.html",
        context={"consequences": [
            _(
                "The card %(card)s is refused from the next charge on: wherever it is listed, and at %(organization)s with everything "
                "below it by roaming too. Open stations take any card; at stations of others only its provider can block a public card."
            )
            % {"card": shown(user, found.uid, found.organization.path), "organization": found.organization},
            _("A charge that runs goes on. You can unblock it at any time."),
        ]},
    )  # fmt: skip


def pass_unblock(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    name, here = name_of(user, found), link("pass", pk)
    back = next_url(request, here)
    return form_page(
        request, ReasonForm(request.POST if request.method == "POST" else None),
        lambda values: actions.unblock_pass(actor=user, charge_pass=found, reason=values["reason"]),
        title=_("Unblock %s?") % name, submit_label=_("Unblock pass"), cancel_url=back, done=_("%s is unblocked.") % name, done_url=back,
        breadcrumbs=[*crumbs(found), (name, here)], template="ui/confirm.html",
        context={"consequences": [_("The card charges again as its lists say.")], "submit_class": "btn-primary"},
    )  # fmt: skip


def pass_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    name, here = name_of(user, found), link("pass", pk)
    return confirm_page(
        request, lambda: actions.delete_pass(actor=user, charge_pass=found), title=_("Delete %s?") % name,
        consequences=[
            _("The card %s is refused at whitelisting stations from the next charge on. Its transactions stay.")
            % shown(user, found.uid, found.organization.path),
            lists_end(found.listings.count()),
            _("A card that was only lost for a time is better blocked."),
        ],
        submit_label=_("Delete pass"), cancel_url=here, done=_("%s is deleted.") % name, done_url=link("passes"),
        breadcrumbs=[*crumbs(found), (name, here)],
    )  # fmt: skip


def lists_end(count: int) -> str:
    return ngettext("It is taken off %d list.", "It is taken off %d lists.", count) % count


# -- to another organization --------------------------------------------------------------------------------------------------------------


class MoveForm(forms.Form):
    organization = ParentChoice(queryset=Organization.objects.none(), label=lazy("Move it to"), empty_label=lazy("Choose an organization"))

    def __init__(self, *args: Any, user: User, charge_pass: ChargePass | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.charge_pass = user, charge_pass
        rows = Organization.objects.visible_to(user, MANAGE_PASSES)
        choose_among(self, user, rows.exclude(pk=charge_pass.organization_id) if charge_pass else rows)

    def clean_organization(self) -> Organization:
        to: Organization = self.cleaned_data["organization"]
        if self.charge_pass and (reason := actions.why_pass_not_moved(self.user, self.charge_pass, to)):
            raise forms.ValidationError(reason)
        return to


def pass_move(request: HttpRequest, pk: int) -> HttpResponse:
    """First where to, then what changes, then it is done."""
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    name, here = name_of(user, found), link("pass", pk)
    form = MoveForm(request.POST or None, user=user, charge_pass=found)
    if request.method == "POST" and request.POST.get("confirmed") != "1" and form.is_valid():
        to = form.cleaned_data["organization"]
        context = {
            "title": _("Move %(pass)s to %(organization)s?") % {"pass": name, "organization": to},
            "consequences": list(what_changes(user, found, actions.what_moves(found, to))),
            "hidden": [("organization", to.pk)],
            "submit_label": _("Move pass"),
            "cancel_url": here,
            "breadcrumbs": [*crumbs(found), (name, here)],
        }
        return render(request, "ui/confirm.html", context)

    def move(values: dict[str, Any]) -> ChargePass:
        to = get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values["organization"].pk)
        return actions.move_pass(actor=user, charge_pass=found, organization=to)

    return form_page(
        request, form, move, title=_("Move %s") % name, submit_label=_("Next"), cancel_url=here, done=_("%s is moved.") % name,
        done_url=lambda moved: moved.get_absolute_url(), breadcrumbs=[*crumbs(found), (name, here)],
        intro=_("It belongs to %s now. The next page says what changes, before anything is done.") % found.organization,
    )  # fmt: skip


def what_changes(user: User, charge_pass: ChargePass, move: PassMove) -> Iterator[str]:
    """Sentences about what comes of the move. Of what `user` may not see nothing is said, nor counted."""
    if move.stay:
        yield _("It stays on the list of: %s.") % ", ".join(_names(user, move.stay))
    if move.end:
        yield _("It comes off the list of: %s. It charges free there no more.") % ", ".join(_names(user, move.end))
    if move.new is not None:
        yield _("It comes onto the list of %(organization)s: %(switches)s.") % {
            "organization": move.to, "switches": in_words(**move.new),
        }  # fmt: skip
        if move.new["whitelist"]:
            stations = whitelisting(user, move.to)
            said = ngettext("There is %d whitelisting station there.", "There are %d whitelisting stations there.", stations)
            yield said % stations
    if charge_pass.user and not move.user_fits:
        holder = person(user, charge_pass.user, charge_pass.organization.path)
        yield _("%(user)s is taken off as its user: they belong neither to %(organization)s nor below it.") % {
            "user": holder, "organization": move.to,
        }  # fmt: skip
    if charge_pass.group and not move.group_fits:
        yield _("It leaves the group %s, with its restrictions and its group id.") % charge_pass.group
    yield _("People of %s see it from then on, as far as their roles allow.") % move.to
    if not move.to.path.startswith(charge_pass.organization.path):
        yield _("People of %s no longer see it.") % charge_pass.organization


def _names(user: User, listings: list[Listing]) -> list[str]:
    return list(dict.fromkeys(organization_name(user, listing.organization) for listing in listings))


def in_words(*, whitelist: bool, roaming_free: bool, below: bool = False) -> str:
    """What a listing says."""
    said = [*([_("whitelisted")] if whitelist else []), *([_("roaming free")] if roaming_free else [])]
    return (", ".join(said) or _("neither whitelisted nor roaming free")) + (_(", also below") if below else "")


def whitelisting(user: User, organization: Organization) -> int:
    """How many stations that `user` may see whitelist there, at the organization itself."""
    modes = [mode for mode in AccessMode if mode.whitelists]
    stations = Station.objects.visible_to(user).filter(location__organization=organization)
    return stations.filter(access_mode__in=modes).count() + stations.filter(access_mode="", location__access_mode__in=modes).count()


urlpatterns: list[URLPattern] = [
    path("passes/<int:pk>/block/", pass_block, name="pass_block"),
    path("passes/<int:pk>/unblock/", pass_unblock, name="pass_unblock"),
    path("passes/<int:pk>/move/", pass_move, name="pass_move"),
    path("passes/<int:pk>/delete/", pass_delete, name="pass_delete"),
]
