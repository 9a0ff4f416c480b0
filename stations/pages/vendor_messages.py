"""What the vendor of a station makes it tell (DataTransfer): the latest of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_tables2
from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as lazy

from stations import explain
from stations.models import Station, VendorMessage
from stations.pages.sheet_head import sheet_context
from tenancy.personal import shown
from tenancy.rights import READ_LOGS, get_for
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import exact, state

# DataTransferStatusEnumType -> which of the six states, and a word
ANSWERS = {
    "Accepted": (explain.AVAILABLE, lazy("Understood")),
    "Rejected": (explain.FAULT, lazy("Refused")),
    "UnknownMessageId": (explain.OFF, lazy("This message is not known here")),
    "UnknownVendorId": (explain.OFF, lazy("This vendor is not known here")),
}
MOST_SHOWN = 300  # characters


class VendorMessageTable(Table):
    vendor = django_tables2.Column(lazy("Vendor"), accessor="vendor_id")
    data = django_tables2.Column(lazy("Content"), orderable=False, empty_values=(), attrs={"td": {"class": "wide text-break"}})
    status = django_tables2.Column(lazy("Our answer"))
    count = django_tables2.Column(lazy("Times"), attrs={"td": {"class": "num"}})
    last_at = django_tables2.Column(lazy("Last"), attrs={"td": {"class": "text-nowrap"}})

    def __init__(self, *args: Any, station: Station, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.station = station

    def render_vendor(self, record: VendorMessage) -> SafeString:
        return format_html('{}<span class="sub">{}</span>', record.vendor_id, record.message_id)

    def value_vendor(self, record: VendorMessage) -> str:
        return str(record)

    def render_data(self, record: VendorMessage) -> str:
        """What vendors agree on may hold anything, the number of a card too."""
        text = self.value_data(record)
        return f"{text[:MOST_SHOWN]} …" if len(text) > MOST_SHOWN else text or "–"

    def value_data(self, record: VendorMessage) -> str:
        at = self.station.location
        return shown(self.request.user, record.data, at.organization.path, at.pk)

    def render_status(self, record: VendorMessage) -> SafeString:
        look, word = ANSWERS.get(record.status, (explain.OFF, record.status))
        return state(look, str(word))

    def value_status(self, record: VendorMessage) -> str:
        return record.status

    def render_last_at(self, record: VendorMessage) -> str:
        return exact(record.last_at, self.station.location.zone)

    def value_last_at(self, record: VendorMessage) -> str:
        return record.last_at.astimezone(self.station.location.zone).isoformat(timespec="seconds")


class VendorMessages(ListPage):
    model, table_class = VendorMessage, VendorMessageTable
    template_name = "stations/station_transactions.html"
    title = lazy("What its vendor tells")
    empty_title = lazy("The station has told nothing of its vendor's own.")
    empty_text = lazy("What makers agree on beside the standard (DataTransfer) appears here, the latest of each kind.")
    export_name = "vendor-messages"
    station: Station

    def admit(self) -> None:
        self.station = get_for(self.request.user, Station.objects.select_related("location__organization"), READ_LOGS, pk=self.kwargs["pk"])

    def get_queryset(self) -> QuerySet[Any]:
        return VendorMessage.objects.visible_to(self.request.user).filter(station=self.station).order_by("-last_at", "-pk")

    def table_kwargs(self) -> dict[str, Any]:
        return {"station": self.station}

    def get_actions(self) -> Sequence[Action]:
        return ()

    def get_context(self) -> dict[str, Any]:
        context = sheet_context(self.request, self.station, active="logs")
        return {**context, "live_topic": f"station:{self.station.pk}", "here": self.request.get_full_path()}


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/vendor-messages/", VendorMessages.as_view(), name="station_vendor_messages"),
]
