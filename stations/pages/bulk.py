"""Bulk jobs: those there are, and one of them: what would come of it, how far it is, and what came of each station."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import django_filters
import django_tables2
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations import actions
from stations.actions.bulk import MOST_AT_ONCE, began_by
from stations.bulk import KINDS, Kind
from stations.bulk.jobs import PORTION, STATION, counted
from stations.controls import Situation, situations
from stations.models import BulkItem, BulkJob
from tenancy.links import link, organization_link
from tenancy.models import User
from tenancy.pages.shared import NAME, NUMBER, user_of
from tenancy.rights import Missing, condition, get_for, may
from ui.forms import attempt
from ui.lists import ListPage, Table
from ui.templatetags.ui import grouped, state, when

State, Job = BulkItem.State, BulkJob.State
SHOWN_REASONS = 12
# The look of a state of a job, and of an item
JOBS = {Job.PLANNING: "busy", Job.PLANNED: "waiting", Job.RUNNING: "charging", Job.DONE: "available", Job.CANCELLED: "off"}
ITEMS = {
    State.LOOKING: "busy", State.WAITING: "waiting", State.RUNNING: "charging", State.DONE: "available", State.FAILED: "fault",
    State.REFUSED: "off", State.CANCELLED: "off",
}  # fmt: skip
OVER = (State.DONE, State.FAILED)


def title_of(job: BulkJob) -> str:
    kind = KINDS.get(job.kind)
    return str(kind.title(job.params)) if kind else job.kind


def state_of(job: BulkJob, waiting: int, seen: int) -> tuple[str, str]:
    """(look, word); `waiting` of the `seen` stations that the person sees wait. A job that can be done nowhere is not ready."""
    if job.state == Job.PLANNED and seen and not waiting:
        return "off", _("Nothing to do")
    return JOBS[Job(job.state)], job.get_state_display()


def readable(user: User) -> Q:
    """One's own, and those that one might have begun where they are: what is set at stations not everybody reads."""
    found = Q(actor_id=user.pk)
    for right in {kind.right for kind in KINDS.values()}:
        of_it = Q(kind__in=[kind.slug for kind in KINDS.values() if kind.right == right])
        where = condition(user, right, BulkJob)
        found |= of_it & where if where else of_it
    return found


# -- all of them --------------------------------------------------------------------------------------------------------------------------


class JobFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(
        label=lazy("What"), empty_label=lazy("Anything"), choices=lambda: [(kind.slug, kind.label) for kind in KINDS.values()]
    )
    state = django_filters.ChoiceFilter(label=lazy("State"), empty_label=lazy("Any"), choices=Job.choices)

    class Meta:
        model = BulkJob
        fields: tuple[str, ...] = ()


