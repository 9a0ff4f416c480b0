from stations.models.bulk import BulkItem, BulkJob
from stations.models.capacity import (
    CapacityHours,
    CapacityLoad,
    CapacityPlan,
    CapacityShare,
    CapacityStation,
    CapacityUse,
    ExternalLimit,
    Priority,
    StationProfile,
)
from stations.models.care import Contact, Document, MaintenanceWindow, Note, OutOfService, VendorCode
from stations.models.charging import CardOffer, MeterSample, MeterSeries, Settlement, SignedMeterValue, Transaction, UnmatchedMessage
from stations.models.corrections import Correction
from stations.models.customers import CustomerInquiry
from stations.models.deviations import Deviation
from stations.models.device import DeviceEvent, DeviceMonitor, DeviceReport, DeviceVariable, Severity
from stations.models.firmware import FirmwareFile, FirmwareUpdate, StationUpload
from stations.models.history import (
    ActivationChange,
    AvailabilityChange,
    AvailabilityDay,
    ConfigurationChange,
    ConnectionPeriod,
)
from stations.models.imports import ImportedPasswords
from stations.models.infrastructure import (
    AccessMode,
    Availability,
    Connection,
    Connector,
    CurrentType,
    Location,
    LocationGrant,
    SecurityProfile,
    Station,
)
from stations.models.operation import Command, ConfigurationKey, FirstReading, Frame, GatewayProcess, Knock, SecurityEvent, StatusChange
from stations.models.reservations import Reservation, VendorMessage
from stations.models.security import Authority, CertificateRequest, InstalledCertificate, Revocation, StationCertificate
from stations.models.security_changes import SecurityChange
from stations.models.templates import ConfigurationTemplate, HardwareTemplate

__all__ = [
    "AccessMode",
    "ActivationChange",
    "Authority",
    "Availability",
    "AvailabilityChange",
    "AvailabilityDay",
    "BulkItem",
    "BulkJob",
    "CapacityHours",
    "CapacityLoad",
    "CapacityPlan",
    "CapacityShare",
    "CapacityStation",
    "CapacityUse",
    "CardOffer",
    "CertificateRequest",
    "Command",
    "ConfigurationChange",
    "ConfigurationKey",
    "ConfigurationTemplate",
    "Connection",
    "ConnectionPeriod",
    "Connector",
    "Contact",
    "Correction",
    "CurrentType",
    "CustomerInquiry",
    "Deviation",
    "DeviceEvent",
    "DeviceMonitor",
    "DeviceReport",
    "DeviceVariable",
    "Document",
    "ExternalLimit",
    "FirmwareFile",
    "FirmwareUpdate",
    "FirstReading",
    "Frame",
    "GatewayProcess",
    "HardwareTemplate",
    "ImportedPasswords",
    "InstalledCertificate",
    "Knock",
    "Location",
    "LocationGrant",
    "MaintenanceWindow",
    "MeterSample",
    "MeterSeries",
    "Note",
    "OutOfService",
    "Priority",
    "Reservation",
    "Revocation",
    "SecurityChange",
    "SecurityEvent",
    "SecurityProfile",
    "Settlement",
    "Severity",
    "SignedMeterValue",
    "Station",
    "StationCertificate",
    "StationProfile",
    "StationUpload",
    "StatusChange",
    "Transaction",
    "UnmatchedMessage",
    "VendorCode",
    "VendorMessage",
]
