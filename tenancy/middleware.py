"""What every request needs: a user who has logged in as their organization wants it, their time zone and language, the organization or
location it has drilled into, and from where it came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from tenancy import two_factor
from tenancy.address import answering
from tenancy.links import within
from tenancy.models import User
from tenancy.rights import anywhere
from tenancy.scope import scope_of


class LoginRequiredMiddleware(DjangoLoginRequired):
    """Every page needs a login, except the views marked `login_not_required` and allauth's own."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase], view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if view_func.__module__.startswith("allauth."):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request"):  # a part of a page whose login has ended: the login is no part of that page
            return HttpResponse(headers={"HX-Refresh": "true"})
        return super().handle_no_permission(request, view_func)


class TwoFactorMiddleware:
    """Whoever must have two-factor login and has not is led to set it up, and gets nothing else. `request.two_factor_for`: the
    name of the organization that requires it of them, as long as it is not set up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user if isinstance(request.user, User) else None
        required = two_factor.lacking(user) if user else None
        request.two_factor_for = two_factor.name_of(user, required) if user else ""  # type: ignore[attr-defined]
        if required is not None and not request.path.startswith(_ways_to_two_factor()):
            if request.headers.get("HX-Request"):  # a part of a page: the whole page must go
                return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
            return HttpResponseRedirect(reverse("mfa_index"))
        return self.get_response(request)


def _ways_to_two_factor() -> tuple[str, ...]:
    return (reverse("mfa_index"), reverse("account_reauthenticate"), reverse("account_logout"), settings.STATIC_URL)


class OwnWaysMiddleware:
    """Times without a place are in the user's zone, texts in their language; and it is noted when and from where a session was used."""

    NOTED_FOR = 300  # seconds

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user if isinstance(request.user, User) else None
        if user is not None:
            self._note(request)
            if user.language in dict(settings.LANGUAGES):
                translation.activate(user.language)  # LocaleMiddleware chooses anew for each request
        with timezone.override(zone_of(user)):
            return self.get_response(request)

    def _note(self, request: HttpRequest) -> None:
        if request.session.session_key and cache.add(f"session-seen:{request.session.session_key}", 1, self.NOTED_FOR):
            try:
                UserSession.objects.create_from_request(request)
            except PermissionDenied:  # the server does not know the address
                pass


def zone_of(user: User | None) -> str:
    name = (user.time_zone if user else "") or settings.PLATFORM_TIME_ZONE
    return "Etc/UTC" if name == "UTC" else name  # "UTC" is what stands where nobody has chosen: see ui.templatetags.ui.own_zone


class ScopeMiddleware:
    """`request.drill`: what `?in=o12` (an organization) or `?in=l7` (a location) names, checked against the user's rights."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.drill = SimpleLazyObject(lambda: scope_of(request))  # type: ignore[attr-defined]
        request.holds = lambda right: anywhere(request.user, right)  # type: ignore[attr-defined]
        with within(request.GET.get("in", "")):
            response = self.get_response(request)
        # The same address answers with the page or, to htmx, with a part of it: a browser that goes back must not take one for the other.
        patch_vary_headers(response, ["HX-Request"])
        return response


class AddressMiddleware:
    """What is written while a request is answered is recorded with the address it came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with answering(request):
            return self.get_response(request)
