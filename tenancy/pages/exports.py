"""A person's own exports: what was written for them, the question before, and one on its way."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from tenancy import actions
from tenancy.exports import FORMATS, KINDS, MOST_ROWS, Kind, jobs, kind_of
from tenancy.links import link
from tenancy.models import Export
from tenancy.pages.shared import user_of
from tenancy.rights import PERSONAL_DATA, Missing, anywhere
from ui.downloads import download
from ui.forms import attempt, confirm_page
from ui.lists import Chip, counted_up_to
from ui.templatetags.ui import grouped

PAGE = 25
HIDDEN = ("cols", "sort", "pk")
PIECE = 256 * 1024
DOTS = {
    Export.State.WAITING: "waiting", Export.State.RUNNING: "busy", Export.State.DONE: "available", Export.State.FAILED: "fault",
    Export.State.CANCELLED: "off",
}  # fmt: skip
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def exports(request: HttpRequest) -> HttpResponse:
    bool(request.drill)  # type: ignore[attr-defined]  # a scope that is not theirs is 404 here too
    rows = Export.objects.filter(actor=user_of(request))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "title": _("Exports"), "entries": [_shown(of) for of in page], "page": page, "days": jobs.KEPT.days,
        "working": any(of.state in jobs.WORKING for of in page),
        "breadcrumbs": [(_("Operations"), link("operations"))],
    }  # fmt: skip
    return render(request, "tenancy/exports.html", context)


def export_add(request: HttpRequest) -> HttpResponse:
    """Asks whether a job shall write what a list shows: `kind`, `format`, and the query of the list in `of`."""
    bool(request.drill)  # type: ignore[attr-defined]
    user, form, query = user_of(request), request.GET.get("format", ""), request.GET.get("of", "")
    if not request.GET.get("kind"):
        return HttpResponseBadRequest() if request.method == "POST" else exports(request)
    kind = kind_of(request.GET["kind"])
    form = form if form in FORMATS else FORMATS[0]
    page = kind.page_for(user, query)
    rows, filterset = page.filtered()
    most = MOST_ROWS[form]
    count = counted_up_to(rows, most)
    refusal = ""
    if count > most:
        refusal = _("These are more than %s rows, too many for one file. Narrow the filter, for example to a year.") % grouped(most)
    elif filterset is not None and page.hides_nothing(filterset):
        refusal = _("The filter could not be read, so this would be all rows. Set it again.")
    told = [
        ngettext(
            "%(rows)s row of “%(list)s” is written to a %(format)s file.",
            "%(rows)s rows of “%(list)s” are written to a %(format)s file.",
            count,
        ) % {"rows": grouped(count), "list": kind.title, "format": form.upper()},
        *_limits(page.chips(filterset) if filterset is not None else ()),
        _("It goes on when you leave the page. Only you can download the file; it is kept for %d days.") % jobs.KEPT.days,
    ]  # fmt: skip
    if anywhere(user, PERSONAL_DATA):
        told.append(_("It holds names and card numbers as far as you see them. Give it to nobody who may not know them."))
    made: list[Export] = []

    def act() -> None:
        made.append(actions.start_export(actor=user, kind=kind, query=query, form=form, rows=count))

    answer = confirm_page(
        request, act, title=_("Export %s") % str(kind.title).lower(), consequences=told, submit_label=_("Write the file"),
        cancel_url=kind.list_url(query), done=_("The file is being written."), done_url=link("exports"), refusal=refusal,
        breadcrumbs=[(kind.title, kind.list_url(query))], submit_class="btn-primary",
    )  # fmt: skip
    return redirect(link("export", made[0].pk)) if made else answer


def _limits(chips: Any) -> list[str]:
    texts = [chip.text for chip in chips if isinstance(chip, Chip)]
    return [_("Limited to: %s.") % "; ".join(texts)] if texts else []


def _own(request: HttpRequest, pk: int) -> tuple[Export, Kind | None]:
    of = Export.objects.filter(actor=user_of(request), pk=pk).first()
    if of is None:
        raise Http404
    return of, KINDS.get(of.kind)


def _shown(of: Export) -> dict[str, Any]:
    kind = KINDS.get(of.kind)
    query = QueryDict(of.query)
    return {
        "of": of, "kind": kind, "title": kind.title if kind else of.kind, "dot": DOTS[Export.State(of.state)],
        "working": of.state in jobs.WORKING, "done": of.state == Export.State.DONE, "size": filesizeformat(of.size),
        "percent": round(100 * of.done / of.rows) if of.rows else 0, "url": link("export", of.pk),
        "filter": "; ".join(f"{name}={value}" for name, values in query.lists() for value in values if value and name not in HIDDEN),
        "list_url": kind.list_url(of.query) if kind else "", "until": of.finished_at + jobs.KEPT if of.finished_at else None,
        "again_url": link("export_add", kind=of.kind, format=of.format, of=of.query) if kind else "",
    }  # fmt: skip


def _page(request: HttpRequest, pk: int, template: str) -> HttpResponse:
    of, _kind = _own(request, pk)
    shown = _shown(of)
    trail = [(_("Operations"), link("operations")), (_("Exports"), link("exports"))]
    return render(request, template, shown | {"heading": shown["title"], "title": _("Export: %s") % shown["title"], "breadcrumbs": trail})


def export(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, pk, "tenancy/export.html")


def export_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of its page that changes by itself."""
    return _page(request, pk, "tenancy/export_live.html")


def export_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    of, kind = _own(request, pk)
    name = of.file.name
    if of.state != Export.State.DONE or not name or not default_storage.exists(name):
        raise Http404
    if kind is None or not anywhere(user_of(request), kind.right):
        raise Missing(kind.right if kind else "")
    source = default_storage.open(name)

    def pieces() -> Any:
        with source:
            while piece := source.read(PIECE):
                yield piece

    answer = download(request, pieces(), f"{of.kind}-{of.created_at:%Y%m%d-%H%M}.{of.format}", TYPES[of.format])
    answer["Content-Length"] = str(of.size)
    return answer


@require_POST
def export_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    of, _kind = _own(request, pk)
    try:
        attempt(lambda: actions.cancel_export(actor=user_of(request), of=of))
        messages.success(request, _("Cancelled."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(link("export", pk))


urlpatterns: list[URLPattern] = [
    path("exports/", exports, name="exports"),
    path("exports/add/", export_add, name="export_add"),
    path("exports/<int:pk>/", export, name="export"),
    path("exports/<int:pk>/live/", export_live, name="export_live"),
    path("exports/<int:pk>/file/", export_file, name="export_file"),
    path("exports/<int:pk>/cancel/", export_cancel, name="export_cancel"),
]
