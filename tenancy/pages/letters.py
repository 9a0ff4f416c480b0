"""The mails of the portal: what is waiting and what went out. They may hold links that open an account, so they are for those alone who
hold every right at the platform – and what they say is shown only where no mail server is set up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy.links import link
from tenancy.models import Letter, User
from tenancy.pages.shared import NAME, user_of
from tenancy.rights import READ, RIGHTS, Missing, at_platform
from ui.lists import ListPage, Table
from ui.templatetags.ui import state, when


def sees_letters(user: User) -> bool:
    return all(at_platform(user, right) for right in RIGHTS)


def check_letters(user: User) -> None:
    """Missing for those of the platform who lack a right; for all others there is no such page."""
    if not at_platform(user, READ):
        raise Http404
    for right in RIGHTS:
        if not at_platform(user, right):
            raise Missing(right)


def state_of(letter: Letter) -> tuple[str, str, str]:
    """Dot, word, and what there is to say of it."""
    if letter.sent_at:
        return "available", _("Sent"), ""
    if letter.give_up_at <= timezone.now():
        return "fault", _("Given up"), letter.error
    return "waiting", _("Waiting"), letter.error


class LetterFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("To or subject"), method="named", max_length=100)
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="with_state",
        choices=[("sent", lazy("Sent")), ("waiting", lazy("Waiting")), ("over", lazy("Given up"))],
    )  # fmt: skip

    class Meta:
        model = Letter
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Letter], name: str, value: str) -> QuerySet[Letter]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(to__icontains=text) | Q(subject__icontains=text))

    def with_state(self, rows: QuerySet[Letter], name: str, value: str) -> QuerySet[Letter]:
        if value == "sent":
            return rows.exclude(sent_at=None)
        over = Q(give_up_at__lte=timezone.now())
        return rows.filter(over if value == "over" else ~over, sent_at=None)


class LetterTable(Table):
    subject = django_tables2.Column(lazy("Subject"), attrs=NAME)
    to = django_tables2.Column(lazy("To"), attrs=NAME)
    state = django_tables2.Column(lazy("State"), accessor="pk", orderable=False)
    created_at = django_tables2.Column(lazy("Written"))

    def render_subject(self, record: Letter) -> SafeString:
        return format_html('<a href="{}">{}</a>', link("letter", record.pk), record.subject)

    def value_subject(self, record: Letter) -> str:
        return record.subject

    def render_state(self, record: Letter) -> SafeString:
        dot, word, more = state_of(record)
        return format_html('{}<span class="sub">{}</span>', state(dot, word), more) if more else state(dot, word)

    def value_state(self, record: Letter) -> str:
        return state_of(record)[1]

    def render_created_at(self, value: Any) -> SafeString | str:
        return when(value)

    def value_created_at(self, record: Letter) -> str:
        return record.created_at.isoformat(timespec="seconds")


class LetterList(ListPage):
    model = Letter
    table_class = LetterTable
    filterset_class = LetterFilter
    title = lazy("Mails")
    export_name = "mails"
    empty_title = lazy("No mails yet.")
    empty_text = lazy("Invitations and links to new passwords are listed here when the portal writes them.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_letters(user_of(request))
        return super().dispatch(request, *args, **kwargs)

    @property
    def intro(self) -> Any:
        return said_of_mail()

    def get_queryset(self) -> QuerySet[Any]:
        return Letter.objects.all()


def said_of_mail() -> str:
    if settings.MAIL_SHOWN:
        return _("No mail server is set up: nothing leaves this portal. Read the mails here and hand the links on, or set EMAIL_URL.")
    return _("What the portal wrote to people. Links in mails open accounts, so their text is not kept.")


def letter(request: HttpRequest, pk: int) -> HttpResponse:
    check_letters(user_of(request))
    found = get_object_or_404(Letter, pk=pk)
    dot, word, more = state_of(found)
    crumbs: Sequence[tuple[Any, str]] = [(_("Mails"), link("letters"))]
    context = {
        "title": found.subject, "letter": found, "dot": dot, "word": word, "more": more, "breadcrumbs": crumbs,
        "body": found.body if settings.MAIL_SHOWN else "", "intro": said_of_mail(),
    }  # fmt: skip
    return render(request, "tenancy/letter.html", context)


urlpatterns: list[URLPattern] = [
    path("mails/", LetterList.as_view(), name="letters"),
    path("mails/<int:pk>/", letter, name="letter"),
]
