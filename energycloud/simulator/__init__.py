"""Simulated stations: real websocket clients that speak OCPP 1.6J and 2.0.1, for the demo, for tests and for whoever tries a set-up."""

from energycloud.simulator.base import Outlet, Session, Station
from energycloud.simulator.link import NotConnected
from energycloud.simulator.makes import MAKES, Make
from energycloud.simulator.station import SimulatedStation
from energycloud.simulator.station201 import SimulatedStation201
from energycloud.simulator.versions import simulated

__all__ = ["MAKES", "Make", "NotConnected", "Outlet", "Session", "SimulatedStation", "SimulatedStation201", "Station", "simulated"]
