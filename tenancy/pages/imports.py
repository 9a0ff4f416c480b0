"""Imports: what was imported, the upload with its template, and a file on its way: what it would change, what is wrong with it, go."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from tenancy import actions
from tenancy.imports import KINDS, Kind, files, kind_of, readable
from tenancy.links import link, organization_link
from tenancy.models import Import, ImportFault, Organization, User
from tenancy.pages.organizations import trail
from tenancy.pages.shared import NAME, NUMBER, user_of
from tenancy.personal import MASK
from tenancy.rights import PERSONAL_DATA, Missing, anywhere, get_for, holds, may
from ui.downloads import download
from ui.forms import attempt, form_page
from ui.lists import Action, ListPage, Table, harmless
from ui.templatetags.ui import grouped, state, when

SHOWN_FAULTS = 50
DOTS = {
    Import.State.UPLOADED: "busy", Import.State.CHECKING: "busy", Import.State.CHECKED: "waiting", Import.State.IMPORTING: "charging",
    Import.State.DONE: "available", Import.State.FAILED: "fault", Import.State.CANCELLED: "off",
}  # fmt: skip
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def kind_for(request: HttpRequest) -> Kind:
    """That of `?kind=`, for which the right is needed somewhere; without one the first that the person may import."""
    wanted, user = request.GET.get("kind", ""), user_of(request)
    if not wanted:
        return next((kind for kind in KINDS.values() if anywhere(user, kind.right)), next(iter(KINDS.values())))
    return kind_of(wanted)


def check_right(user: User, kind: Kind) -> None:
    if not anywhere(user, kind.right):
        raise Missing(kind.right)


# -- the history --------------------------------------------------------------------------------------------------------------------------


class ImportFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(
        label=lazy("What"), empty_label=lazy("Anything"), choices=lambda: [(kind.slug, kind.title) for kind in KINDS.values()]
    )
    state = django_filters.ChoiceFilter(label=lazy("State"), empty_label=lazy("Any"), choices=Import.State.choices)

    class Meta:
        model = Import
        fields: tuple[str, ...] = ()


class ImportTable(Table):
    file_name = django_tables2.Column(lazy("File"), attrs=NAME)
    state = django_tables2.Column(lazy("State"))
    rows = django_tables2.Column(lazy("Rows"), attrs=NUMBER)
    new = django_tables2.Column(lazy("New"), attrs=NUMBER)
    changed = django_tables2.Column(lazy("Changed"), attrs=NUMBER)
    errors = django_tables2.Column(lazy("With errors"), attrs=NUMBER)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    actor_name = django_tables2.Column(lazy("Who"), orderable=False)
    created_at = django_tables2.Column(lazy("When"))

    def render_file_name(self, record: Import) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record.file_name, KINDS[record.kind].title
        )

    def value_file_name(self, record: Import) -> str:
        return record.file_name

    def render_state(self, record: Import) -> SafeString:
        return state(DOTS[Import.State(record.state)], record.get_state_display())

    def value_state(self, record: Import) -> str:
        return record.get_state_display()

    def _number(self, value: int) -> str:
        return grouped(value)

    render_rows = render_new = render_changed = render_errors = _number

    def render_organization(self, record: Import) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: Import) -> str:
        return record.organization.name

    def render_actor_name(self, record: Import) -> str:
        return who(self.request.user, record)

    def render_created_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_created_at(self, record: Import) -> str:
        return record.created_at.isoformat(timespec="seconds")


def who(user: Any, of: Import) -> str:
    return of.actor_name if of.actor_id == user.pk or holds(user, PERSONAL_DATA, of.organization.path) else MASK


class ImportList(ListPage):
    model = Import
    table_class = ImportTable
    filterset_class = ImportFilter
    title = lazy("Imports")
    intro = lazy("Files that were imported: who, when, and what came of it.")
    export_name = "imports"
    empty_title = lazy("Nothing has been imported yet.")
    empty_text = lazy("Lists from a spreadsheet or another portal come in as CSV or XLSX. Nothing is written before you have seen it.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_right(user_of(request), kind_for(request) if request.GET.get("kind") in KINDS else _any(user_of(request)))
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(readable(self.request.user))

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        return [
            Action(_("Import %s") % _lower(kind.title), link("import_add", kind=kind.slug), icon="upload")
            for kind in KINDS.values()
            if anywhere(self.request.user, kind.right)
        ]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


def _any(user: User) -> Kind:
    return next((kind for kind in KINDS.values() if anywhere(user, kind.right)), next(iter(KINDS.values())))


def _lower(title: Any) -> str:
    text = str(title)
    return text[:1].lower() + text[1:]


# -- a new one ----------------------------------------------------------------------------------------------------------------------------


class ImportForm(forms.Form):
    """What to import, and where to. A kind that asks for more has a subclass, which says with `options` what it was."""

    file = forms.FileField(
        label=lazy("File"), help_text=lazy("CSV or XLSX. Nothing is written yet: first you see what would change."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}), error_messages={"required": lazy("Choose a file.")},
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, kind: Kind, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.kind = user, kind

    def clean_file(self) -> Any:
        found = self.cleaned_data["file"]
        if found.size > settings.IMPORT_MAX_BYTES:
            raise ValidationError(
                _("This file has %(size)s, the most is %(most)s. Divide it.")
                % {"size": files.size(found.size), "most": files.size(settings.IMPORT_MAX_BYTES)}
            )
        files.look(self.kind, found.file, files.format_of(found.name))
        return found

    def organization(self) -> Organization:
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        return {}


def import_add(request: HttpRequest) -> HttpResponse:
    user, kind = user_of(request), kind_for(request)
    check_right(user, kind)
    form: ImportForm = import_string(kind.form)(request.POST or None, request.FILES or None, user=user, kind=kind, request=request)

    def save(values: dict[str, Any]) -> Import:
        organization = get_for(user, Organization.objects.all(), kind.right, pk=form.organization().pk)
        file = values["file"]
        try:
            return actions.upload_import(
                actor=user, kind=kind, organization=organization, file=file.file, name=file.name, options=form.options()
            )
        except ValidationError as error:
            raise ValidationError({"file": error.messages}) from error

    back = link("imports")
    return form_page(
        request, form, save, title=_("Import %s") % _lower(kind.title), submit_label=_("Upload and check"), cancel_url=link(kind.list_url),
        done=_("Uploaded."), done_url=lambda of: link("import", of.pk), breadcrumbs=[(_("Imports"), back)], intro=str(kind.intro),
        template="tenancy/import_add.html",
        context={
            "kind": kind,
            "templates": [(name.upper(), link("import_template", kind=kind.slug, format=name)) for name in ("xlsx", "csv")],
        },
    )  # fmt: skip


def import_template(request: HttpRequest) -> HttpResponse:
    """The header, an example, and in XLSX a sheet that explains the columns."""
    kind = kind_for(request)
    check_right(user_of(request), kind)
    bool(request.drill)  # type: ignore[attr-defined]  # a scope that is not theirs is 404 here too
    form = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    content = files.template_xlsx(str(kind.title), kind.columns) if form == "xlsx" else files.template_csv(kind.columns)
    return HttpResponse(
        content, content_type=XLSX if form == "xlsx" else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kind.slug}-template.{form}"'},
    )  # fmt: skip


# -- one on its way -----------------------------------------------------------------------------------------------------------------------


def import_for(request: HttpRequest, pk: int) -> tuple[Import, Kind]:
    user = user_of(request)
    found = get_for(user, Import.objects.select_related("organization"), pk=pk)
    kind = kind_of(found.kind)
    if not may(user, kind.right, found):
        raise Missing(kind.right, found.organization.path)
    return found, kind


def shown(request: HttpRequest, of: Import, kind: Kind) -> dict[str, Any]:
    user = user_of(request)
    own = of.actor_id == user.pk
    seen = own or holds(user, PERSONAL_DATA, of.organization.path)
    hidden = {column.name for column in kind.columns if column.personal} if not seen else set()
    faults = list(ImportFault.objects.filter(of=of)[:SHOWN_FAULTS])
    for fault in faults:
        fault.value = MASK if fault.value and fault.field in hidden else fault.value
    words = {"new": _("new"), "update": _("changed"), "skip": _("unchanged")}
    dots = {"new": "available", "update": "waiting", "skip": "off"}
    sample = [
        (line["number"], dots[line["type"]], words[line["type"]],
         [
             (name, *(MASK if cell and name in hidden else cell for cell in (after, before)), after != before and bool(line.get("before")))
             for name, after, before in zip(of.columns, line["cells"], line.get("before") or line["cells"], strict=False)
         ])
        for line in of.sample if line["type"] in words
    ]  # fmt: skip
    good, work = of.new + of.changed, of.new + of.changed + of.ended
    checked = of.state == Import.State.CHECKED
    if of.errors:
        rows = ngettext("Import the %s good row", "Import the %s good rows", good) % grouped(good)
        run = ngettext("%(rows)s, leave out %(errors)s with errors", "%(rows)s, leave out %(errors)s with errors", of.errors) % {
            "rows": rows,
            "errors": grouped(of.errors),
        }
    else:
        run = ngettext("Import %s row", "Import %s rows", good) % grouped(good)
    return {
        "title": of.file_name, "of": of, "kind": kind, "breadcrumbs": [*trail(user, of.organization), (_("Imports"), link("imports"))],
        "dot": DOTS[Import.State(of.state)], "who": who(user, of), "organization_link": organization_link(user, of.organization),
        "faults": faults, "more_faults": max(0, of.errors + of.warnings - len(faults)), "columns": of.columns, "sample": sample,
        "run_label": run, "run": checked and own and work, "nothing": checked and not work and not of.errors,
        "foreign": checked and not own, "checked": checked, "reading": of.state == Import.State.UPLOADED,
        "cancellable": of.working or checked, "percent": round(100 * of.position / of.parts) if of.parts else 0,
        "done": of.state == Import.State.DONE, "cancelled": of.state == Import.State.CANCELLED,
        "left_alone": kind.finish and kind.touches and kind.touches(of.options) and of.errors,
        "offers": kind.after(user, of) if kind.after and of.finished_at else (),
        "done_url": kind.done_url(of), "again_url": link("import_add", kind=kind.slug),
    }  # fmt: skip


def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "tenancy/import.html", shown(request, *import_for(request, pk)))


def import_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of its page that changes by itself."""
    return render(request, "tenancy/import_live.html", shown(request, *import_for(request, pk)))


