"""The cards that a provider has told of. There may be millions: nothing here counts or sorts them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import Provider, RoamingToken, normalize_uid
from passes.pages.networks import head_of, provider_of
from tenancy.links import link
from tenancy.personal import sees, shown
from ui.lists import MOST_COUNTED, Action, CappedPaginator, ListPage, Table, counted_up_to
from ui.templatetags.ui import state, when


class CardFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("UID, contract id or visible number"), method="named")
    valid = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), choices=[("1", lazy("Valid")), ("0", lazy("Not valid"))], method="with_state"
    )
    whitelist = django_filters.ChoiceFilter(label=lazy("Who decides"), empty_label=lazy("Any"), choices=RoamingToken.Whitelist.choices)
    type = django_filters.ChoiceFilter(label=lazy("Kind"), empty_label=lazy("Any"), choices=RoamingToken.Type.choices)

    class Meta:
        model = RoamingToken
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.provider: Provider = self.request.provider
        if not sees(self.request.user, self.provider):
            del self.filters["q"]

    def named(self, rows: QuerySet[RoamingToken], name: str, value: str) -> QuerySet[RoamingToken]:
        """A part of it where there are few cards, the whole of it where there are many: that is what an index finds."""
        text = value.replace("\x00", "").strip()
        uid = normalize_uid(text)
        if not text:
            return rows
        if counted_up_to(rows.model._default_manager.visible_to(self.request.user).filter(provider=self.provider)) <= MOST_COUNTED:
            found = Q(contract_id__icontains=text) | Q(visual_number__icontains=text)
            return rows.filter(found | Q(uid__contains=uid) if uid else found)
        written = {text, text.upper()}
        return rows.filter(Q(uid=uid) | Q(contract_id__in=written) | Q(visual_number__in=written))

    def with_state(self, rows: QuerySet[RoamingToken], name: str, value: str) -> QuerySet[RoamingToken]:
        return rows.filter(valid=value == "1")


class CardTable(Table):
    uid = django_tables2.Column(lazy("Card"))
    contract_id = django_tables2.Column(lazy("Contract id"), orderable=False)
    type = django_tables2.Column(lazy("Kind"), orderable=False)
    valid = django_tables2.Column(lazy("State"), orderable=False)
    whitelist = django_tables2.Column(lazy("Who decides"), orderable=False)
    answer = django_tables2.Column(lazy("Last answer"), orderable=False, empty_values=())
    last_updated = django_tables2.Column(lazy("Told"), orderable=False)

    class Meta(Table.Meta):
        default = "–"

    def _shown(self, text: str) -> str:
        return shown(self.request.user, text, self.request.provider.organization.path)  # type: ignore[attr-defined]

    def render_uid(self, record: RoamingToken) -> SafeString:
        second = self._shown(record.visual_number)
        return format_html('<code>{}</code><span class="sub">{}</span>', self._shown(record.uid), second or record.issuer)

    def render_contract_id(self, record: RoamingToken) -> str:
        return self._shown(record.contract_id)

    def render_valid(self, record: RoamingToken) -> SafeString:
        return state("available", _("Valid")) if record.valid else state("fault", _("Not valid"))

    def render_answer(self, record: RoamingToken) -> SafeString | str:
        if not record.answer:
            return _("never asked")
        return format_html('{}<span class="sub">{}</span>', record.get_answer_display(), when(record.answered_at))

    def render_last_updated(self, record: RoamingToken) -> SafeString | str:
        return when(record.last_updated)


class CardList(ListPage):
    model = RoamingToken
    table_class = CardTable
    filterset_class = CardFilter
    template_name = "passes/provider_cards.html"
    paginator_class = CappedPaginator
    empty_title = lazy("It has told of no cards yet.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.provider = self.provider = provider_of(request, kwargs["pk"])  # type: ignore[attr-defined]
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return RoamingToken.objects.visible_to(self.request.user).filter(provider=self.provider)

    def get_title(self) -> str:
        return self.provider.name

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        found: Sequence[tuple[str, str]] = head_of(self.request, self.provider)["breadcrumbs"]
        return found

    def get_empty_action(self) -> Action | None:
        if self.provider.tokens_url:
            return Action(_("Fetch all cards now"), link("provider_fetch", self.provider.pk), icon="refresh")
        return Action(_("Registration token"), link("provider_register", self.provider.pk), icon="key")

    def get_context(self) -> dict[str, Any]:
        if self.provider.tokens_url:
            text = _("It tells of new cards by itself. Those that it has told others of already are fetched once.")
        else:
            text = _("It cannot: it has not registered here. Hand it a registration token.")
        return head_of(self.request, self.provider) | {"empty_text": text}


urlpatterns: list[URLPattern] = [
    path("networks/<int:pk>/cards/", CardList.as_view(), name="provider_cards"),
]