class JobTable(Table):
    what = django_tables2.Column(lazy("What"), accessor="kind", orderable=False, attrs=NAME)
    state = django_tables2.Column(lazy("State"))
    total = django_tables2.Column(lazy("Stations"), accessor="pk", orderable=False, attrs=NUMBER)
    done = django_tables2.Column(lazy("Done"), accessor="pk", orderable=False, attrs=NUMBER)
    failed = django_tables2.Column(lazy("Failed"), accessor="pk", orderable=False, attrs=NUMBER)
    left_out = django_tables2.Column(lazy("Left out"), accessor="pk", orderable=False, attrs=NUMBER)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    who = django_tables2.Column(lazy("Who"), accessor="actor_name", orderable=False)
    created_at = django_tables2.Column(lazy("When"))

    @cached_property
    def counts(self) -> dict[int, dict[str, int]]:
        """By job: how many of the stations that the person sees are how. One query for all rows."""
        seen = BulkItem.objects.visible_to(self.request.user).filter(job__in=[row.record.pk for row in self.rows])
        found: dict[int, dict[str, int]] = {}
        for job, which, count in seen.order_by().values_list("job", "state").annotate(Count("pk")):
            found.setdefault(job, {})[which] = count
        return found

    def _count(self, record: BulkJob, *states: str) -> int:
        own = self.counts.get(record.pk, {})
        return sum(own.get(which, 0) for which in states)

    def render_total(self, record: BulkJob) -> str:
        return grouped(self._count(record, *State))

    def render_done(self, record: BulkJob) -> str:
        return grouped(self._count(record, State.DONE))

    def render_failed(self, record: BulkJob) -> str:
        return grouped(self._count(record, State.FAILED))

    def render_left_out(self, record: BulkJob) -> str:
        return grouped(self._count(record, State.REFUSED))

    def value_total(self, record: BulkJob) -> int:
        return self._count(record, *State)

    def value_done(self, record: BulkJob) -> int:
        return self._count(record, State.DONE)

    def value_failed(self, record: BulkJob) -> int:
        return self._count(record, State.FAILED)

    def value_left_out(self, record: BulkJob) -> int:
        return self._count(record, State.REFUSED)

    def render_what(self, record: BulkJob) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), title_of(record), record.chosen)

    def value_what(self, record: BulkJob) -> str:
        return title_of(record)

    def render_state(self, record: BulkJob) -> SafeString:
        return state(*self._state(record))

    def value_state(self, record: BulkJob) -> str:
        return self._state(record)[1]

    def _state(self, record: BulkJob) -> tuple[str, str]:
        return state_of(record, self._count(record, State.WAITING), self._count(record, *State))

    def render_organization(self, record: BulkJob) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: BulkJob) -> str:
        return record.organization.name

    def render_who(self, record: BulkJob) -> str:
        return began_by(user_of(self.request), record)

    def render_created_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_created_at(self, record: BulkJob) -> str:
        return record.created_at.isoformat(timespec="seconds")


class JobList(ListPage):
    model = BulkJob
    table_class = JobTable
    filterset_class = JobFilter
    title = lazy("Bulk jobs")
    intro = lazy("The same done to many stations: who, when, and what came of each.")
    export_name = "bulk-jobs"
    live = True
    empty_title = lazy("Nothing was done to many stations yet.")
    empty_text = lazy("Tick stations in the list, or take all that match a filter, and choose what to do.")

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(readable(user_of(self.request)))

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization", "actor__organization")


# -- one of them --------------------------------------------------------------------------------------------------------------------------


class ItemFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Id, alias, location"), method="named", max_length=100)
    state = django_filters.ChoiceFilter(label=lazy("State"), empty_label=lazy("Any"), choices=State.choices)
    reason = django_filters.CharFilter(label=lazy("What came of it"), field_name="text", lookup_expr="icontains", max_length=300)

    class Meta:
        model = BulkItem
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[BulkItem], name: str, value: str) -> QuerySet[BulkItem]:
        found = Q()
        for field in ("station__identity", "station__alias", "station__location__name"):
            found |= Q(**{f"{field}__icontains": value.replace("\x00", "")})
        return rows.filter(found)


class ItemTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="station__identity", order_by=("station__alias", "station__identity"))
    state = django_tables2.Column(lazy("State"))
    text = django_tables2.Column(lazy("What came of it"), empty_values=(), attrs={"td": {"class": "wide"}})
    location = django_tables2.Column(lazy("Location"), accessor="station__location__name")
    attempt = django_tables2.Column(lazy("Attempt"), attrs=NUMBER)
    changed_at = django_tables2.Column(lazy("When"), attrs={"th": {"class": "text-end"}, "td": {"class": "text-end text-nowrap"}})

    def __init__(self, *args: Any, there: Callable[[Situation], str] | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.there, self._told = there, dict[int, str]()

    @cached_property
    def _waiting(self) -> Iterator[dict[int, str]]:
        """What would be done at those that wait, many of them at a time: in as many queries as for one."""
        items = [row.record for row in self.rows if row.record.state == State.WAITING] if self.there else []
        for at in range(0, len(items), PORTION):
            some = items[at : at + PORTION]
            found = situations(self.request.user, [item.station for item in some])
            yield {item.pk: self.there(one) for item, one in zip(some, found, strict=True)} if self.there else {}

    def _what(self, record: BulkItem) -> str:
        while record.pk not in self._told and (more := next(self._waiting, None)) is not None:
            self._told |= more
        return self._told.get(record.pk, "")

    def render_station(self, record: BulkItem) -> SafeString:
        station = record.station
        under = station.identity if station.alias else ""
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', station.get_absolute_url(), station, under)

    def value_station(self, record: BulkItem) -> str:
        return record.station.identity

    def render_state(self, record: BulkItem) -> SafeString:
        return state(ITEMS[State(record.state)], record.get_state_display())

    def value_state(self, record: BulkItem) -> str:
        return record.get_state_display()

    def render_text(self, record: BulkItem) -> str:
        return self.value_text(record) or "–"

    def value_text(self, record: BulkItem) -> str:
        """Of one that waits: what would be done there."""
        return self._what(record) if record.state == State.WAITING else record.text

    def render_changed_at(self, record: BulkItem) -> SafeString | str:
        return when(record.changed_at, record.station.location.zone)

    def value_changed_at(self, record: BulkItem) -> str:
        return record.changed_at.isoformat(timespec="seconds")


def job_for(request: HttpRequest, pk: int) -> tuple[BulkJob, Kind | None]:
    user = user_of(request)
    found = get_for(user, BulkJob.objects.select_related("organization", "actor__organization"), pk=pk)
    kind = KINDS.get(found.kind)
    if kind and found.actor_id != user.pk and not may(user, kind.right, found):
        raise Missing(kind.right, found.organization.path)
    bool(request.drill)  # type: ignore[attr-defined]  # a scope that is not theirs is 404 here too
    return found, kind


class Reason(NamedTuple):
    text: str
    stations: int
    url: str


class Reasons(NamedTuple):
    """Why stations ended in a state, the most frequent first."""

    heading: str
    reasons: list[Reason]
    more: bool

    @classmethod
    def of(cls, seen: QuerySet[BulkItem], job: BulkJob, which: str, heading: str) -> Reasons:
        rows = seen.filter(state=which).order_by().values_list("text").annotate(count=Count("pk")).order_by("-count", "text")
        found = [
            Reason(text or _("no reason was told"), count, link("bulk_job", job.pk, state=which, **({"reason": text} if text else {})))
            for text, count in rows[: SHOWN_REASONS + 1]
        ]
        return cls(heading, found[:SHOWN_REASONS], len(found) > SHOWN_REASONS)


def shown(request: HttpRequest, job: BulkJob, kind: Kind | None) -> dict[str, Any]:
    """What stands above the list of its stations, of which only those count that the person sees."""
    user = user_of(request)
    seen = BulkItem.objects.visible_to(user).filter(job=job)
    counts = counted(seen)
    total, left_out = sum(counts.values()), counts.get(State.REFUSED, 0)
    meant, over = total - left_out - counts.get(State.CANCELLED, 0), sum(counts.get(which, 0) for which in OVER)
    own, waiting, failed = job.actor_id == user.pk, counts.get(State.WAITING, 0), counts.get(State.FAILED, 0)
    told = [(State.FAILED, _("Failed, because")), (State.REFUSED, _("Left out, because"))]
    why = [Reasons.of(seen, job, which, heading) for which, heading in told if counts.get(which)]
    planning, planned, running = (job.state == which for which in (Job.PLANNING, Job.PLANNED, Job.RUNNING))
    looked = total - counts.get(State.LOOKING, 0)
    return {
        "job": job, "title": title_of(job), "breadcrumbs": [(_("Operations"), link("operations")), (_("Bulk jobs"), link("bulk_jobs"))],
        "standing": state_of(job, waiting, total), "who": began_by(user, job),
        "organization_link": organization_link(user, job.organization),
        "states": [
            (ITEMS[which], which.label, counts[which], link("bulk_job", job.pk, state=which)) for which in State if counts.get(which)
        ],
        "total": total, "left_out": left_out, "meant": meant, "over": over, "looked": looked, "waiting": waiting, "failed": failed,
        "percent": round(100 * (looked / total if planning else over / meant if meant else 1)) if total else 100,
        "why": why,
        "planning": planning, "planned": planned, "running": running, "working": planning or running,
        "can_begin": planned and own and waiting, "can_retry": own and failed and not planning and not planned,
        "can_cancel": (planning or planned or (running and waiting)) and (own or (kind is not None and may(user, kind.right, job))),
        # They count what the one who chose sees, which may be more than others see
        "consequences": job.consequences if own else [],
        "foreign": planned and not own, "most": MOST_AT_ONCE,
        "begin_label": ngettext("%(what)s: %(count)s station", "%(what)s: %(count)s stations", waiting)
        % {"what": kind.label if kind else "", "count": grouped(waiting)},
        "retry_label": ngettext("Try the %s that failed again", "Try the %s that failed again", failed) % grouped(failed),
        "cancel_label": _cancel_label(job, waiting),
        "live_url": link("bulk_job_live", job.pk),
    }  # fmt: skip


def _cancel_label(job: BulkJob, waiting: int) -> str:
    if job.state == Job.PLANNED:
        return _("Forget it")
    return ngettext("Cancel the %s that waits", "Cancel the %s that wait", waiting) % grouped(waiting) if waiting else _("Cancel")


class JobPage(ListPage):
    """The stations of a job, below what is said of them together."""

    model = BulkItem
    table_class = ItemTable
    filterset_class = ItemFilter
    template_name = "stations/bulk_job.html"
    hidden_columns = ("attempt",)
    live = True
    empty_title = lazy("None of its stations is one that you may see.")
    export_name = "bulk-job"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.job, self.kind = job_for(request, kwargs["pk"])
        self.export_name = f"bulk-job-{self.job.pk}"
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return BulkItem.objects.visible_to(self.request.user).filter(job=self.job)

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related(STATION)

    def table_kwargs(self) -> dict[str, Any]:
        there, params = self.kind.there if self.kind else None, self.job.params
        return {"there": (lambda situation: there(params, situation)) if there else None}

    def get_context(self) -> dict[str, Any]:
        told = shown(self.request, self.job, self.kind)
        # Nothing changes any more: then it need not be looked at again
        return told if told["working"] else told | {"live_topic": ""}


def job_live(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands above the list, which changes by itself."""
    return render(request, "stations/bulk_job_live.html", shown(request, *job_for(request, pk)))


def _act(request: HttpRequest, pk: int, act: Callable[[User, BulkJob, Kind], str]) -> HttpResponse:
    job, kind = job_for(request, pk)
    try:
        if kind is None:
            raise ValidationError(_("The portal cannot do this any more."))
        messages.success(request, attempt(act, user_of(request), job, kind))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(link("bulk_job", pk))


@require_POST
def job_begin(request: HttpRequest, pk: int) -> HttpResponse:
    typed = request.POST.get("at_once", "").strip()
    at_once = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0

    def begin(user: User, job: BulkJob, kind: Kind) -> str:
        actions.begin_bulk_job(actor=user, job=job, kind=kind, at_once=at_once)
        return _("Begun. It goes on when you leave this page.")

    return _act(request, pk, begin)


@require_POST
def job_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    def cancel(user: User, job: BulkJob, kind: Kind) -> str:
        count = actions.cancel_bulk_job(actor=user, job=job, kind=kind)
        return ngettext("Cancelled: %s station is left as it is.", "Cancelled: %s stations are left as they are.", count) % grouped(count)

    return _act(request, pk, cancel)


@require_POST
def job_retry(request: HttpRequest, pk: int) -> HttpResponse:
    def retry(user: User, job: BulkJob, kind: Kind) -> str:
        count = actions.retry_bulk_job(actor=user, job=job, kind=kind)
        return ngettext("%s station is tried again.", "%s stations are tried again.", count) % grouped(count)

    return _act(request, pk, retry)


urlpatterns: list[URLPattern] = [
    path("bulk/", JobList.as_view(), name="bulk_jobs"),
    path("bulk/<int:pk>/", JobPage.as_view(), name="bulk_job"),
    path("bulk/<int:pk>/live/", job_live, name="bulk_job_live"),
    path("bulk/<int:pk>/begin/", job_begin, name="bulk_job_begin"),
    path("bulk/<int:pk>/cancel/", job_cancel, name="bulk_job_cancel"),
    path("bulk/<int:pk>/retry/", job_retry, name="bulk_job_retry"),
]