@require_POST
def import_run(request: HttpRequest, pk: int) -> HttpResponse:
    of, _kind = import_for(request, pk)
    errors = request.POST.get("errors", "")
    try:
        number = int(errors) if errors.isascii() and errors.isdecimal() and len(errors) < 10 else -1
        attempt(lambda: actions.start_import(actor=user_of(request), of=of, errors=number))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(link("import", pk))


@require_POST
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    of, _kind = import_for(request, pk)
    try:
        attempt(lambda: actions.cancel_import(actor=user_of(request), of=of))
        messages.success(request, _("Cancelled."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(link("import", pk))


def import_errors(request: HttpRequest, pk: int) -> HttpResponseBase:
    """All that is kept of what is wrong, as CSV."""
    of, kind = import_for(request, pk)
    user = user_of(request)
    seen = of.actor_id == user.pk or holds(user, PERSONAL_DATA, of.organization.path)
    hidden = {column.name for column in kind.columns if column.personal and not seen}

    def lines() -> Iterator[bytes]:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([_("Row"), _("Column"), _("Value"), _("What is wrong"), _("Left out")])
        for fault in ImportFault.objects.filter(of=of):
            value = MASK if fault.value and fault.field in hidden else fault.value
            left_out = _("no") if fault.warning else _("yes")
            writer.writerow([fault.number, *(harmless(cell) for cell in (fault.field, value, fault.message)), left_out])
        yield b"\xef\xbb\xbf" + text.getvalue().encode()

    return download(request, lines(), f"import-{of.pk}-errors.csv", "text/csv; charset=utf-8")


urlpatterns: list[URLPattern] = [
    path("imports/", ImportList.as_view(), name="imports"),
    path("imports/add/", import_add, name="import_add"),
    path("imports/template/", import_template, name="import_template"),
    path("imports/<int:pk>/", import_page, name="import"),
    path("imports/<int:pk>/live/", import_live, name="import_live"),
    path("imports/<int:pk>/errors/", import_errors, name="import_errors"),
    path("imports/<int:pk>/run/", import_run, name="import_run"),
    path("imports/<int:pk>/cancel/", import_cancel, name="import_cancel"),
]
