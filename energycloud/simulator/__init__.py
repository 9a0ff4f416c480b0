"""Simulated stations: real websocket clients that speak OCPP 1.6J, for the demo, for tests and for whoever tries out a set-up."""

from energycloud.simulator.makes import MAKES, Make
from energycloud.simulator.station import NotConnected, Outlet, Session, SimulatedStation

__all__ = ["MAKES", "Make", "NotConnected", "Outlet", "Session", "SimulatedStation"]
