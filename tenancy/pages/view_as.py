"""Looking at the portal as another user sees it: read-only, marked on every page, and in the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenancy import audit
from tenancy.actions.people import why_not_manage
from tenancy.links import link
from tenancy.models import ServiceAccess, User
from tenancy.pages.shared import user_of
from tenancy.personal import MASK, sees
from tenancy.rights import READ, VIEW_AS, beyond, get_for, may
from ui.forms import confirm_page

KEY = "view_as"  # in the session: the key of the user looked through
SAFE = {"GET", "HEAD", "OPTIONS"}


def view_as(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_for(request.user, User.objects.select_related("organization"), VIEW_AS, pk=pk)
    name = str(found) if sees(request.user, found) else MASK

    def begin() -> None:
        if reason := why_not_view_as(user_of(request), found):
            raise ValidationError(reason)
        with transaction.atomic():
            audit.record(user_of(request), "view_as", found, found.organization)
        request.session[KEY] = found.pk

    return confirm_page(
        request, begin, title=_("View the portal as %s?") % name,
        consequences=[
            _("You see what %s sees, and can change nothing meanwhile. A bar on every page says so and leads back.") % name,
            _("It is written into the history of this user."),
        ],
        refusal=why_not_view_as(user_of(request), found), submit_label=_("View as this user"), cancel_url=found.get_absolute_url(),
        done=_("You see the portal as %s now.") % name, done_url="/", submit_class="btn-primary",
        breadcrumbs=[(_("Users"), link("users")), (name, found.get_absolute_url())],
    )  # fmt: skip


def why_not_view_as(actor: User, user: User) -> str:
    """Why not; empty when `actor` can. Nobody sees more through somebody else's eyes."""
    if not user.has_login or not user.is_active or user.organization.closed:
        return _("This user cannot log in, so there is nothing to see.")
    return why_not_manage(actor, user, everywhere=True) or _why_not_let_in_too(actor, user)


def _why_not_let_in_too(actor: User, user: User) -> str:
    """Whom a customer let in as a service company sees what whoever stands above them need not."""
    accesses = ServiceAccess.objects.filter(team__group__user=user, ended_at=None, ends_at__gt=timezone.now())
    for access in accesses.select_related("organization", "team__role"):
        codes = [READ, *(code for code in access.team.role.held if code in access.rights)]
        if beyond(actor, codes, access.organization.path, int(access.place[1:]) if access.place else None):
            return _("An organization that you do not see let this user in. What is there is not shown to others.")
    return ""


def _note_end(real: User, seen: Any) -> None:
    found = User.objects.filter(pk=seen).select_related("organization").first()
    if found is not None:
        with transaction.atomic():
            audit.record(real, "view_as_end", found, found.organization)


@receiver(user_logged_out)
def end_with_logout(request: HttpRequest | None, **_rest: Any) -> None:
    """Whoever logs out looks on no longer."""
    real = getattr(request, "real_user", None)
    if request is not None and real is not None and KEY in request.session:
        _note_end(real, request.session[KEY])


@require_POST
def view_as_end(request: HttpRequest) -> HttpResponse:
    seen = request.session.pop(KEY, None)
    real = getattr(request, "real_user", None) or request.user
    if seen is None or not isinstance(real, User):
        return redirect("/")
    found = User.objects.visible_to(real).filter(pk=seen).select_related("organization").first()
    _note_end(real, seen)
    messages.success(request, _("You are yourself again."))
    return redirect(link("user", seen) if found else "/")


class ViewAsMiddleware:
    """`request.user` is whoever is looked through, `request.real_user` who looks. Asked anew with every request: it ends when the right
    to it does. The account's own pages are closed meanwhile: what is kept there is nobody else's business."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.get(KEY)
        if key is None or not isinstance(request.user, User):
            return self.get_response(request)
        real = request.user
        seen = User.objects.select_related("organization").filter(pk=key).first()
        if seen is None or not may(real, VIEW_AS, seen) or why_not_view_as(real, seen):
            _note_end(real, request.session.pop(KEY))
            return self.get_response(request)
        request.real_user = real  # type: ignore[attr-defined]
        if request.path != reverse("view_as_end"):
            request.user = seen
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], *_arguments: object) -> None:
        if getattr(request, "real_user", None) is None or request.path in (reverse("view_as_end"), reverse("account_logout")):
            return
        if request.method not in SAFE:
            raise PermissionDenied(_("You only look on as this user: nothing can be changed. End it with the button above."))
        if request.path.startswith("/account/") or view.__module__.startswith("allauth."):
            raise PermissionDenied(_("The pages of somebody's account are their own. End looking on with the button above."))


urlpatterns: list[URLPattern] = [
    path("users/<int:pk>/view-as/", view_as, name="view_as"),
    path("view-as/end/", view_as_end, name="view_as_end"),
]
