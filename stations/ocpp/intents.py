"""What the portal wants of a station, whichever OCPP version it speaks: one intent per wish, and what came of it in one word.

`stations.ocpp.versions` turns an intent into the CALL of a version, reads an intent back from a CALL, and an outcome from its answer.
Pages, bulk jobs and rules speak of intents and outcomes only.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from stations.ocpp.profiles import Profile

LOG_STATUS = "LogStatusNotification"  # how far the upload of a log is; OCPP 1.6 has another name for it
# How far the upload of a security log, or a signed firmware is: messages of their own in 1.6 with its security extension, no others
SECURITY_LOG_STATUS = "SecurityLogStatus"
SIGNED_FIRMWARE_STATUS = "SignedFirmwareStatus"


class Start(NamedTuple):
    """Begin to charge for a card; connector 0 leaves the choice to the station. `profile` holds for the transaction that begins."""

    uid: str
    connector: int = 0
    profile: Profile | None = None


class Stop(NamedTuple):
    transaction_id: str  # as the station knows it


class AskTransaction(NamedTuple):
    """What goes on with a transaction, and whether reports of it wait in the station; 2.0.1 only."""

    transaction_id: str = ""  # as the station knows it; empty: whether reports of any wait


class TellCost(NamedTuple):
    """What a running transaction costs so far, for the station's display; 2.0.1 only."""

    transaction_id: str
    total: float  # in the currency that the station shows, taxes included


class Reset(NamedTuple):
    """Not `hard`: when nothing charges any more (2.0.1), or the program alone (1.6). A connector stands for its EVSE, 2.0.1 only."""

    hard: bool = False
    connector: int = 0


class Unlock(NamedTuple):
    connector: int


class Switch(NamedTuple):
    """Put in service or take out of it; connector 0 is the station. `whole`: all connectors of its EVSE, which in 1.6 is the one."""

    operative: bool
    connector: int = 0
    whole: bool = False


class Trigger(NamedTuple):
    """Send a message now: a notification by the name that it has in all versions, or one of the names above."""

    message: str
    connector: int = 0


class ClearCache(NamedTuple):
    pass


class ReadConfiguration(NamedTuple):
    keys: tuple[str, ...] = ()  # none: all


class Configure(NamedTuple):
    """`attribute` is which one of a variable (AttributeEnumType of 2.0.1)."""

    key: str
    value: str
    attribute: str = "Actual"


class ConfigureMany(NamedTuple):
    """Several variables at once, each with an answer of its own; 2.0.1 only."""

    settings: tuple[Configure, ...]


class ReadReport(NamedTuple):
    """A part of the device model, 2.0.1 only: CONFIGURATION is what can be set, SUMMARY what is in order and what is not. The whole of it
    is ReadConfiguration()."""

    base: str


CONFIGURATION, SUMMARY = "ConfigurationInventory", "SummaryInventory"


class SetMonitor(NamedTuple):
    """Watch a variable and tell when `type` (MonitorEnumType) says so, 2.0.1 only. An `id` changes the monitor that has it."""

    key: str
    type: str
    value: float
    severity: int  # 0, the worst, to 9
    transaction: bool = False  # only while a transaction runs
    id: int | None = None


class SetMonitors(NamedTuple):
    """Several monitors at once, each with an answer of its own; 2.0.1 only."""

    monitors: tuple[SetMonitor, ...]


class ClearMonitors(NamedTuple):
    ids: tuple[int, ...]


class ReadMonitors(NamedTuple):
    """All of them. `request` is a number that tells this reading from others; 0: a new one is chosen."""

    request: int = 0


class SetMonitoringBase(NamedTuple):
    base: str  # MonitoringBaseEnumType


class SetMonitoringLevel(NamedTuple):
    """What is less severe is not told."""

    severity: int


class NetworkProfile(NamedTuple):
    """Keep in `slot` how to connect: `url` ends where the identity begins. 2.0.1 only; in force with the priority of the slot."""

    slot: int
    url: str
    profile: int  # security profile
    wireless: bool = False
    message_timeout: int = 30  # seconds


class UpdateFirmware(NamedTuple):
    """Fetch `url` from `at` on and install it. `key` is a number that tells updates apart; with `signature` (base64) and `certificate`
    (PEM) the station checks what it has fetched."""

    url: str
    at: datetime
    key: int = 0
    signature: str = ""
    certificate: str = ""
    retries: int = 3
    retry_interval: int = 60  # seconds


class SendLog(NamedTuple):
    """Upload a log to `url`; `security` asks for the security log, else diagnostics. `key` is a number that tells uploads apart."""

    url: str
    key: int
    security: bool = False
    since: datetime | None = None
    until: datetime | None = None
    retries: int = 1
    retry_interval: int = 60  # seconds


