"""The station's side of OCPP 2.0.1: it checks each CALL of the server against the schema and hands it to whoever answers the action."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ocpp.exceptions import NotImplementedError as NotHere
from ocpp.exceptions import NotSupportedError, OCPPError
from ocpp.messages import Call, MessageType, validate_payload
from ocpp.v201 import ChargePoint
from ocpp.v201.enums import Action

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201

Payload = dict[str, Any]
Answer = Payload | tuple[Payload, Coroutine[Any, Any, Any] | None]  # what follows from it begins once the answer is out
Handler = Callable[["SimulatedStation201", Payload], Answer]

HANDLERS: dict[str, Handler] = {}


def answers(action: str) -> Callable[[Handler], Handler]:
    """The function that answers this action of the server: it is given the payload as it came."""

    def enter(handler: Handler) -> Handler:
        HANDLERS[action] = handler
        return handler

    return enter


class Protocol201(ChargePoint):
    """One connection."""

    def __init__(self, station: SimulatedStation201, connection: Any, **options: Any) -> None:
        super().__init__(station.identity, connection, **options)
        self.station = station

    async def _handle_call(self, msg: Any) -> None:
        self.station.received.append((msg.action, msg.payload))
        if msg.action in self.station.deaf_to:
            return
        handler = HANDLERS.get(msg.action)
        if handler is None:
            known = msg.action in Action.__members__.values()
            raise (NotSupportedError if known else NotHere)(details={"cause": f"{msg.action} is not here."})
        await validate_payload(msg, "2.0.1")
        answer = handler(self.station, msg.payload)
        payload, then = answer if isinstance(answer, tuple) else (answer, None)
        result = msg.create_call_result(payload)
        await validate_payload(result, "2.0.1")
        await self._send(result.to_json())
        if then:
            self.station.later(then)

    async def ask(self, action: str, payload: Payload, *, check: bool = True) -> Payload:
        """Send a CALL; the payload of the answer. Raises OCPPError for a CALLERROR, TimeoutError. `check`: against the schema first."""
        asked = Call(unique_id=str(self._unique_id_generator()), action=action, payload=payload)
        if check:
            await validate_payload(asked, "2.0.1")
        async with self._call_lock:
            await self._send(asked.to_json())
            response = await self._get_specific_response(asked.unique_id, self._response_timeout)
        if response.message_type_id == MessageType.CallError:
            error: OCPPError = response.to_exception()
            raise error
        answered: Payload = response.payload
        return answered
