"""Who may see and do what: the only door to rows that belong to a tenant.

`Model.objects.visible_to(user, right)` is the only read of a list, `get_for(user, queryset, right, pk=…)` the only read of one
object: a foreign tenant's object is 404, one's own without the right is 403. A model takes part by naming the lookup that leads
to its organization's path in `tenant_path`, and, below a location, the one that leads to that in `place_lookup`.

A right is held at an organization and everywhere below it, or at a single location. The grants are rows of django-guardian's
(tenancy.models.OrganizationGrant, and those in GRANTS); a request reads all of a user's in one query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

Text = str | Promise

READ = "read"
MANAGE_ORGANIZATIONS = "manage_organizations"
CLOSE_ORGANIZATIONS = "close_organizations"
LET_IN = "let_in"
READ_AUDIT = "read_audit"
MANAGE_LOCATIONS = "manage_locations"
PUBLISH_LOCATIONS = "publish_locations"
MANAGE_STATIONS = "manage_stations"
READ_LOGS = "read_logs"
FETCH_LOGS = "fetch_logs"
KEEP_NOTES = "keep_notes"
READ_TRANSACTIONS = "read_transactions"
CORRECT_TRANSACTIONS = "correct_transactions"
START_CHARGING = "start_charging"
STOP_CHARGING = "stop_charging"
UNLOCK_CONNECTORS = "unlock_connectors"
RESET_STATIONS = "reset_stations"
CHANGE_AVAILABILITY = "change_availability"
TRIGGER_MESSAGES = "trigger_messages"
CLEAR_CACHE = "clear_cache"
UPDATE_LOCAL_LISTS = "update_local_lists"
READ_CONFIGURATION = "read_configuration"
CHANGE_CONFIGURATION = "change_configuration"
UPDATE_FIRMWARE = "update_firmware"
SEND_ANYTHING = "send_anything"
MANAGE_PASSES = "manage_passes"
MANAGE_NETWORKS = "manage_networks"
MANAGE_USERS = "manage_users"
PERSONAL_DATA = "personal_data"
UPDATE_USER_ROLES = "update_user_roles"
MANAGE_ROLES = "manage_roles"
VIEW_AS = "view_as"
READ_MONEY = "read_money"
MANAGE_RATES = "manage_rates"
MANAGE_INVOICE_DATA = "manage_invoice_data"
OPERATIONS_TAB = "operations_tab"
COST_RELEASE = "cost_release"


class Right(NamedTuple):
    """`label` names its switch; `allows` goes on after "the right to …"."""

    code: str
    label: Text
    allows: Text


class Section(NamedTuple):
    """A group of switches. `always` is what everybody with a role may do there; it cannot be switched off."""

    name: Text
    rights: tuple[Right, ...]
    always: Text = ""


SECTIONS = (
    Section(_("Organizations"), (
        Right(MANAGE_ORGANIZATIONS, _("Add, change and move organizations"), _("add, change and move organizations")),
        Right(CLOSE_ORGANIZATIONS, _("Deactivate and delete organizations"), _("deactivate and delete organizations")),
        Right(LET_IN, _("Let a service company in"), _("give a service company access")),
        Right(READ_AUDIT, _("See who changed what"), _("see who changed what")),
    ), _("See organizations")),
    Section(_("Locations"), (
        Right(MANAGE_LOCATIONS, _("Add, change, move and delete locations"), _("add, change, move and delete locations")),
        Right(PUBLISH_LOCATIONS, _("Publish locations"), _("publish locations")),
    ), _("See locations")),
    Section(_("Stations"), (
        Right(MANAGE_STATIONS, _("Add, change, deactivate and delete stations"), _("add, change, deactivate and delete stations")),
        Right(READ_TRANSACTIONS, _("See transactions"), _("see transactions")),
        Right(CORRECT_TRANSACTIONS, _("Correct transactions and work off the inbox"), _("correct transactions and work off the inbox")),
        Right(READ_LOGS, _("See the log of messages"), _("see the log of messages")),
        Right(FETCH_LOGS, _("Fetch diagnostics and logs"), _("fetch and download the diagnostics and logs of stations")),
        Right(KEEP_NOTES, _("Keep notes, documents and contacts"), _("keep notes, documents and contacts")),
    ), _("See stations and what they do")),
    Section(_("Commands to stations"), (
        Right(START_CHARGING, _("Start charging"), _("start charging")),
        Right(STOP_CHARGING, _("Stop charging"), _("stop charging")),
        Right(UNLOCK_CONNECTORS, _("Unlock connectors"), _("unlock connectors")),
        Right(RESET_STATIONS, _("Reset stations"), _("reset stations")),
        Right(CHANGE_AVAILABILITY, _("Put in and out of service"), _("put stations and connectors in and out of service")),
        Right(TRIGGER_MESSAGES, _("Ask for a message"), _("ask stations for a message")),
        Right(CLEAR_CACHE, _("Clear the card cache"), _("clear the card cache of stations")),
        Right(UPDATE_LOCAL_LISTS, _("Send local lists"), _("send stations the list of cards that charge while they are offline")),
        Right(READ_CONFIGURATION, _("Read the configuration"), _("read the configuration of stations")),
        Right(CHANGE_CONFIGURATION, _("Change the configuration"), _("change the configuration of stations")),
        Right(UPDATE_FIRMWARE, _("Update the firmware"), _("update the firmware of stations")),
        Right(SEND_ANYTHING, _("Expert console"), _("send stations any message")),
    )),
    Section(_("Passes"), (
        Right(MANAGE_PASSES, _("Add, change, block and delete passes"), _("add, change, block and delete passes")),
        Right(MANAGE_NETWORKS, _("Connect card providers"), _("connect card providers and see the cards they tell of")),
    ), _("See passes")),
    Section(_("Users and roles"), (
        Right(MANAGE_USERS, _("Invite, change and deactivate users"), _("invite, change and deactivate users")),
        Right(UPDATE_USER_ROLES, _("See and assign roles"), _("see and assign roles")),
        Right(MANAGE_ROLES, _("Create, change, propagate and delete roles"), _("create, change, propagate and delete roles")),
        Right(VIEW_AS, _("View the portal as another user"), _("view the portal as another user")),
    ), _("See users")),
    Section(_("Personal data"), (
        Right(PERSONAL_DATA, _("See names, addresses and card numbers of people"), _("see names, addresses and card numbers of people")),
    )),
    Section(_("Money"), (
        Right(READ_MONEY, _("See rates and amounts"), _("see rates and amounts")),
        Right(MANAGE_RATES, _("Change rates"), _("change rates")),
        Right(MANAGE_INVOICE_DATA, _("See and change bank account and tax numbers"), _("see and change bank account and tax numbers")),
    )),
    Section(_("360.SUPPORT"), (
        Right(OPERATIONS_TAB, _("Operations tab"), _("open the Operations tab of a station")),
        Right(COST_RELEASE, _("Cost release"), _("release actions that entail follow-up costs")),
    )),
)  # fmt: skip

RIGHTS: dict[str, Right] = {right.code: right for section in SECTIONS for right in section.rights}
# What a right allows, in words that go on after "the right to …"
LABELS: dict[str, Text] = {READ: _("see this"), **{code: right.allows for code, right in RIGHTS.items()}}
# Django's permissions, on every model at whose objects rights are granted. People read the labels above, so that rewording one needs
# no migration.
PERMISSIONS: list[tuple[str, Any]] = [(code, code) for code in (READ, *RIGHTS)]

M = TypeVar("M", bound=models.Model)


class Missing(PermissionDenied):
    """The page is there, the right is not. `path` is where it would be needed; empty: anywhere."""

    def __init__(self, right: str, path: str = "") -> None:
        super().__init__(right)
        self.right, self.path = right, path


class Reach(NamedTuple):
    """Where a right is held: at the organizations with these paths and everything below, and at these locations."""

    paths: tuple[str, ...] = ()
    places: frozenset[int] = frozenset()

    @property
    def key(self) -> str:
        """The same for everybody who reaches the same."""
        return ",".join([*self.paths, *map(str, sorted(self.places))])

    def covers(self, path: str, place: int | None = None) -> bool:
        return path.startswith(self.paths) or (place is not None and place in self.places) if self.paths else place in self.places


NOWHERE = Reach()
# What gives grants: querysets of (path or "l" + the location's key, codename), of rows that are in force. tenancy's own, and those that
# the app which owns the places registers.
GRANTS: list[Any] = []


def reach(user: User | AnonymousUser, right: str = READ) -> Reach:
    """Where `user` holds `right`. All of a user's grants are read together, once per request."""
    found: dict[str, Reach] | None = user.__dict__.get("_reach")
    if found is None:
        found = _read(user) if user.is_authenticated and user.is_active and not user.organization.closed else {}
        user.__dict__["_reach"] = found
    return found.get(right, NOWHERE)


