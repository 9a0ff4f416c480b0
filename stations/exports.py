"""The lists of stations that a job writes to a file where they are long."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as lazy

from tenancy.exports import Kind
from tenancy.rights import READ, READ_TRANSACTIONS

EXPORTS = (
    Kind("transactions", lazy("Transactions"), "stations.pages.transactions.TransactionList", "transactions", READ_TRANSACTIONS),
    Kind(
        "station_transactions", lazy("Transactions of a station"), "stations.pages.transactions.StationTransactions",
        "station_transactions", READ_TRANSACTIONS, ("pk",),
    ),
    Kind("stations", lazy("Stations"), "stations.pages.station_list.StationList", "stations", READ),
    Kind("locations", lazy("Locations"), "stations.pages.location_list.LocationList", "locations", READ),
)  # fmt: skip
