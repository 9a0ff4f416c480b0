"""What a station can tell us, whichever OCPP version it speaks: one event per fact."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from stations.ocpp.profiles import Profile, Step

if TYPE_CHECKING:
    from stations.ocpp.variables import Variable


class Reported(NamedTuple):
    """A time as the station wrote it. `at` is None when it cannot be read; `exact` False when the zone was missing (taken as UTC)."""

    text: str
    at: datetime | None
    exact: bool


class Channel(NamedTuple):
    """What a measured number means; strings as OCPP 1.6 §7 spells them, `phase` and `unit` may be empty."""

    measurand: str
    unit: str
    phase: str
    context: str
    location: str


class Sample(NamedTuple):
    at: datetime | None
    channel: Channel
    value: float


class Signed(NamedTuple):
    at: datetime | None
    context: str
    value: str


class Boot(NamedTuple):
    fields: dict[str, str]  # names of Station's fields


class Heartbeat(NamedTuple):
    pass


class Status(NamedTuple):
    connector: int
    status: str
    error_code: str
    vendor_error_code: str
    vendor_id: str
    info: str
    at: Reported | None


class AskedCertificate(NamedTuple):
    """OCSPRequestDataType: which certificate a station wants to know about, and who could tell."""

    algorithm: str
    name_hash: str
    key_hash: str
    serial: str
    responder: str


class CardOffered(NamedTuple):
    """`certificate` (PEM, with those between) and `chain` are of a contract for plug and charge: 2.0.1, C07."""

    id_tag: str
    id_type: str = ""  # IdTokenEnumType of 2.0.1
    additional: str = ""  # what else the reader told of it (additionalInfo of 2.0.1), in one text
    certificate: str = ""
    chain: tuple[AskedCertificate, ...] = ()


class Started(NamedTuple):
    connector: int
    id_tag: str
    meter_start: int | None  # Wh; None: not told
    at: Reported
    reservation: int | None = None


class Metered(NamedTuple):
    connector: int
    transaction_id: str  # empty: none given
    samples: list[Sample]
    signed: list[Signed]


class Ended(NamedTuple):
    transaction_id: str
    id_tag: str  # empty: none given
    meter_stop: int
    at: Reported
    reason: str
    samples: list[Sample]
    signed: list[Signed]
    metered: bool = True  # else the station did not say its meter: `meter_stop` is nothing


class TransactionReport(NamedTuple):
    """TransactionEvent (2.0.1): what goes on in a transaction that has the station's own id. `kind` is STARTED, UPDATED or ENDED."""

    kind: str
    transaction_id: str
    number: int  # of the report in its transaction, from 0 (seqNo)
    at: Reported
    trigger: str  # TriggerReasonEnumType
    offline: bool
    connector: int | None  # None: not said
    id_tag: str  # empty: none given
    id_type: str
    charging: str  # ChargingStateEnumType; empty: not said
    reason: str  # of the end
    remote_start: int | None  # the number that a remote start of ours carried
    reservation: int | None
    samples: list[Sample]
    signed: list[Signed]
    unread: bool = False  # of an end: it told registers that cannot be read


STARTED, UPDATED, ENDED = "Started", "Updated", "Ended"
# A status of a connector that OCPP 2.0.1 has instead of those between Available and Available
OCCUPIED = "Occupied"


class ReservationUpdate(NamedTuple):
    """The station has ended a reservation by itself. `status` is ReservationUpdateStatusEnumType."""

    key: int
    status: str


class VendorData(NamedTuple):
    """What vendors agree on. `data` is as it came, or JSON where it was no text."""

    vendor_id: str
    message_id: str = ""
    data: str = ""


class FirmwareStatus(NamedTuple):
    """`key` is that of the intent UpdateFirmware; None where the message has none."""

    status: str
    key: int | None = None


class DiagnosticsStatus(NamedTuple):
    """`key` is that of the intent SendLog; None where the message has none. `log`: it is about a log, not about diagnostics."""

    status: str
    key: int | None = None
    log: bool = False


