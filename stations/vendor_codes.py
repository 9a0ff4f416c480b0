"""What the codes of a make mean: the dictionary that operators keep, as it speaks for one station."""

from __future__ import annotations

from functools import cached_property

from django.db.models import Q

from stations.models import Station, VendorCode
from stations.models.shared import matches


class Codes:
    """The dictionary for a station; read when it is first asked, in one query.

    The nearest organization speaks; of one, what it says of the model before what it says of the make, and a name before a pattern.
    """

    def __init__(self, station: Station) -> None:
        self.station = station

    @cached_property
    def known(self) -> list[VendorCode]:
        station = self.station
        rows = VendorCode.objects.usable_at(station.location.organization.path).select_related("organization")
        rows = rows.filter(Q(vendor__iexact=station.vendor.strip()) | Q(vendor__contains="*"))
        found = [row for row in rows if matches(row.vendor, station.vendor) and matches(row.model, station.model)]
        return sorted(found, key=lambda row: (-row.organization.depth, not row.model, "*" in row.vendor, "*" in row.code, row.pk))

    def of(self, vendor_code: str, info: str = "") -> VendorCode | None:
        """What explains a vendor error code, or where that is not known the text that came with it."""
        for told in (vendor_code, info):
            if told and (found := next((row for row in self.known if matches(row.code, told)), None)):
                return found
        return None
