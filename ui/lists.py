"""The list page: one queryset, one FilterSet, one Table, one template, and everything a person expects of a list.

Everything the list shows is in its URL: filters, `sort`, `page`, `per_page`, `cols` (the columns chosen), and the scope `in`. A plain GET
gives the page, htmx gets the part below the filters, POST runs a bulk action, `?export=csv` or `xlsx` gives all rows that match.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_str
from django.utils.functional import cached_property
from django.utils.html import strip_tags
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from ui.downloads import download
from ui.templatetags.ui import grouped

PAGE_SIZES = (25, 50, 100, 200)
MAX_EXPORT = {"csv": 200_000, "xlsx": 100_000}  # rows
AT_ONCE = 5_000  # rows of an export that are waited for; a list that names its `export_kind` has more written by a job
RANGES = ("min", "max", "after", "before")  # how the fields of a range end


MOST_COUNTED = 10_000  # rows of a list of millions that are counted


def counted_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """How many, but no more than one above `most`: for tables in which counting all takes longer than anybody waits."""
    return rows.order_by().values("pk")[: most + 1].count()


def up_to(count: int, most: int = MOST_COUNTED) -> str:
    """What `counted_up_to` gave, for people."""
    return _("more than %s") % grouped(most) if count > most else grouped(count)


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """For lists of millions: counts, and leafs, no further than `most`. Who looks for more filters."""

    most = MOST_COUNTED

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return counted_up_to(rows, self.most)

    @property
    def shown_count(self) -> str:
        return up_to(self.count, self.most)


@dataclass(frozen=True)
class Action:
    """A button in the head of the page."""

    label: Any
    url: str
    icon: str = ""


@dataclass(frozen=True)
class BulkAction:
    """Something to do with the rows ticked, or with all that match.

    `consequences(request, rows)` gives the sentences of the confirmation; without it nothing is asked. `refusal(request, rows)` says why
    it cannot be done to these, or is empty. `run(request, rows)` does it and returns what to tell.

    `form(request, data)` is a form of what must be known first (`request.chosen` are the rows); the confirmation shows it. What then
    comes of it is said and asked once more by `then(request, rows)`, if there is one. Both of these and `run` read it from the request,
    when it is in order.

    `run` may give an answer of its own instead of what to tell. Actions of a `group` are offered together, under its name. One that
    `sorts_out` says itself which rows are left out and why, also those where the user does not hold the right.
    """

    slug: str
    label: Any
    run: Callable[[HttpRequest, QuerySet[Any]], str | HttpResponseBase]
    consequences: Callable[[HttpRequest, QuerySet[Any]], Sequence[str]] | None = None
    icon: str = ""
    refusal: Callable[[HttpRequest, QuerySet[Any]], str] | None = None
    right: str = ""  # rows where the user does not hold it are left out
    form: Callable[[HttpRequest, Any], forms.Form] | None = None
    then: Callable[[HttpRequest, QuerySet[Any]], Sequence[str]] | None = None
    group: Any = ""
    sorts_out: bool = False
    submit_label: Any = ""


@dataclass(frozen=True)
class Chip:
    """A filter that is set, and the URL without it."""

    text: str
    url: str


class Table(django_tables2.Table):
    """The columns of a list. The first one is the thing itself, with its link and a grey second line (`<span class="sub">`)."""

    request: HttpRequest

    class Meta:
        order_by_field = "sort"


class ListPage(View):
    model: type[models.Model]
    table_class: type[Table]
    filterset_class: type[django_filters.FilterSet] | None = None
    template_name = "ui/list.html"
    title: Any = ""
    intro: Any = ""
    empty_title: Any = ""
    empty_text: Any = ""
    empty_action: Action | None = None
    export_name = ""
    export_kind = ""  # of tenancy.exports
    export_all = False  # a file has every column, where none were chosen
    exporting = False
    live = False  # refreshed when something in its scope changes
    hidden_columns: Sequence[str] = ()
    bulk_actions: Sequence[BulkAction] = ()
    paginator_class: type[Paginator[Any]] = Paginator

    # -- what a page may say for itself ---------------------------------------------------------------------------------------------

    def get_queryset(self) -> QuerySet[Any]:
        """The rows this person may see, within the scope."""
        rows = self.model._default_manager.visible_to(self.request.user)  # type: ignore[attr-defined]
        limited: QuerySet[Any] = self.request.drill.limit(rows)  # type: ignore[attr-defined]
        return limited

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Joins and prefetches that only the rows of a page need, not the count."""
        return rows

    def get_title(self) -> str:
        return force_str(self.title)

    def get_actions(self) -> Sequence[Action]:
        return ()

    def get_bulk_actions(self) -> Sequence[BulkAction]:
        """Those that the user may do at least somewhere."""
        return [action for action in self.bulk_actions if not action.right or self.request.holds(action.right)]  # type: ignore[attr-defined]

    def get_empty_action(self) -> Action | None:
        return self.empty_action

    def more_exports(self) -> Sequence[tuple[str, str]]:
        """(label, URL) of exports in other forms than the columns shown; `lines` makes them."""
        return ()

    def for_import(self) -> list[tuple[str, str]]:
        """Such an export with the columns of the import of these things."""
        return [
            (_("%s with the columns of the import") % name.upper(), self.url_with(export=name, page=None, **{"as": "import"}))
            for name in MAX_EXPORT
        ]

    def totals(self, rows: QuerySet[Any]) -> Sequence[tuple[str, str]]:
        """(label, value) pairs over all that match."""
        return ()

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return ()

    def get_context(self) -> dict[str, Any]:
        """More for the template."""
        return {}

    def table_kwargs(self) -> dict[str, Any]:
        return {}

    def admit(self) -> None:
        """Raises what refuses this person the page, whether they look at it or have it exported."""

    # -- how it works -------------------------------------------------------------------------------------------------------------------

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.admit()
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rows, filterset = self.filtered()
        wanted = request.GET.get("export", "")
        if wanted in MAX_EXPORT:
            if self.export_kind and counted_up_to(rows, AT_ONCE) > AT_ONCE:
                return redirect(self.export_by_job(wanted))
            return self.export(rows, wanted)
        ordered = self.sorted_rows(rows)
        per_page = self.per_page()
        paginator = self.paginator_class(ordered, per_page)
        page = paginator.get_page(request.GET.get("page"))
        start = (page.number - 1) * per_page
        shown = self.table(list(self.for_page(ordered)[start : start + per_page]), sort=False)
        active = bool(filterset and any(self.chips(filterset)))
        context = {
            "title": self.get_title(),
            "intro": self.intro,
            "breadcrumbs": self.breadcrumbs(),
            "actions": self.get_actions(),
            "filterset": filterset,
            "chips": list(self.chips(filterset)) if filterset else [],
            "clear_url": self.url_without(*request.GET.keys() - {"in", "per_page", "cols", "sort"}),
            "table": shown,
            "heads": self.heads(shown),
            "page": page,
            "pages": self.pages(page),
            "sizes": [(size, self.url_with(per_page=size, page=None)) for size in PAGE_SIZES],
            "per_page": per_page,
            "columns": self.column_choice(),
            "bulk_actions": self.get_bulk_actions(),
            "bulk_groups": grouped_actions(self.get_bulk_actions()),
            "totals": self.totals(rows),
            "exports": [*((name.upper(), self.url_with(export=name, page=None)) for name in MAX_EXPORT), *self.more_exports()]
            if self.export_name
            else [],
            "export_by_job": bool(self.export_kind) and paginator.count > AT_ONCE,
            "filtered": active,
            "empty_title": self.empty_title or _("Nothing here yet."),
            "empty_text": self.empty_text,
            "empty_action": self.get_empty_action(),
            "live_topic": f"in:{request.GET.get('in') or 'all'}" if self.live else "",
            "here": request.get_full_path(),
            "now": timezone.now(),
        } | self.get_context()
        part = bool(getattr(request, "htmx", False)) and not request.htmx.boosted  # type: ignore[attr-defined]
        return render(request, "ui/list_body.html" if part else self.template_name, context)

    def per_page(self) -> int:
        wanted = self.request.GET.get("per_page", "")
        return int(wanted) if wanted in {str(size) for size in PAGE_SIZES} else PAGE_SIZES[0]

    def filtered(self) -> tuple[QuerySet[Any], django_filters.FilterSet | None]:
        rows = self.get_queryset()
        if self.filterset_class is None:
            return rows, None
        filterset = self.filterset_class(self.request.GET, queryset=rows, request=self.request)
        # A filter that cannot be read has its message beside it and hides nothing.
        return (filterset.qs if filterset.is_valid() else rows), filterset

    def hides_nothing(self, filterset: django_filters.FilterSet) -> bool:
        """Whether something is set that cannot be read. Some fields take nonsense for nothing."""
        if not filterset.is_valid():
            return True
        read = filterset.form.cleaned_data
        return any(
            read.get(name) in (None, "", []) and any(map(str.strip, self.request.GET.getlist(name))) for name in filterset.form.fields
        )

    def order(self) -> str:
        """The column to sort by, "-" before it for descending; empty for none that exists."""
        wanted = self.request.GET.get("sort", "")
        return wanted if wanted.removeprefix("-") in self.table_class.base_columns else ""

    def table(self, rows: Any, sort: bool = True) -> Table:
        order = self.order()
        options: dict[str, Any] = {"order_by": order} if order and sort else {}
        table = self.table_class(rows, exclude=self.excluded(), **options, **self.table_kwargs())
        table.request = self.request
        return table

    def sorted_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """By the column that `sort` names, the primary key last, so that no row is on two pages."""
        ordered: QuerySet[Any] = self.table(rows).data.data
        by = ordered.query.order_by or tuple(ordered.model._meta.ordering or ())
        return ordered if {"pk", "-pk"} & set(by) else ordered.order_by(*by, "pk")

    def excluded(self) -> list[str]:
        chosen = self.request.GET.get("cols")
        if self.exporting and self.export_all and not chosen:
            return []
        names = list(self.table_class.base_columns)
        if chosen:
            wanted = set(chosen.split(","))
            return [name for name in names if name not in wanted and name != names[0]]
        return list(self.hidden_columns)

    def column_choice(self) -> list[tuple[str, str, bool, str]]:
        """(name, label, shown, URL that shows or leaves it out) of every column; the first one always stays and has no URL."""
        out, names = set(self.excluded()), list(self.table_class.base_columns)
        everything = self.table_class([], **self.table_kwargs())
        found = []
        for number, name in enumerate(names):
            after = [other for other in names if (other not in out) != (other == name)]
            found.append(
                (name, force_str(everything.columns[name].header), name not in out, self.url_with(cols=",".join(after)) if number else "")
            )
        return found

    def pages(self, page: Page[Any]) -> list[tuple[str | int, str]]:
        """(number, URL) of the pages to offer; an ellipsis has no URL."""
        if page.paginator.num_pages < 2:
            return []
        numbers = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
        return [(number, self.url_with(page=number) if isinstance(number, int) else "") for number in numbers]

    def heads(self, table: Table) -> list[tuple[str, str, str, bool]]:
        """(label, URL that sorts by it or "", aria-sort, numeric) of every column shown."""
        order = self.order()
        found = []
        for column in table.columns:
            sorting, url = "", ""
            if column.orderable:
                sorting = {column.name: "ascending", f"-{column.name}": "descending"}.get(order, "none")
                url = self.url_with(sort=f"-{column.name}" if order == column.name else column.name, page=None)
            found.append((force_str(column.header), url, sorting, "text-end" in str(column.attrs.get("th", {}).get("class", ""))))
        return found

    def chips(self, filterset: django_filters.FilterSet) -> Iterator[Chip]:
        for name, field in filterset.form.fields.items():
            keys = [key for key in self.request.GET if key in {name, *(f"{name}_{suffix}" for suffix in RANGES)}]
            values = [value for key in keys for value in self.request.GET.getlist(key) if value]
            if values:
                choices = {force_str(key): force_str(label) for key, label in getattr(field, "choices", ()) if isinstance(key, (str, int))}
                words = ", ".join(choices.get(value, value) for value in values)
                yield Chip(f"{field.label}: {words}", self.url_without(*keys, "page"))

    # -- URLs ---------------------------------------------------------------------------------------------------------------------------

    def url_with(self, **changes: Any) -> str:
        query = self.request.GET.copy()
        query.pop("export", None)
        for key, value in changes.items():
            if value is None:
                query.pop(key, None)
            else:
                query[key] = str(value)
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path

    def url_without(self, *keys: str) -> str:
        return self.url_with(**dict.fromkeys(keys))

    # -- bulk actions -------------------------------------------------------------------------------------------------------------------

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rows, filterset = self.filtered()
        wanted = request.POST.get("action") or request.POST.get("grouped")
        if wanted == "" and self.bulk_actions:
            messages.error(request, _("Choose what is to be done."))
            return redirect(request.get_full_path())
        action = next((found for found in self.bulk_actions if found.slug == wanted), None)
        if action is None:
            raise BadRequest("there is no such action here")
        if action not in self.get_bulk_actions():
            raise PermissionDenied(action.right)
        everything = request.POST.get("all") == "1"
        chosen = [key for key in request.POST.getlist("select") if key.isdecimal() and len(key) < 19]
        if not everything:
            rows = rows.filter(pk__in=chosen)
        back = request.get_full_path()
        if everything and filterset is not None and self.hides_nothing(filterset):  # "all" would be more than was meant
            messages.error(request, _("The filter is no longer valid, so nothing was done. Choose it anew."))
            return redirect(back)
        if not rows.exists():
            messages.error(request, _("Nothing was chosen. Tick the rows first."))
            return redirect(back)
        left_out = 0
        if action.right and not action.sorts_out:
            chosen_rows, rows = rows, rows.visible_to(request.user, action.right)  # type: ignore[attr-defined]
            left_out = chosen_rows.count() - rows.count()
        said = ngettext(
            "%d is left out: your role does not allow it there.", "%d are left out: your role does not allow it there.", left_out
        )
        left = [said % left_out] if left_out else []
        if left and not rows.exists():
            messages.error(request, _("Your role does not allow this at any of them."))
            return redirect(back)
        refusal = action.refusal(request, rows) if action.refusal else ""
        confirmed = request.POST.get("confirmed") == "1"
        request.chosen = rows  # type: ignore[attr-defined]  # for a form that asks only what these rows can have
        form = action.form(request, request.POST if confirmed else None) if action.form else None
        chosen_well = form is None or (confirmed and form.is_valid())
        again = form is not None and chosen_well and action.then is not None and request.POST.get("sure") != "1"
        if refusal or again or not chosen_well or (action.consequences and not confirmed):
            says = action.then if again else action.consequences
            hidden = [("action", action.slug), *((("all", "1"),) if everything else (("select", key) for key in chosen))]
            context = {
                "title": f"{action.label}?",
                "consequences": [*(says(request, rows) if says else [_how_many(rows)]), *left] if not refusal else (),
                "refusal": refusal,
                "hidden": [*hidden, ("sure", "1"), *((name, request.POST.get(name, "")) for name in form.fields)]
                if again and form
                else hidden,
                "form": None if again else form,
                "submit_label": action.submit_label or action.label,
                "submit_class": "btn-primary" if action.sorts_out else "",
                "cancel_url": back,
                "breadcrumbs": [*self.breadcrumbs(), (self.get_title(), back)],
            }
            return render(request, "ui/confirm.html", context)
        done = action.run(request, rows)
        if isinstance(done, HttpResponseBase):
            return done
        messages.success(request, " ".join([done, *left]))
        return redirect(back)

    # -- export -------------------------------------------------------------------------------------------------------------------------

    def lines(self, table: Table) -> Iterator[Sequence[Any]]:
        """The names of the columns, then the rows, of an export."""
        lines: Iterator[Sequence[Any]] = table.as_values()
        return lines

    def export_by_job(self, wanted: str) -> str:
        """The page that asks whether a job shall write the file, with what this list shows."""
        query = self.request.GET.copy()
        for name in ("export", "page", "per_page"):
            query.pop(name, None)
        for name, value in self.kwargs.items():
            query[name] = str(value)
        asked = {"kind": self.export_kind, "format": wanted, "of": query.urlencode()}
        scope = self.request.GET.get("in")
        return f"{reverse('export_add')}?{urlencode(asked | ({'in': scope} if scope else {}))}"

    def export(self, rows: QuerySet[Any], wanted: str) -> HttpResponseBase:
        """All rows that match, with the columns chosen. A text that a spreadsheet would run as a formula is made harmless."""
        self.exporting = True
        table = self.table(list(self.for_page(self.sorted_rows(rows))[: MAX_EXPORT[wanted]]), sort=False)
        lines = self.lines(table)
        name = f"{self.export_name}-{timezone.now():%Y%m%d-%H%M}.{wanted}"
        if wanted == "csv":
            return download(self.request, csv_of(lines), name, "text/csv; charset=utf-8")
        spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return HttpResponse(_xlsx(lines), content_type=spreadsheet, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _how_many(rows: QuerySet[Any]) -> str:
    count = rows.count()
    return ngettext("%d is chosen.", "%d are chosen.", count) % count


def grouped_actions(actions: Sequence[BulkAction]) -> dict[str, list[BulkAction]]:
    """Those that have a group, by its name."""
    found: dict[str, list[BulkAction]] = {}
    for action in actions:
        if action.group:
            found.setdefault(force_str(action.group), []).append(action)
    return found


def harmless(value: Any) -> Any:
    """A cell for a spreadsheet: numbers and lengths of time stay what they are, text that begins like a formula gets an apostrophe."""
    if value is None or isinstance(value, (bool, int, float, Decimal, timedelta)):
        return value
    text = strip_tags(force_str(value)).strip() if "<" in force_str(value) and hasattr(value, "__html__") else force_str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def clock(span: timedelta) -> str:
    """Hours, minutes and seconds, as spreadsheets read them."""
    seconds = int(span.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def csv_line(line: Iterable[Any]) -> list[Any]:
    return [clock(value) if isinstance(value, timedelta) else value for value in line]


def xlsx_line(line: Iterable[Any]) -> list[Any]:
    """Without the control characters that XLSX has no way to write. Below nothing, spreadsheets show no time: it stays text."""
    return [
        ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell) if isinstance(cell, str)
        else clock(cell) if isinstance(cell, timedelta) and cell < timedelta(0)
        else cell
        for cell in line
    ]  # fmt: skip


def csv_of(lines: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield "\ufeff".encode()  # spreadsheets take it for UTF-8 then
    for number, line in enumerate(lines, 1):
        writer.writerow(csv_line(harmless(value) for value in line))
        if number % 500 == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _xlsx(lines: Iterable[Sequence[Any]]) -> bytes:
    book, file = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    for line in lines:
        sheet.append(xlsx_line(harmless(value) for value in line))
    book.save(file)
    return file.getvalue()
