"""What every request needs: a user, the organization or location it has drilled into, and from where it came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from tenancy.address import answering
from tenancy.links import within
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
