"""What can be taken away of one transaction: its signed values, unchanged, and its meter values."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.models import ConfigurationKey, MeterSample, MeterSeries, SignedMeterValue, Transaction
from tenancy.rights import PERSONAL_DATA, Missing, get_for, may
from ui.downloads import download
from ui.lists import csv_of

MOST_SIGNED = 5_000
MOST_VALUES = 200_000
PUBLIC_KEY = "MeterPublicKey"  # how the key of the configuration begins that has it (OCA, signed meter values in OCPP 1.6)


class Format(NamedTuple):
    name: str | Promise
    ending: str
    check: str | Promise


OCMF = Format("OCMF (Open Charge Metering Format)", "ocmf", lazy("The transparency software of S.A.F.E. checks it."))
XML = Format(lazy("XML, as the transparency software reads it"), "xml", lazy("The transparency software of S.A.F.E. checks it."))
JSON = Format("JSON", "json", lazy("The meter maker's software checks it."))
OTHER = Format(lazy("the meter maker's own"), "txt", lazy("The meter maker's software checks it."))


def format_of(value: str) -> Format:
    """By how it begins; what it says is never looked at."""
    begin = value.lstrip()[:5]
    return OCMF if begin == "OCMF|" else XML if begin.startswith("<") else JSON if begin.startswith("{") else OTHER


def public_keys(request: HttpRequest, row: Transaction) -> list[tuple[str, str]]:
    """(name, value) of what the station's configuration says of its meter's public key, for those who may read that."""
    found = ConfigurationKey.objects.visible_to(request.user).filter(station=row.station_id, key__istartswith=PUBLIC_KEY).exclude(value="")
    own = re.compile(rf"(?i){PUBLIC_KEY}\D*0*{row.connector.number}\D*$")
    pairs = list(found.values_list("key", "value")[:50])
    return [pair for pair in pairs if own.match(pair[0])] or pairs


def _transaction(request: HttpRequest, pk: int) -> Transaction:
    return get_for(request.user, Transaction.objects.select_related("station__location__organization", "connector"), pk=pk)


def _signed(request: HttpRequest, pk: int) -> tuple[Transaction, list[SignedMeterValue]]:
    row = _transaction(request, pk)
    if not may(request.user, PERSONAL_DATA, row):  # what is signed names the card
        raise Missing(PERSONAL_DATA, row.station.location.organization.path)
    return row, list(SignedMeterValue.objects.visible_to(request.user).filter(transaction=row).order_by("at", "pk")[:MOST_SIGNED])


def _as_json(request: HttpRequest, row: Transaction, found: list[SignedMeterValue]) -> str:
    values = [{"at": one.at.isoformat(), "context": one.context, "value": one.value} for one in found]
    body: dict[str, Any] = {"station": row.station.identity, "transactionId": row.transaction_id, "signedValues": values}
    if keys := public_keys(request, row):
        body["publicKeys"] = dict(keys)
    return json.dumps(body, indent=2, ensure_ascii=False)


def _attached(content: bytes | str, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _name(row: Transaction, number: int, one: SignedMeterValue) -> str:
    context = re.sub(r"[^A-Za-z0-9]+", "-", one.context).strip("-") or "value"
    return f"transaction-{row.pk}-{number:03}-{context}.{format_of(one.value).ending}"


def transaction_signed(request: HttpRequest, pk: int) -> HttpResponse:
    """All signed values as the station sent them, for whoever checks the signatures."""
    row, found = _signed(request, pk)
    return _attached(_as_json(request, row, found), f"transaction-{row.pk}-signed.json", "application/json")


def transaction_signed_zip(request: HttpRequest, pk: int) -> HttpResponse:
    """The same, one file for each, byte by byte what was sent."""
    row, found = _signed(request, pk)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(found, 1):
            archive.writestr(_name(row, number, one), one.value.encode())
        archive.writestr(f"transaction-{row.pk}-signed.json", _as_json(request, row, found))
    return _attached(packed.getvalue(), f"transaction-{row.pk}-signed.zip", "application/zip")


def transaction_signed_value(request: HttpRequest, pk: int, value_pk: int) -> HttpResponse:
    row, found = _signed(request, pk)
    for number, one in enumerate(found, 1):
        if one.pk == value_pk:
            return _attached(one.value.encode(), _name(row, number, one), "application/octet-stream")
    raise Http404


def transaction_values(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every meter value of its time, as it was reported, as CSV."""
    row = _transaction(request, pk)
    return download(request, csv_of(_lines(row)), f"transaction-{row.pk}-values.csv", "text/csv; charset=utf-8")


def _lines(row: Transaction) -> Iterator[list[Any]]:
    yield [_("Time"), _("Value"), _("Unit"), _("Measurand"), _("Phase"), _("Context"), _("Where")]
    zone, second = row.station.location.zone, timedelta(seconds=1)
    series = {one.pk: one for one in MeterSeries.objects.filter(connector=row.connector_id)}
    until = row.ended_at or timezone.now()
    samples = MeterSample.objects.filter(series__in=list(series), at__gte=row.started_at - second, at__lte=until + second)
    for key, at, value in list(samples.order_by("at").values_list("series_id", "at", "value")[:MOST_VALUES]):
        one = series[key]
        yield [at.astimezone(zone).isoformat(), value, one.unit, one.measurand, one.phase, one.context, one.location]


urlpatterns: list[URLPattern] = [
    path("transactions/<int:pk>/signed.json", transaction_signed, name="transaction_signed"),
    path("transactions/<int:pk>/signed.zip", transaction_signed_zip, name="transaction_signed_zip"),
    path("transactions/<int:pk>/signed/<int:value_pk>/", transaction_signed_value, name="transaction_signed_value"),
    path("transactions/<int:pk>/values.csv", transaction_values, name="transaction_values"),
]
