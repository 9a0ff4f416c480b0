"""Charge passes, the lists they stand on, the cards of roaming networks, and what stations know of both."""

from passes.models.local_list import LocalList
from passes.models.passes import ChargePass, Listing, PassGroup, check_uid, normalize_uid, reversed_uid
from passes.models.restrictions import Restricted
from passes.models.roaming import Provider, RoamingPolicy, RoamingToken

__all__ = [
    "ChargePass",
    "Listing",
    "LocalList",
    "PassGroup",
    "Provider",
    "Restricted",
    "RoamingPolicy",
    "RoamingToken",
    "check_uid",
    "normalize_uid",
    "reversed_uid",
]
