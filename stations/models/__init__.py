from stations.models.charging import CardOffer, MeterSample, MeterSeries, Settlement, SignedMeterValue, Transaction, UnmatchedMessage
from stations.models.infrastructure import (
    AccessMode,
    Availability,
    Connection,
    Connector,
    CurrentType,
    Location,
    LocationGrant,
    Station,
)
from stations.models.operation import Command, ConfigurationKey, Frame, GatewayProcess, Knock, SecurityEvent, StatusChange

__all__ = [
    "AccessMode",
    "Availability",
    "CardOffer",
    "Command",
    "ConfigurationKey",
    "Connection",
    "Connector",
    "CurrentType",
    "Frame",
    "GatewayProcess",
    "Knock",
    "Location",
    "LocationGrant",
    "MeterSample",
    "MeterSeries",
    "SecurityEvent",
    "Settlement",
    "SignedMeterValue",
    "Station",
    "StatusChange",
    "Transaction",
    "UnmatchedMessage",
]
