"""The search over everything, the help pages, and what belongs to no other app."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from energycloud.search import LEAST, SLUGS, Text, find
from passes.decision import REASONS
from stations import explain
from stations.models import Command
from tenancy.links import link
from tenancy.models import User

FEW, SOME, MANY = 4, 10, 25  # hits of each kind: while typing, on the page of the search, and on a page of one kind


def search(request: HttpRequest) -> HttpResponse:
    """Everything by name, id or number; htmx gets the first few of each kind, for the field in the head."""
    text = Text.of(request.GET.get("q", ""))
    part = bool(getattr(request, "htmx", False))
    only = kind if (kind := request.GET.get("kind", "")) in SLUGS and not part else ""
    page = int(number) if only and (number := request.GET.get("page", "")).isascii() and number.isdecimal() and 0 < len(number) < 4 else 1
    user = request.user
    assert isinstance(user, User)
    limit = MANY if only else FEW if part else SOME
    groups = find(user, text.whole, limit, only=only, page=page)
    if page > 1 and not groups:
        page, groups = 1, find(user, text.whole, limit, only=only)
    for group in groups:
        group.url = link("search", q=text.whole, kind=group.slug)
    pages = range(1, -(-groups[0].total // MANY) + 1) if only and groups else range(0)
    context = {
        "title": _("Search"),
        "q": text.whole,
        "groups": groups,
        "part": part,
        "only": only,
        "found": sum(group.total for group in groups),
        "similar": bool(groups) and groups[0].similar,
        "too_short": bool(text) and len(text.whole) < LEAST,
        "all_url": link("search", q=text.whole),
        "pages": [(number, link("search", q=text.whole, kind=only, page=str(number)), number == page) for number in pages],
    }
    return render(request, "energycloud/search_results.html" if part else "energycloud/search.html", context)


# slug -> (title, what the page answers); each has its template in templates/help/
HELP: dict[str, tuple[Any, Any]] = {
    "connect": (lazy("Connect a station"), lazy("What to type into a station so that it appears here.")),
    "add": (lazy("Add a station"), lazy("Enter one or many stations, with their connectors.")),
    "offline": (lazy("Why is my station offline?"), lazy("What keeps a station away, and how to find out.")),
    "statuses": (lazy("Statuses explained"), lazy("Connection, availability and OCPP status, and every fault in plain words.")),
    "charging": (lazy("Start and stop a charge"), lazy("From here instead of at the station.")),
    "commands": (lazy("Commands"), lazy("Ask a station to do something, and see what became of it.")),
    "passes": (lazy("Passes"), lazy("Who may charge, and why a card is refused.")),
    "inbox": (lazy("The inbox"), lazy("What stations reported that does not fit, and what to do with it.")),
    "logs": (lazy("Logs"), lazy("Every message between a station and this portal.")),
}


def help_index(request: HttpRequest) -> HttpResponse:
    return render(request, "help/index.html", {"title": _("Help"), "pages": _help_pages()})


def _help_pages(current: str = "") -> list[tuple[str, Any, Any, bool]]:
    return [(reverse("help_page", args=[slug]), title, summary, slug == current) for slug, (title, summary) in HELP.items()]


def help_page(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in HELP:
        raise Http404
    host = f"{'wss' if settings.HTTPS or request.is_secure() else 'ws'}://{request.get_host()}/ocpp/"
    context = {
        "title": HELP[slug][0],
        "summary": HELP[slug][1],
        "breadcrumbs": [(_("Help"), reverse("help"))],
        "pages": _help_pages(slug),
        "ocpp_url": host,
        "connections": explain.CONNECTIONS.values(),
        "availabilities": explain.AVAILABILITIES.values(),
        "statuses": [(word, meaning) for word, meaning in explain.STATUSES.items() if word],
        "faults": explain.FAULTS.items(),
        "command_states": [(state.label, COMMAND_STATES[state]) for state in Command.State],
        "reasons": REASONS.values(),
        "pending_after": timedelta(seconds=settings.STATION_PENDING_AFTER),
        "offline_after": timedelta(seconds=settings.STATION_OFFLINE_AFTER),
        "grace": timedelta(seconds=settings.STATION_CLOSED_GRACE),
        "kept_for": settings.FRAME_RETENTION_DAYS,
        "refused_for": settings.OCPP_REFUSALS_PER_MINUTE,
    }
    return render(request, f"help/{slug}.html", context)


COMMAND_STATES = {
    Command.State.QUEUED: lazy("It waits for the station: it is not connected, or is busy with another command."),
    Command.State.SENT: lazy("The station has it and has not answered yet."),
    Command.State.ACCEPTED: lazy("The station will do it. For some commands that is a promise: look at the connector to see it done."),
    Command.State.REJECTED: lazy("The station understood and said no. Its answer beside the command says more."),
    Command.State.FAILED: lazy("The station answered with an error: often it does not know this command."),
    Command.State.TIMED_OUT: lazy("The station got it and did not answer in time. It may still have done it: look before you try again."),
    Command.State.EXPIRED: lazy("The station did not come back in time, so it was never sent. Nothing happened."),
}


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("favicon.svg"), permanent=False)


@login_not_required
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")