class CustomerPart(NamedTuple):
    """A part of what a station keeps of a customer. `key` is that of the intent CustomerInformation; `number` counts from 0."""

    key: int
    number: int
    data: str
    more: bool


class SecurityNotice(NamedTuple):
    type: str
    info: str
    at: Reported


class LimitNotified(NamedTuple):
    """Something else has put a limit on the station, or (cleared) takes it away. `place` is a connector's number, 0 the station."""

    place: int
    source: str
    cleared: bool = False
    critical: bool = False
    unit: str = ""
    steps: tuple[Step, ...] = ()
    start: datetime | None = None


class ProfilesReported(NamedTuple):
    """Charging profiles that a station has; `key` is that of the intent GetProfiles."""

    key: int
    place: int
    source: str
    profiles: tuple[Profile, ...]
    more: bool = False  # another part follows


class ChargingNeeds(NamedTuple):
    """What a car asks for. `current` is the most that it takes of a phase (A), `energy` what it needs (Wh)."""

    place: int
    current: float | None
    energy: float | None
    departure: Reported | None


class CarSchedule(NamedTuple):
    """What a car will take, of what it was offered."""

    place: int


class Told(NamedTuple):
    """An attribute of a variable as a report tells it (2.0.1 part 2, VariableAttributeType, VariableCharacteristicsType). `value` None:
    not told; `choices` as the station writes them, with commas between."""

    variable: Variable
    attribute: str  # AttributeEnumType
    value: str | None
    mutability: str
    persistent: bool
    constant: bool
    data_type: str
    unit: str
    least: float | None
    most: float | None
    choices: str
    monitored: bool  # monitors can be set on it


class ModelReport(NamedTuple):
    """NotifyReport: a part of the device model, counted from 0, that was asked for as `request`. Not `more`: it is the last one."""

    request: int
    part: int
    more: bool
    told: list[Told]
    left_out: int = 0  # values that cannot be understood


class MonitorTold(NamedTuple):
    variable: Variable
    id: int
    type: str  # MonitorEnumType
    value: float
    severity: int  # 0, the worst, to 9
    transaction: bool  # it watches only while a transaction runs


class MonitorReport(NamedTuple):
    """NotifyMonitoringReport: a part of the monitors, as in ModelReport."""

    request: int
    part: int
    more: bool
    monitors: list[MonitorTold]
    left_out: int = 0  # monitors that cannot be understood


class Notice(NamedTuple):
    """Something that a monitor, or the station by itself, has seen (EventDataType)."""

    id: int
    at: Reported
    trigger: str
    variable: Variable
    value: str
    cause: int | None
    tech_code: str
    tech_info: str
    cleared: bool
    transaction_id: str
    monitor: int | None
    kind: str  # EventNotificationEnumType
    severity: int | None = None


class Noticed(NamedTuple):
    """NotifyEvent. `statuses` are those among the notices that say the same as a Status."""

    notices: list[Notice]
    statuses: list[Status]


class CertificateWanted(NamedTuple):
    """SignCertificate. `use`: CertificateSigningUseEnumType; empty where the station does not say."""

    csr: str
    use: str = ""


class StatusWanted(NamedTuple):
    """GetCertificateStatus: whether a certificate is revoked (OCSP)."""

    asked: AskedCertificate


class ContractWanted(NamedTuple):
    """Get15118EVCertificate: a car wants its contract certificate installed or renewed. `exi` is for its mobility operator."""

    schema: str
    action: str
    exi: str


class Ignored(NamedTuple):
    """What the portal does nothing with beyond keeping it in the log; stations are answered as the standard wants it."""


Event = (
    Boot
    | Heartbeat
    | Status
    | CardOffered
    | Started
    | Metered
    | Ended
    | TransactionReport
    | ReservationUpdate
    | VendorData
    | FirmwareStatus
    | DiagnosticsStatus
    | SecurityNotice
    | CertificateWanted
    | StatusWanted
    | ContractWanted
    | LimitNotified
    | ProfilesReported
    | ChargingNeeds
    | CarSchedule
    | ModelReport
    | MonitorReport
    | Noticed
    | CustomerPart
    | Ignored
)
Payload = dict[str, Any]
