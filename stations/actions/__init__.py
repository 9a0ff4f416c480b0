"""Every write to locations, stations and commands by people: one transaction each, the audit row inside, nudges on commit."""

from stations.actions.availability import (
    activate_station,
    change_out_of_service,
    deactivate_station,
    put_in_service,
    take_out_of_service,
)
from stations.actions.bulk import (
    begin_bulk_job,
    cancel_bulk_job,
    look_at_many,
    retry_bulk_job,
)
from stations.actions.commands import (
    CommandRefused,
    ask,
    request_command,
)
from stations.actions.configuration import (
    create_configuration_template,
    delete_configuration_template,
    edit_configuration_template,
    set_keys,
)
from stations.actions.hardware import (
    create_hardware_template,
    delete_hardware_template,
    edit_hardware_template,
    take_over_template,
)
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
from stations.actions.vendor_codes import (
    create_vendor_code,
    delete_vendor_code,
    edit_vendor_code,
)

__all__ = [
    "CommandRefused",
    "activate_station",
    "add_stations",
    "ask",
    "begin_bulk_job",
    "cancel_bulk_job",
    "change_out_of_service",
    "create_configuration_template",
    "create_connector",
    "create_hardware_template",
    "create_location",
    "create_vendor_code",
    "deactivate_station",
    "delete_configuration_template",
    "delete_connector",
    "delete_hardware_template",
    "delete_location",
    "delete_station",
    "delete_vendor_code",
    "edit_configuration_template",
    "edit_connector",
    "edit_hardware_template",
    "edit_location",
    "edit_station",
    "edit_vendor_code",
    "look_at_many",
    "move_location",
    "publish_location",
    "put_in_service",
    "renew_password",
    "request_command",
    "retry_bulk_job",
    "set_keys",
    "set_stations_active",
    "take_out_of_service",
    "take_over_template",
    "what_is_wrong_with",
    "why_connector_stays",
    "why_location_not_moved",
    "why_location_stays",
    "why_station_not_moved",
    "why_station_stays",
]