def forget(user: User | AnonymousUser) -> None:
    """Grants of `user` have changed: read them again."""
    user.__dict__.pop("_reach", None)


def _read(user: Any) -> dict[str, Reach]:
    first, *more = (rows(user) for rows in GRANTS)
    rows: QuerySet[Any, Any] = first.union(*more, all=True) if more else first
    paths: dict[str, set[str]] = {}
    places: dict[str, set[int]] = {}
    for where, right in rows:
        if where.startswith("/"):
            paths.setdefault(right, set()).add(where)
        else:
            places.setdefault(right, set()).add(int(where[1:]))
    return {right: Reach(highest(paths.get(right, ())), frozenset(places.get(right, ()))) for right in {*paths, *places}}


def highest(paths: Iterable[str]) -> tuple[str, ...]:
    """`paths` without those that lie below another."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return tuple(found)


def granted_paths(user: User | AnonymousUser, right: str = READ) -> tuple[str, ...]:
    """The paths of the organizations where `user` holds `right`; it holds at each of them and everywhere below."""
    return reach(user, right).paths


def anywhere(user: User | AnonymousUser, right: str) -> bool:
    """Whether `user` holds `right` at some place at all."""
    return reach(user, right) != NOWHERE


def at_platform(user: User | AnonymousUser, right: str) -> bool:
    """Whether `user` holds `right` at the platform itself, and so everywhere."""
    return any(path.count("/") == 2 for path in reach(user, right).paths)


def holds(user: User | AnonymousUser, right: str, path: str, place: int | None = None) -> bool:
    """Whether `user` holds `right` at the organization with this path, or at least at its location `place`."""
    return reach(user, right).covers(path, place)


def may(user: User | AnonymousUser, right: str, thing: models.Model) -> bool:
    """Whether `user` holds `right` at the organization or location to which `thing` belongs."""
    return reach(user, right).covers(path_of(thing), place_of(thing))


def path_of(thing: models.Model) -> str:
    """The path of the organization to which `thing` belongs; empty where there is none."""
    return str(_follow(thing, thing.tenant_path) or "")  # type: ignore[attr-defined]


def place_of(thing: models.Model) -> int | None:
    lookup = getattr(thing, "place_lookup", "")
    if not lookup:
        return None
    *way, last = lookup.split("__")
    found = _follow(thing, "__".join(way)) if way else thing
    return getattr(found, last if last == "pk" else f"{last}_id", None)


def _follow(thing: Any, lookup: str) -> Any:
    for name in lookup.split("__"):
        thing = getattr(thing, name, None)
    return thing


def beyond(user: User | AnonymousUser, rights: Collection[str], path: str, place: int | None = None) -> list[str]:
    """Those of `rights` that `user` does not hold at `path`, in the order of the switches: nobody can give these there."""
    return [code for code in LABELS if code in rights and not holds(user, code, path, place)]


def words(rights: Iterable[str]) -> str:
    """Rights as they are called on their switches."""
    wanted = set(rights)
    return ", ".join(f"“{RIGHTS[code].label}”" for code in RIGHTS if code in wanted)


def condition(user: User | AnonymousUser, right: str, model: type[models.Model]) -> Q:
    """What holds of those rows of `model` at which `user` holds `right`; empty where it holds of all of them."""
    if at_platform(user, right):
        return Q()  # the platform: there is nothing that is not below it
    where, found = reach(user, right), Q()
    for path in where.paths:
        found |= Q(**{f"{model.tenant_path}__startswith": path})  # type: ignore[attr-defined]
    lookup = getattr(model, "place_lookup", "")
    if lookup and where.places:
        found |= Q(**{f"{lookup}__in": where.places})
    return found or Q(pk__in=[])


class VisibleQuerySet(models.QuerySet[M]):
    def below(self, path: str) -> Self:
        """Only rows of the organization with this path and of everything below it."""
        return self.filter(**{f"{self.model.tenant_path}__startswith": path})  # type: ignore[attr-defined]

    def visible_to(self, user: User | AnonymousUser, right: str = "") -> Self:
        """The rows at which `user` holds `right`; without one, that which the model names as `read_right`."""
        return self.filter(condition(user, right or getattr(self.model, "read_right", READ), self.model))


def get_for(user: User | AnonymousUser, queryset: models.QuerySet[M], right: str = "", **lookup: Any) -> M:
    """One object of a VisibleQuerySet: Http404 when the user may not know of it, Missing when only `right` is missing."""
    found: M | None = queryset.visible_to(user, READ).filter(**lookup).first()  # type: ignore[attr-defined]
    if found is None:
        raise Http404
    needed = right or getattr(queryset.model, "read_right", READ)
    if needed != READ and not may(user, needed, found):
        raise Missing(needed, path_of(found))
    return found
