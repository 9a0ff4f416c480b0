"""How a variable of a device model (OCPP 2.0.1 part 1 §4) is named in one text, so that it can stand where 1.6 has a key:

Component/Variable
Component:instance@evse.connector/Variable:instance
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Self

from stations.ocpp.events import Payload

_FORM = re.compile(
    r"(?P<component>[^/:@]{1,50})(?::(?P<component_instance>[^/@]{1,50}))?(?:@(?P<evse>\d{1,3})(?:\.(?P<connector>\d{1,3}))?)?"
    r"/(?P<variable>[^/:@]{1,50})(?::(?P<instance>.{1,50}))?"
)


class Variable(NamedTuple):
    """`evse` and `connector` 0: none said."""

    component: str
    name: str
    component_instance: str = ""
    instance: str = ""
    evse: int = 0
    connector: int = 0

    def __str__(self) -> str:
        at = f"@{self.evse}" + (f".{self.connector}" if self.connector else "") if self.evse else ""
        return f"{_with(self.component, self.component_instance)}{at}/{_with(self.name, self.instance)}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where it is no name of a variable."""
        found = _FORM.fullmatch(text)
        if not found:
            return None
        evse, connector = int(found["evse"] or 0), int(found["connector"] or 0)
        return cls(found["component"], found["variable"], found["component_instance"] or "", found["instance"] or "", evse, connector)

    @classmethod
    def read(cls, payload: Payload) -> Self:
        """Of anything that has a `component` and a `variable` (ComponentType, VariableType)."""
        component, variable = payload["component"], payload["variable"]
        evse: dict[str, Any] = component.get("evse") or {}
        return cls(
            component["name"], variable["name"], component.get("instance") or "", variable.get("instance") or "",
            evse.get("id") or 0, evse.get("connectorId") or 0,
        )  # fmt: skip

    def payload(self) -> Payload:
        component: Payload = {"name": self.component} | ({"instance": self.component_instance} if self.component_instance else {})
        if self.evse:
            component["evse"] = {"id": self.evse} | ({"connectorId": self.connector} if self.connector else {})
        return {"component": component, "variable": {"name": self.name} | ({"instance": self.instance} if self.instance else {})}


def _with(name: str, instance: str) -> str:
    return f"{name}:{instance}" if instance else name
