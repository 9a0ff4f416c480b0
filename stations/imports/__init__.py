"""What locations and stations are imported from; registered with tenancy.imports."""

from stations.imports.locations import LOCATIONS
from stations.imports.stations import STATIONS

__all__ = ["LOCATIONS", "STATIONS"]
