"""Every write to locations, stations and commands by people: one transaction each, the audit row inside, nudges on commit."""

from stations.actions.commands import CommandRefused, ask, request_command
from stations.actions.infrastructure import (
    add_stations,
    create_connector,
    delete_connector,
    delete_station,
    edit_connector,
    edit_station,
    renew_password,
    set_stations_active,
    what_is_wrong_with,
    why_connector_stays,
    why_station_not_moved,
    why_station_stays,
)
from stations.actions.locations import (
    create_location,
    delete_location,
    edit_location,
    move_location,
    publish_location,
    why_location_not_moved,
    why_location_stays,
)

__all__ = [
    "CommandRefused",
    "add_stations",
    "ask",
    "create_connector",
    "create_location",
    "delete_connector",
    "delete_location",
    "delete_station",
    "edit_connector",
    "edit_location",
    "edit_station",
    "move_location",
    "publish_location",
    "renew_password",
    "request_command",
    "set_stations_active",
    "what_is_wrong_with",
    "why_connector_stays",
    "why_location_not_moved",
    "why_location_stays",
    "why_station_not_moved",
    "why_station_stays",
]
