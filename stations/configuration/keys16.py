"""The configuration keys of OCPP 1.6: §9, and those of the security extension (white paper, edition 3)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as lazy

from stations.configuration.catalogue import (
    CHOICE,
    CORE,
    FIRMWARE,
    LIST,
    LOCAL_LIST,
    NUMBER,
    RESERVATION,
    SECRET,
    SECURITY,
    SMART,
    SWITCH,
    TEXT,
    Known,
    Text,
)

DAY = 86_400  # seconds
NO_VALUES = lazy("none are sent")

# §7.31; a station may add a phase: "Current.Import.L1"
MEASURANDS: tuple[tuple[str, Text], ...] = (
    ("Energy.Active.Import.Register", lazy("Meter reading")),
    ("Power.Active.Import", lazy("Power")),
    ("Current.Import", lazy("Current")),
    ("Voltage", lazy("Voltage")),
    ("SoC", lazy("Charge of the battery")),
    ("Temperature", lazy("Temperature")),
    ("Current.Offered", lazy("Current offered to the car")),
    ("Power.Offered", lazy("Power offered to the car")),
    ("Frequency", lazy("Frequency of the mains")),
    ("Power.Factor", lazy("Power factor")),
    ("Energy.Active.Import.Interval", lazy("Energy since the value before")),
    ("Energy.Active.Export.Register", lazy("Meter reading, energy given back")),
    ("Energy.Active.Export.Interval", lazy("Energy given back since the value before")),
    ("Energy.Reactive.Import.Register", lazy("Meter reading, reactive energy")),
    ("Energy.Reactive.Import.Interval", lazy("Reactive energy since the value before")),
    ("Energy.Reactive.Export.Register", lazy("Meter reading, reactive energy given back")),
    ("Energy.Reactive.Export.Interval", lazy("Reactive energy given back since the value before")),
    ("Power.Active.Export", lazy("Power given back")),
    ("Power.Reactive.Import", lazy("Reactive power")),
    ("Power.Reactive.Export", lazy("Reactive power given back")),
    ("Current.Export", lazy("Current given back")),
    ("RPM", lazy("Speed of the fan")),
)
PROFILES: tuple[tuple[str, Text], ...] = (
    ("Core", lazy("Core")),
    ("FirmwareManagement", lazy("Firmware and diagnostics")),
    ("LocalAuthListManagement", lazy("Local list")),
    ("Reservation", lazy("Reservations")),
    ("SmartCharging", lazy("Smart charging")),
    ("RemoteTrigger", lazy("Asking for messages")),
)
HIGHEST_PROFILE = lazy("A station goes to a higher security profile only, never back, and needs its password or certificate first.")


def _seconds(key: str, name: Text, text: Text, least: int, most: int, zero: Text = "", warning: Text = "") -> Known:
    return Known(key, CORE, name, text, NUMBER, "s", least, most, zero, warning=warning)


def _switch(key: str, name: Text, text: Text, group: str = CORE, readonly: bool = False, warning: Text = "") -> Known:
    return Known(key, group, name, text, SWITCH, readonly=readonly, warning=warning)


def _size(key: str, name: Text, text: Text, group: str = CORE, unit: str = "") -> Known:
    """How much a station can take: it tells, nobody sets it."""
    return Known(key, group, name, text, NUMBER, unit, 0, readonly=True)


def _measurands(key: str, name: Text, text: Text) -> Known:
    return Known(key, CORE, name, text, LIST, choices=MEASURANDS)


KEYS: tuple[Known, ...] = (
    # -- core, §9.1 ---------------------------------------------------------------------------------------------------------------------
    _seconds("HeartbeatInterval", lazy("Heartbeat"), lazy("How often the station says that it is there when it has nothing else to say."),
             10, DAY, warning=lazy("With more than half an hour the station looks silent here while nothing happens at it; with a few "
                                "seconds it only costs data.")),
    Known("WebSocketPingInterval", CORE, lazy("Ping of the connection"),
          lazy("How often the station checks that its connection is still open, so that routers on the way keep it open."), NUMBER, "s", 0,
          3600, lazy("no ping; the portal pings"), reboot=True, cuts_off=True,
          warning=lazy("Too long, and mobile networks drop the connection unseen: the station is away until it notices. "
                       "Usual is 30 to 60 s.")),
    _seconds("ConnectionTimeOut", lazy("Time to plug in"),
             lazy("How long a driver has to plug in after the card was accepted, before the station is free again."), 10, 3600),
    _seconds("MeterValueSampleInterval", lazy("Meter values while charging"),
             lazy("How often the station sends measurements of a charge."), 0, DAY, NO_VALUES),
    _measurands("MeterValuesSampledData", lazy("What is measured while charging"),
                lazy("Which measurements the station sends during a charge.")),
    _seconds("ClockAlignedDataInterval", lazy("Meter values by the clock"),
             lazy("How often the station sends measurements at round times, also while nobody charges."), 0, DAY, NO_VALUES),
    _measurands("MeterValuesAlignedData", lazy("What is measured by the clock"),
                lazy("Which measurements the station sends at round times.")),
    _measurands("StopTxnSampledData", lazy("Measurements of the charge at its end"),
                lazy("Which of the measurements of a charge are sent once more when it ends.")),
    _measurands("StopTxnAlignedData", lazy("Measurements by the clock at the end of a charge"),
                lazy("Which of the measurements at round times are sent once more when a charge ends.")),
    _switch("StopTransactionOnEVSideDisconnect", lazy("Unplugging at the car ends the charge"),
            lazy("Off: the charge waits until the car is plugged in again or the card is held to the reader.")),
    _switch("UnlockConnectorOnEVSideDisconnect", lazy("Unplugging at the car unlocks the socket"),
            lazy("Off: the driver opens the lock of the cable at the station with the card.")),
    _switch("StopTransactionOnInvalidId", lazy("A card that is refused ends the charge"),
            lazy("For charges that began offline: the station ends them when the card turns out to be refused here.")),
    Known("MaxEnergyOnInvalidId", CORE, lazy("Energy for a refused card"),
          lazy("How much such a charge may still take before the station withholds the current."), NUMBER, "Wh", 0, 1_000_000),
    _switch("AuthorizeRemoteTxRequests", lazy("Ask about the card of a start from here"),
            lazy("On: a charge that is started from the portal is checked like a card that is held to the reader.")),
    _switch("LocalAuthorizeOffline", lazy("Known cards charge offline"),
            lazy("While it is offline the station starts charges for the cards it knows.")),
    _switch("LocalPreAuthorize", lazy("Known cards start at once"),
            lazy("Also while it is online the station does not wait for our answer about cards it knows.")),
    _switch("AllowOfflineTxForUnknownId", lazy("Unknown cards charge offline"),
            lazy("While it is offline the station starts charges for any card; they are checked when it is back.")),
    _switch("AuthorizationCacheEnabled", lazy("Remember accepted cards"),
            lazy("The station keeps the cards that were accepted here, and may take them while it is offline.")),
    Known("TransactionMessageAttempts", CORE, lazy("Attempts to report a charge"),
          lazy("How often the station tries to hand over a message about a charge that is answered with an error, before it drops it."),
          NUMBER, "×", 1, 100, warning=lazy("With too few the record of a charge can get lost.")),
    _seconds("TransactionMessageRetryInterval", lazy("Pause between these attempts"),
             lazy("How long the station waits before it tries again; the pause grows with every attempt."), 1, DAY),
    Known("ResetRetries", CORE, lazy("Attempts to reset"), lazy("How often the station tries again when a reset did not succeed."),
          NUMBER, "×", 0, 10),
    _seconds("MinimumStatusDuration", lazy("Least time of a status"),
             lazy("How long a status must last before the station reports it."), 0, 3600, lazy("every status is reported")),
    Known("LightIntensity", CORE, lazy("Brightness of its lights"), lazy("How bright the lights of the station are."), NUMBER, "%", 0, 100),
    Known("BlinkRepeat", CORE, lazy("Blinking"), lazy("How often the lights blink when the station wants to be noticed."),
          NUMBER, "×", 0, 100),
    Known("ConnectorPhaseRotation", CORE, lazy("Order of the phases"),
          lazy("How the phases of each connector are wired, such as “0.RST, 1.RST, 2.STR”; load management needs it."), TEXT,
          warning=lazy("A wrong order lets the load management limit the wrong phase.")),
    _size("NumberOfConnectors", lazy("Number of connectors"), lazy("How many connectors the station has.")),
    Known("SupportedFeatureProfiles", CORE, lazy("What it can do"), lazy("The parts of OCPP that the station has."), LIST,
          choices=PROFILES, readonly=True),
    _size("GetConfigurationMaxKeys", lazy("Keys in one question"), lazy("How many keys the station can be asked for at once.")),
    _size("ConnectorPhaseRotationMaxLength", lazy("Most entries in the order of the phases"),
          lazy("How many entries fit into “Order of the phases”.")),
    _size("MeterValuesSampledDataMaxLength", lazy("Most measurements while charging"),
          lazy("How many entries fit into “What is measured while charging”.")),
    _size("MeterValuesAlignedDataMaxLength", lazy("Most measurements by the clock"),
          lazy("How many entries fit into “What is measured by the clock”.")),
    _size("StopTxnSampledDataMaxLength", lazy("Most measurements of the charge at its end"),
          lazy("How many entries fit into “Measurements of the charge at its end”.")),
    _size("StopTxnAlignedDataMaxLength", lazy("Most measurements by the clock at the end"),
          lazy("How many entries fit into “Measurements by the clock at the end of a charge”.")),
    _size("SupportedFeatureProfilesMaxLength", lazy("Most entries in what it can do"), lazy("How many entries “What it can do” may have.")),
    # -- local list, §9.2 ---------------------------------------------------------------------------------------------------------------
    _switch("LocalAuthListEnabled", lazy("Use the local list"),
            lazy("The station uses the list of cards that the portal gives it, for times without a connection."), LOCAL_LIST),
    _size("LocalAuthListMaxLength", lazy("Cards on the local list"), lazy("How many cards fit on its list."), LOCAL_LIST),
    _size("SendLocalListMaxLength", lazy("Cards in one message"), lazy("How many cards fit into one message."), LOCAL_LIST),
    # -- reservation, §9.3 --------------------------------------------------------------------------------------------------------------
    _switch("ReserveConnectorZeroSupported", lazy("The whole station can be reserved"),
            lazy("A reservation can leave it to the station which connector is kept free."), RESERVATION, readonly=True),
    # -- smart charging, §9.4 -----------------------------------------------------------------------------------------------------------
    _size("ChargeProfileMaxStackLevel", lazy("Levels of charging profiles"),
          lazy("Up to which level charging profiles can be laid over each other."), SMART),
    Known("ChargingScheduleAllowedChargingRateUnit", SMART, lazy("Units of charging profiles"),
          lazy("Whether the station takes limits in ampere, in watt, or both."), LIST,
          choices=(("Current", lazy("ampere")), ("Power", lazy("watt"))), readonly=True),
    _size("ChargingScheduleMaxPeriods", lazy("Periods of a charging profile"),
          lazy("How many periods a charging profile may have."), SMART),
    _switch("ConnectorSwitch3to1PhaseSupported", lazy("Switches between 3 phases and 1"),
            lazy("The station can go from three phases to one during a charge."), SMART, readonly=True),
    _size("MaxChargingProfilesInstalled", lazy("Number of charging profiles"),
          lazy("How many charging profiles the station keeps."), SMART),
    # -- firmware management ------------------------------------------------------------------------------------------------------------
    Known("SupportedFileTransferProtocols", FIRMWARE, lazy("Ways to transfer files"),
          lazy("How the station fetches firmware and uploads its logs."), LIST,
          choices=tuple((one, one) for one in ("FTP", "FTPS", "HTTP", "HTTPS", "SFTP")), readonly=True),
    # -- security extension -------------------------------------------------------------------------------------------------------------
    Known("AuthorizationKey", SECURITY, lazy("Password of the station"),
          lazy("With it the station logs in here; the portal takes the new one over when the station has accepted it."),
          SECRET, reboot=True, cuts_off=True,
          warning=lazy("The station connects anew with the new password. If it takes it and then forgets it, it cannot connect any more "
                       "until somebody types the password in at the station.")),
    Known("SecurityProfile", SECURITY, lazy("Security profile"), lazy("How the connection is secured."), CHOICE,
          choices=(("0", lazy("none")), ("1", lazy("password")), ("2", lazy("TLS and password")), ("3", lazy("TLS and certificate"))),
          reboot=True, cuts_off=True, warning=HIGHEST_PROFILE),
    Known("CpoName", SECURITY, lazy("Name of the operator"),
          lazy("The organization for which the station asks for its certificate."), TEXT, cuts_off=True,
          warning=lazy("A certificate for another name is refused by the station: with TLS and certificate it can then not connect.")),
    _switch("AdditionalRootCertificateCheck", lazy("Strict change of root certificates"),
            lazy("The station takes a new root certificate of the operator only when it is signed by the one before."), SECURITY,
            readonly=True),
    _size("CertificateSignedMaxChainSize", lazy("Size of a certificate chain"),
          lazy("How large the certificates may be that the station is sent."), SECURITY, "B"),
    _size("CertificateStoreMaxLength", lazy("Number of certificates"), lazy("How many root certificates the station keeps."), SECURITY),
)  # fmt: skip
