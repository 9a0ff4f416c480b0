"""What real makes tell of themselves in BootNotification, and what stands at the kerb: sockets, currents, meters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Make:
    vendor: str  # as in BootNotification, at most 20 characters
    model: str  # likewise
    firmware: str
    serial: str  # a pattern: each 9 becomes a digit
    connectors: int = 1
    current_type: str = "AC"
    phases: int = 3
    voltage: int = 230
    max_current: int = 32  # A, per connector
    plugs: tuple[str, ...] = ("Type 2",)  # per connector, the last one repeats
    cable: bool = False
    communication: str = "4G"
    # Its local list: "whole": it takes no differential updates; "fails": nothing at all; "no", "unknown": it has none, and says so with a
    # status, or with an error
    local_list: str = "yes"
    diagnostics: bool = True  # else it has none to upload
    security_log: bool = False
    version: str = "1.6"  # of OCPP, or "2.0.1"
    per_evse: int = 1  # connectors that share an EVSE, of which one charges at a time
    reserves: bool = True  # takes reservations
    smart: bool = True  # takes charging profiles
    tx_start: str = "EVConnected,Authorized"  # 2.0.1: when a transaction begins and ends, as TxCtrlr has it
    tx_stop: str = "EVConnected,Authorized"

    @property
    def max_power(self) -> int:
        """W, of one connector."""
        return self.max_current * self.voltage * (self.phases if self.current_type == "AC" else 1)

    def plug(self, connector: int) -> str:
        return self.plugs[min(connector, len(self.plugs)) - 1]


MAKES: dict[str, Make] = {
    "alfen-single": Make("Alfen BV", "NG910-60023", "6.5.1-4194", "ACE0999999", security_log=True),
    "alfen-double": Make("Alfen BV", "NG920-61011", "6.5.1-4194", "ACE0999999", connectors=2, security_log=True),
    "abb-ac": Make("ABB", "TAC-W22-T-RD-M-0", "V1.8.32", "TACW2299924999"),
    "abb-dc": Make("ABB", "Terra 54 CJG", "4.1.4.42", "T54-IT1-9999-999", connectors=2, current_type="DC", voltage=400,
                   max_current=125, plugs=("CCS", "CHAdeMO"), cable=True),
    "wallbox": Make("Wall Box Chargers", "PLP1-M-2-4-9-002-F", "6.6.14", "999999", cable=True, communication="Wi-Fi",
                    local_list="no", diagnostics=False),
    "easee": Make("Easee", "Charge Max", "v331", "EC999999", communication="Wi-Fi", local_list="unknown"),
    "keba": Make("Keba AG", "KC-P30-EC2404B2-M0A", "P30 v 1.18.1", "99999999", max_current=32, communication="Ethernet"),
    "mennekes": Make("MENNEKES", "AMTRON Professional", "5.22.12-22098", "1384202299.99999", communication="Ethernet"),
    "evbox": Make("EV-BOX", "G4-M5320E-F2", "G4.18.7", "EVB-P99999999", connectors=2, max_current=16, local_list="fails"),
    "zaptec": Make("ZAPTEC", "Zaptec Pro", "3.4.2.1", "ZPR099999", communication="Ethernet", local_list="whole"),
    "alpitronic-150": Make("alpitronic GmbH", "HYC150", "v2.6.1-3", "9999.99999", connectors=2, current_type="DC", voltage=400,
                           max_current=375, plugs=("CCS",), cable=True),
    "alpitronic-300": Make("alpitronic GmbH", "HYC300", "v2.6.1-3", "9999.99999", connectors=2, current_type="DC", voltage=400,
                           max_current=500, plugs=("CCS",), cable=True),
    "alfen-201": Make("Alfen BV", "NG920-61031", "7.1.0-5012", "ACE0999999", connectors=2, security_log=True, version="2.0.1",
                      tx_start="EVConnected"),
    "alfen-single-201": Make("Alfen BV", "NG910-60031", "7.1.0-5012", "ACE0999999", security_log=True, version="2.0.1",
                             tx_start="EVConnected,Authorized"),
    "zaptec-201": Make("ZAPTEC", "Zaptec Pro 2", "5.0.4.1", "ZPR099999", communication="Ethernet", security_log=True, version="2.0.1",
                       tx_start="PowerPathClosed", tx_stop="EVConnected"),
    "alpitronic-201": Make("alpitronic GmbH", "HYC400", "v3.2.0-1", "9999.99999", connectors=4, per_evse=2, current_type="DC", voltage=400,
                           max_current=500, plugs=("CCS", "CHAdeMO", "CCS", "CCS"), cable=True, security_log=True, version="2.0.1",
                           tx_start="Authorized"),
    "kempower": Make("Kempower Oy", "C500 S-Series", "2.9.4", "KP-99999", connectors=2, current_type="DC", voltage=400,
                     max_current=300, plugs=("CCS",), cable=True),
}  # fmt: skip
