"""How a variable of a device model (OCPP 2.0.1 part 1 §4) is named in one text, so that it can stand where 1.6 has a key:

Component/Variable
Component:instance@evse.connector/Variable:instance

What stands between the parts may be in a name too (identifierString has ":" and "@"): it is written there as in an address, "%3A".
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from stations.ocpp.events import Payload

LONGEST_KEY = 220  # characters of the whole name as it is kept
LONGEST_NAME = 50
_FORM = re.compile(
    r"(?P<component>[^/:@]{1,150})(?::(?P<component_instance>[^/@]{1,150}))?(?:@(?P<evse>\d{1,3})(?:\.(?P<connector>\d{1,3}))?)?"
    r"/(?P<variable>[^/:@]{1,150})(?::(?P<instance>.{1,150}))?"
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
        component = _with(_escaped(self.component, ":@/"), _escaped(self.component_instance, "@/"))
        return f"{component}{at}/{_with(_escaped(self.name, ':@/'), _escaped(self.instance, ''))}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where it is no name of a variable."""
        found = _FORM.fullmatch(text)
        if not found:
            return None
        evse, connector = int(found["evse"] or 0), int(found["connector"] or 0)
        names = ("component", "variable", "component_instance", "instance")
        component, variable, component_instance, instance = (unquote(found[name] or "") for name in names)
        if max(map(len, (component, variable, component_instance, instance))) > LONGEST_NAME:
            return None
        return cls(component, variable, component_instance, instance, evse, connector)

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


def _escaped(text: str, between: str) -> str:
    """With what would be read as the end of the name, and "%" itself, as in an address."""
    if not any(one in text for one in f"%{between}"):
        return text
    return "".join(f"%{ord(one):02X}" if one == "%" or one in between else one for one in text)


def _with(name: str, instance: str) -> str:
    return f"{name}:{instance}" if instance else name
