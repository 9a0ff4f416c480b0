"""The pages for what went wrong. Each says what happened and what to do; that of a fault of ours asks the database for nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.template.loader import get_template, render_to_string
from django.utils.translation import gettext as _

from tenancy import why
from tenancy.models import User
from tenancy.rights import LABELS
from tenancy.scope import Drill

log = logging.getLogger("energycloud.errors")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(
        400,
        _("This request cannot be understood"),
        _("Something in the address or the form is not as it should be. Go back, reload the page and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Which right is missing, and who can give it: those among whom this person may see, else in general."""
    said = str(exception.args[0]) if exception.args else ""
    title = _("You may not do this")
    if said not in LABELS:
        said = said or _("Your account has not got the right to do this. An administrator of your organization can give it to you.")
        return _in_shell(request, 403, title, said)
    sentence = _("Your account has not got the right to %(right)s here.") % {"right": LABELS[said]}
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return _plain(403, title, sentence)
    where = getattr(exception, "path", "") or user.organization.path
    return _in_shell(request, 403, title, f"{sentence} {why.who_could(user, said, where)}")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _in_shell(
        request,
        404,
        _("There is no such page"),
        _("The address may have a typing error, or what was here has been deleted or belongs to an organization that you do not see."),
    )


class NotAllowedMiddleware:
    """A page in place of the empty answer where an address only takes what a button sends."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method != "GET" or not isinstance(response, HttpResponseNotAllowed):
            return response
        said = _("This address only does something when its button is pressed. Go back, reload the page, and press it there.")
        page = _in_shell(request, 405, _("This is no page of its own"), said)
        page["Allow"] = response["Allow"]
        return page


def fault(request: HttpRequest) -> HttpResponse:
    try:
        return _plain(
            500,
            _("Something went wrong here"),
            _("It is our fault, not yours, and it has been noted. Try again in a minute. The stations go on charging."),
        )
    except Exception:
        log.exception("the page for faults cannot be made")
        return HttpResponse("Something went wrong here. Try again in a minute.", status=500, content_type="text/plain")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _plain(
        403,
        _("This form is too old"),
        _("You may have logged in or out in another tab meanwhile, or the browser refuses cookies. Go back, reload the page, try again."),
    )


def too_many(request: HttpRequest) -> HttpResponse:
    return _plain(429, _("Too many attempts"), _("Somebody at your address has tried too often. Wait a few minutes, then try again."))


def _plain(status: int, title: str, sentence: str) -> HttpResponse:
    """Without the request: no context processor runs, and so no query."""
    return HttpResponse(get_template("error.html").render({"title": title, "sentence": sentence, "status": status}), status=status)


def _in_shell(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    """With the menu around it, for people who are logged in."""
    if not isinstance(getattr(request, "user", None), User):
        return _plain(status, title, sentence)
    try:
        bool(request.drill)  # type: ignore[attr-defined]
    except (AttributeError, Http404):
        request.drill = Drill()  # type: ignore[attr-defined]
        query = request.GET.copy()  # the menu would go on offering the scope that is not there
        query.pop("in", None)
        request.GET = query  # type: ignore[assignment]
    context = {"title": title, "sentence": sentence, "status": status, "how_url": ""}  # it is not the page that help would explain
    return HttpResponse(render_to_string("error_shell.html", context, request), status=status)
