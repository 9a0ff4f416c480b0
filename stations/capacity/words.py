"""The capacity of a location in words."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from stations import explain
from stations.capacity import picture

Text = str | Promise


class Why(NamedTuple):
    """`state` is one of the six, `advice` what can be done about it."""

    state: str
    word: Text
    sentence: Text
    advice: Text = ""


WHY: dict[str, Why] = {
    picture.ALL: Why(explain.CHARGING, lazy("Gets all it asks for"), lazy("As much as the car, the cable and the station take.")),
    picture.SHARED: Why(explain.CHARGING, lazy("Limited"), lazy("It gets its fair share of the limit; with more room it would take more.")),
    picture.PAUSED: Why(
        explain.WAITING, lazy("Paused"),
        lazy(
            "Not all minimum currents fit into the limit. Cars of the same priority take turns of 15 minutes: who has waited longest is "
            "next."
        ),
    ),
    picture.BLOCKED: Why(
        explain.WAITING, lazy("Paused"),
        lazy("Stations that the portal cannot lower fill the phase. It waits until they take less."),
    ),
    picture.CLOSED: Why(
        explain.WAITING, lazy("Paused"),
        lazy("The limit that holds now, or within minutes, is below the minimum current. It waits until the limit is higher."),
    ),
    picture.NO_ROOM: Why(
        explain.WAITING, lazy("Below the minimum"), lazy("It can take less than the minimum current, so it gets nothing."),
        lazy("Check the maximum current of the connector, and what others limit it to."),
    ),
    picture.RESTS: Why(explain.BUSY, lazy("Takes nothing"), lazy("The car is full or waits. The minimum is kept for it.")),
    picture.FREE: Why(explain.AVAILABLE, lazy("Not charging"), lazy("Who begins gets a share within seconds.")),
    picture.SETTING: Why(
        explain.WAITING, lazy("Being set"),
        lazy("The station is asked for its limit. Until it says yes, it can take no more than is kept free for it."),
    ),
    picture.SILENT: Why(
        explain.WAITING, lazy("No connection"),
        lazy("It has what it was granted last, and after that its safe value. That much is kept free for it."),
    ),
    picture.UNSEEN: Why(
        explain.FAULT, lazy("No connection, no limit"),
        lazy("The station was never given a limit, so the maximum of its connectors is kept free."),
        lazy("It gets one when it connects. If it stands there no longer, deactivate it."),
    ),
    picture.NO_LIMIT: Why(explain.WAITING, lazy("No limit yet"), lazy("It is asked for its first limit; its maximum is kept free.")),
    picture.REFUSED: Why(
        explain.FAULT, lazy("Refuses limits"),
        lazy("The station does not accept charging profiles, so its maximum is kept free. It is asked again every 10 minutes."),
        lazy("Ask its maker for smart charging (OCPP 1.6 feature profile SmartCharging), or limit it by its own settings."),
    ),
    picture.DISOBEYS: Why(
        explain.FAULT, lazy("Takes more than granted"),
        lazy("The station accepted its limit and more is measured, so what is measured is kept free."),
        lazy("It is sent its limit again every few minutes. Look at its tab Smart charging, and at the wiring of its phases here."),
    ),
    picture.OUTRANKED: Why(
        explain.FAULT, lazy("Another limit goes before"),
        lazy("A charging profile that somebody else gave the station counts in place of the portal's, so what that allows is kept free."),
        lazy("Clear it in the tab Smart charging of the station."),
    ),
}  # fmt: skip
UNKNOWN = Why(explain.OFF, lazy("Not looked at yet"), lazy("The portal looks at a location every 10 seconds."))


def why(code: str) -> Why:
    return WHY.get(code, UNKNOWN)


DAYS: tuple[Text, ...] = (
    lazy("Monday"), lazy("Tuesday"), lazy("Wednesday"), lazy("Thursday"), lazy("Friday"), lazy("Saturday"), lazy("Sunday"),
)  # fmt: skip