class SetProfile(NamedTuple):
    """Connector 0 is the station: a default there is that of every connector."""

    connector: int
    profile: Profile


class ClearProfile(NamedTuple):
    """Take charging profiles away: the one with this id, or all that fit what is said."""

    id: int | None = None
    connector: int | None = None
    purpose: str = ""
    level: int | None = None


class GetSchedule(NamedTuple):
    """What all profiles together allow at a connector in the next `duration` seconds."""

    connector: int
    duration: int
    unit: str = ""  # empty: as the station likes


class GetProfiles(NamedTuple):
    """Report the profiles that fit; `key` is a number that the reports carry."""

    key: int
    connector: int | None = None
    purpose: str = ""


class Reserve(NamedTuple):
    """Keep a connector for a card until then, and for the cards of its group where `group_id` is given. Connector 0: any one of the
    station; `plug` (ConnectorEnumType of 2.0.1) says of which kind. A reservation with the same key is replaced."""

    key: int
    uid: str
    until: datetime
    connector: int = 0
    group_id: str = ""
    plug: str = ""


class CancelReservation(NamedTuple):
    key: int


class ListedCard(NamedTuple):
    """A card of a local list. `status` as OCPP 1.6 spells AuthorizationStatus; empty: it is taken off. `expiry`: a time as ISO 8601."""

    uid: str
    status: str = ""
    expiry: str = ""
    group_id: str = ""


class SendList(NamedTuple):
    """The cards that charge while the station is offline. `full`: these alone; else these are changed in the list of the version before."""

    version: int
    full: bool
    cards: tuple[ListedCard, ...] = ()


class AskListVersion(NamedTuple):
    pass


class TellVendor(NamedTuple):
    """DataTransfer: what a vendor has agreed on."""

    vendor_id: str
    message_id: str = ""
    data: str = ""


class AskForRequest(NamedTuple):
    """Send a CSR (SignCertificate). `use` is the name that 2.0.1 has for it, see Use of StationCertificate."""

    use: str = "ChargingStationCertificate"


class GiveCertificate(NamedTuple):
    """Here is what was signed: PEM, the station's own first. `use` as its request named it; empty where it named none."""

    chain: str
    use: str = ""


class InstallRoot(NamedTuple):
    """Trust this root (PEM) from now on, for `use`: see Use of InstalledCertificate."""

    use: str
    certificate: str


class ReadRoots(NamedTuple):
    """Tell which certificates are installed; of no uses: of all. 1.6 takes one at a time."""

    uses: tuple[str, ...] = ()


class DeleteRoot(NamedTuple):
    """Forget the certificate with these hashes, as the station told them."""

    algorithm: str
    name_hash: str
    key_hash: str
    serial: str


class Installed(NamedTuple):
    """A certificate that a station says it has. `below`: it hangs below the one before it."""

    use: str
    root: DeleteRoot
    below: bool = False


class CustomerInformation(NamedTuple):
    """Tell what you keep of a card (`report`), forget it (`clear`), or both. `key` is a number that tells inquiries apart."""

    uid: str
    key: int
    report: bool = True
    clear: bool = False


Intent = (
    Start
    | Stop
    | AskTransaction
    | TellCost
    | Reset
    | Unlock
    | Switch
    | Trigger
    | ClearCache
    | ReadConfiguration
    | Configure
    | UpdateFirmware
    | SendLog
    | AskForRequest
    | GiveCertificate
    | InstallRoot
    | ReadRoots
    | DeleteRoot
    | NetworkProfile
    | SetProfile
    | ClearProfile
    | GetSchedule
    | GetProfiles
    | Reserve
    | CancelReservation
    | SendList
    | AskListVersion
    | TellVendor
    | ConfigureMany
    | ReadReport
    | SetMonitor
    | SetMonitors
    | ClearMonitors
    | ReadMonitors
    | SetMonitoringBase
    | SetMonitoringLevel
    | CustomerInformation
)

# -- what came of it ----------------------------------------------------------------------------------------------------------------------

ACCEPTED = "accepted"
SCHEDULED = "scheduled"  # happens when the running transaction ends
REBOOT_REQUIRED = "reboot_required"  # in force after a reset
REJECTED = "rejected"
FAILED = "failed"  # it was tried
NOT_SUPPORTED = "not_supported"
OCCUPIED = "occupied"  # of a reservation: somebody charges there, or it is reserved already
FAULTED = "faulted"
UNAVAILABLE = "unavailable"
MISMATCH = "version_mismatch"  # of a local list: the station has another one than was thought
UNKNOWN = "unknown"  # a word that we don't know

GOOD = frozenset({ACCEPTED, SCHEDULED, REBOOT_REQUIRED})


class NotPossible(Exception):
    """A version has no way to say this; the message is for people."""
