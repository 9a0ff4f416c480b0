"""What a station keeps of a card: asking for it, having it forgotten, and what came of that. Only for those who see personal data."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.cache import never_cache

from stations import actions, customer_information, hooks
from stations.controls import Situation
from stations.models import CustomerInquiry, Station
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import PERSONAL_DATA, get_for
from ui.forms import Trail, confirm_page, form_page

WHAT = {
    "report": lazy("Tell what it keeps of this card"),
    "both": lazy("Tell what it keeps of this card, then forget it"),
    "clear": lazy("Forget what it keeps of this card"),
}


class InquiryForm(forms.Form):
    uid = forms.CharField(
        label=lazy("Card UID"), max_length=40, help_text=lazy("What the reader sends, such as 04A2B3C4D5E680."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}),
    )  # fmt: skip
    what = forms.ChoiceField(label=lazy("What the station is to do"), widget=forms.RadioSelect, initial="report")

    def __init__(self, *args: Any, may_clear: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["what"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, label) for name, label in WHAT.items() if may_clear or name == "report"]

    def clean_uid(self) -> str:
        typed: str = self.cleaned_data["uid"]
        return hooks.cards.clean_uid(typed) if hooks.cards else typed


def station_of(request: HttpRequest, pk: int) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), PERSONAL_DATA, pk=pk)


def trail(station: Station) -> Trail:
    here = (_("Customer information"), link("station_customers", station.pk))
    return [(station.location, station.location.get_absolute_url()), (station, link("station", station.pk)), here]


def customers_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station, user = situation.station, user_of(request)
    found = CustomerInquiry.objects.visible_to(user).filter(station=station).select_related("command", "created_by")
    inquiries = list(found[: CustomerInquiry.MOST_OF_A_STATION])
    for inquiry in inquiries:
        inquiry.station = station
    return {
        "station": station, "zone": station.location.zone, "rows": [customer_information.row_of(one, user) for one in inquiries],
        "refusal": customer_information.why_not(situation), "ask_url": link("station_customer_ask", station.pk),
        "kept_days": settings.CUSTOMER_INFORMATION_DAYS, "fragment_url": link("station_customers_live", station.pk),
    }  # fmt: skip


@never_cache
def customers(request: HttpRequest, pk: int) -> HttpResponse:
    situation = Situation(request.user, station_of(request, pk))
    context = sheet_context(request, situation.station, "", situation)
    return render(request, "stations/customers.html", {**context, **customers_context(request, situation)})


@never_cache
def customers_live(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "stations/customers_live.html", customers_context(request, Situation(request.user, station_of(request, pk))))


@never_cache
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """`?uid=` is the card to begin with."""
    station = station_of(request, pk)
    situation, here = Situation(request.user, station), link("station_customers", pk)
    if reason := customer_information.why_not(situation):
        context = {"title": _("Ask about a card"), "refusal": reason, "cancel_url": here, "breadcrumbs": trail(station)}
        return render(request, "ui/confirm.html", context)
    may_clear = not customer_information.why_not(situation, clear=True)
    form = InquiryForm(request.POST or None, may_clear=may_clear, initial={"uid": request.GET.get("uid", "")[:40]})

    def save(values: dict[str, Any]) -> CustomerInquiry:
        what = values["what"]
        try:
            return actions.ask_about_customer(
                actor=user_of(request), station=station, uid=values["uid"], report=what != "clear", clear=what != "report"
            )
        except actions.CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    intro = _("Drivers may ask what is kept of them, and have it deleted (GDPR, articles 15 and 17). This is for what the station keeps.")
    return form_page(
        request, form, save, title=_("Ask about a card"), submit_label=_("Ask the station"), cancel_url=here,
        done=_("Asked %s. Its answer appears here.") % station, done_url=here, breadcrumbs=trail(station), intro=intro,
    )  # fmt: skip


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    inquiry = get_for(request.user, CustomerInquiry.objects.select_related("station__location__organization"), PERSONAL_DATA, pk=pk)
    here = link("station_customers", inquiry.station_id)
    return confirm_page(
        request, lambda: actions.delete_inquiry(actor=user_of(request), inquiry=inquiry), title=_("Delete this answer?"),
        consequences=[_("What the station told is gone here. What it keeps itself is not changed by this.")],
        submit_label=_("Delete answer"), cancel_url=here, done=_("Deleted."), done_url=here, breadcrumbs=trail(inquiry.station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/customers/", customers, name="station_customers"),
    path("stations/<int:pk>/customers/live/", customers_live, name="station_customers_live"),
    path("stations/<int:pk>/customers/ask/", ask, name="station_customer_ask"),
    path("customers/<int:pk>/delete/", delete, name="customer_delete"),
]
