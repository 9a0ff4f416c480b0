"""The record in words: what an entry says to one person, and which entries tell of what.

People's names, card numbers and addresses stand there for those who may see personal data at the organization of the entry, bank and tax
numbers and amounts for those who hold the right to these; everybody else reads MASK. A model says in `personal_fields` which of its values
are of people, and with `personal_name` that its name is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, tzinfo
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import hooks
from tenancy.models import AuditEntry, User
from tenancy.personal import MASK, where_seen
from tenancy.rights import (
    MANAGE_INVOICE_DATA,
    PERSONAL_DATA,
    READ,
    READ_AUDIT,
    READ_CONFIGURATION,
    READ_MONEY,
    RIGHTS,
    UPDATE_USER_ROLES,
    condition,
    holds,
    may,
    path_of,
    reach,
)
from ui.templatetags.ui import exact, own_zone

Text = str | Promise

NOTHING = "–"


class Verb(NamedTuple):
    """`label` names it in the filter, `sentence` says it of a thing."""

    label: Text
    sentence: Text


VERBS: dict[str, Verb] = {
    "create": Verb(lazy("Added"), lazy("Added the {kind} {name}")),
    "edit": Verb(lazy("Changed"), lazy("Changed the {kind} {name}")),
    "move": Verb(lazy("Moved"), lazy("Moved the {kind} {name}")),
    "publish": Verb(lazy("Published"), lazy("Published the {kind} {name}")),
    "unpublish": Verb(lazy("Unpublished"), lazy("Unpublished the {kind} {name}")),
    "move_away": Verb(lazy("Moved away"), lazy("Moved an organization away from {name}")),
    "list": Verb(lazy("Changed what a pass may"), lazy("Changed what the {kind} {name} may at an organization")),
    "send_local_list": Verb(lazy("Sent the local list again"), lazy("Had the local list of the {kind} {name} sent again")),
    "unlist": Verb(lazy("Took a pass off a list"), lazy("Took the {kind} {name} off the list of an organization")),
    "block": Verb(lazy("Blocked"), lazy("Blocked the {kind} {name}")),
    "unblock": Verb(lazy("Unblocked"), lazy("Unblocked the {kind} {name}")),
    "learn": Verb(lazy("Learned a card"), lazy("Began to learn a card at the {kind} {name}")),
    "deactivate": Verb(lazy("Deactivated"), lazy("Deactivated the {kind} {name}")),
    "activate": Verb(lazy("Activated"), lazy("Activated the {kind} {name}")),
    "delete": Verb(lazy("Deleted"), lazy("Deleted the {kind} {name}")),
    "delete_connector": Verb(lazy("Deleted a connector"), lazy("Deleted a connector of {name}")),
    "command": Verb(lazy("Asked a station"), lazy("Asked the {kind} {name}")),
    "reserve": Verb(lazy("Reserved a connector"), lazy("Reserved a connector of the {kind} {name}")),
    "cancel_reservation": Verb(lazy("Cancelled a reservation"), lazy("Cancelled a reservation at the {kind} {name}")),
    "take_out_of_service": Verb(lazy("Took out of service"), lazy("Took the {kind} {name} out of service")),
    "edit_out_of_service": Verb(lazy("Changed the end"), lazy("Changed how long the {kind} {name} is out of service")),
    "plan_maintenance": Verb(lazy("Planned maintenance"), lazy("Planned maintenance of the {kind} {name}")),
    "edit_maintenance": Verb(lazy("Changed maintenance"), lazy("Changed the maintenance of the {kind} {name}")),
    "end_maintenance": Verb(lazy("Ended maintenance"), lazy("Ended or cancelled the maintenance of the {kind} {name}")),
    "set_capacity": Verb(lazy("Set the capacity"), lazy("Set how much the {kind} {name} may take for charging")),
    "add_note": Verb(lazy("Wrote a note"), lazy("Wrote a note at the {kind} {name}")),
    "edit_note": Verb(lazy("Changed a note"), lazy("Changed a note at the {kind} {name}")),
    "delete_note": Verb(lazy("Deleted a note"), lazy("Deleted a note at the {kind} {name}")),
    "add_document": Verb(lazy("Added a document"), lazy("Added a document at the {kind} {name}")),
    "delete_document": Verb(lazy("Deleted a document"), lazy("Deleted a document at the {kind} {name}")),
    "add_contact": Verb(lazy("Added a contact"), lazy("Added a contact at the {kind} {name}")),
    "edit_contact": Verb(lazy("Changed a contact"), lazy("Changed a contact at the {kind} {name}")),
    "delete_contact": Verb(lazy("Deleted a contact"), lazy("Deleted a contact at the {kind} {name}")),
    "renew_password": Verb(lazy("Renewed a password"), lazy("Renewed the password of the {kind} {name}")),
    "revoke_certificate": Verb(lazy("Revoked a certificate"), lazy("Revoked a certificate of the {kind} {name}")),
    "fetch_log": Verb(lazy("Asked for a log"), lazy("Asked the {kind} {name} for a log")),
    "delete_log": Verb(lazy("Deleted a log"), lazy("Deleted a log of the {kind} {name}")),
    "download_log": Verb(lazy("Downloaded a log"), lazy("Downloaded a log of the {kind} {name}")),
    "ask_customer": Verb(lazy("Asked about a card"), lazy("Asked the {kind} {name} what it keeps of a card, or to forget it")),
    "delete_customer": Verb(lazy("Deleted customer information"), lazy("Deleted what the {kind} {name} told of a card")),
    "plan_firmware": Verb(lazy("Planned a firmware update"), lazy("Planned a firmware update of the {kind} {name}")),
    "cancel_firmware": Verb(lazy("Cancelled a firmware update"), lazy("Cancelled a firmware update of the {kind} {name}")),
    "give_up_firmware": Verb(lazy("Gave a firmware update up"), lazy("Reset the state of a firmware update of the {kind} {name}")),
    "sign_firmware": Verb(lazy("Changed a signature"), lazy("Changed the signature of the {kind} {name}")),
    "retire": Verb(lazy("Retired"), lazy("Retired the {kind} {name}")),
    "offer_again": Verb(lazy("Offered again"), lazy("Offered the {kind} {name} again")),
    "assign_role": Verb(lazy("Gave a role"), lazy("Gave a role to the {kind} {name}")),
    "withdraw_role": Verb(lazy("Took a role away"), lazy("Took a role from the {kind} {name}")),
    "let_in": Verb(lazy("Let a service company in"), lazy("Let a service company in: {name}")),
    "end_access": Verb(lazy("Ended an access"), lazy("Ended the access {name}")),
    "invite": Verb(lazy("Invited"), lazy("Invited {name}")),
    "invite_again": Verb(lazy("Sent an invitation again"), lazy("Sent the invitation of {name} again")),
    "withdraw_invitation": Verb(lazy("Withdrew an invitation"), lazy("Withdrew the invitation of {name}")),
    "accept_invitation": Verb(lazy("Accepted an invitation"), lazy("The {kind} {name} accepted the invitation")),
    "edit_own_profile": Verb(lazy("Changed the own profile"), lazy("Changed the own profile")),
    "log_in": Verb(lazy("Logged in"), lazy("Logged in")),
    "change_password": Verb(lazy("Changed the own password"), lazy("Changed the own password")),
    "reset_password": Verb(lazy("Set a new password by mail"), lazy("Set a new password with the link of a mail")),
    "two_factor_on": Verb(lazy("Set up two-factor login"), lazy("Set up two-factor login")),
    "two_factor_off": Verb(lazy("Removed two-factor login"), lazy("Removed an app or key of the two-factor login")),
    "recovery_codes_made": Verb(lazy("Made recovery codes"), lazy("Made recovery codes")),
    "recovery_code_used": Verb(lazy("Used a recovery code"), lazy("Used a recovery code")),
    "reset_two_factor": Verb(lazy("Reset two-factor login"), lazy("Reset the two-factor login of the {kind} {name}")),
    "sessions_ended": Verb(lazy("Ended sessions"), lazy("Ended own sessions")),
    "view_as": Verb(lazy("Viewed the portal as somebody"), lazy("Began to view the portal as {name}")),
    "view_as_end": Verb(lazy("Ended a view as somebody"), lazy("No longer views the portal as {name}")),
    "invite_provider": Verb(lazy("Made a registration token"), lazy("Made a registration token for the {kind} {name}")),
    "connect_provider": Verb(lazy("Registered a card provider"), lazy("The {kind} {name} registered")),
    "disconnect_provider": Verb(lazy("Disconnected a card provider"), lazy("Disconnected the {kind} {name}")),
    "fetch_cards": Verb(lazy("Fetched all cards"), lazy("Had all cards of the {kind} {name} fetched")),
    "upload_import": Verb(lazy("Uploaded a file"), lazy("Uploaded the file {name} to import it")),
    "import": Verb(lazy("Imported a file"), lazy("Imported the file {name}")),
    "take_passwords": Verb(
        lazy("Downloaded passwords of stations"), lazy("Downloaded the passwords of the stations that came with the file {name}")
    ),
    "cancel_import": Verb(lazy("Cancelled an import"), lazy("Cancelled the import of {name}")),
    "bulk_look": Verb(lazy("Chose many stations"), lazy("Had a look at what “{name}” would do to many stations")),
    "bulk_begin": Verb(lazy("Did the same to many stations"), lazy("Began “{name}” at many stations")),
    "bulk_cancel": Verb(lazy("Cancelled the rest of a bulk job"), lazy("Cancelled the rest of “{name}” at many stations")),
    "bulk_retry": Verb(lazy("Had what failed tried again"), lazy("Had “{name}” tried again where it failed")),
    "dismiss": Verb(lazy("Dismissed from the inbox"), lazy("Dismissed the {kind} {name}")),
    "transaction_closed": Verb(lazy("Closed a transaction by hand"), lazy("Closed the {kind} {name} by hand")),
    "transaction_values": Verb(lazy("Corrected a transaction"), lazy("Corrected the {kind} {name}")),
    "transaction_confirmed": Verb(lazy("Confirmed a transaction"), lazy("Confirmed the {kind} {name} as it is")),
    "transaction_voided": Verb(lazy("Kept a transaction from being settled"), lazy("Decided that the {kind} {name} is not settled")),
    "transaction_reported": Verb(lazy("Gave a transaction its end"), lazy("Gave the {kind} {name} the end that its station reported")),
    "export": Verb(lazy("Exported a list"), lazy("Had a list exported: {name}")),
    "cancel_export": Verb(lazy("Cancelled an export"), lazy("Cancelled the export {name}")),
    "demand_security_profile": Verb(lazy("Set a security profile"), lazy("Set the security profile of the {kind} {name}")),
    "begin_security_profile": Verb(lazy("Began to raise a security profile"), lazy("Had the {kind} {name} told a higher security profile")),
    "raise_security_profile": Verb(lazy("Raised a security profile"), lazy("The {kind} {name} came back with a higher security profile")),
    "cancel_security_change": Verb(lazy("Cancelled a change of security"), lazy("Waited no longer for the {kind} {name} to change")),
    "forget": Verb(lazy("Forgot who knocked"), lazy("Forgot {name}, who knocked")),
}
# Of what is no field of a model, or of one without a name for people
FIELDS: dict[str, Text] = {
    "deviations": lazy("Kinds of deviations"),
    "rights": lazy("Rights"), "role": lazy("Role"), "at": lazy("At"), "starts_at": lazy("From"), "ends_at": lazy("Until"),
    "ended_at": lazy("Ended"), "closed": lazy("Closed by an organization above"), "path": lazy("Place in the tree"),
    "action": lazy("Message"), "transaction_id": lazy("Transaction"), "count": lazy("Messages"), "place": lazy("Place"),
    "roles": lazy("Roles"), "accesses": lazy("Service companies let in"), "organizations": lazy("Organizations"),
    "until": lazy("Until"), "comment": lazy("Comment"), "connector": lazy("Connector"),
    "reservation": lazy("Reservation"),
    "two_factor": lazy("Two-factor login"), "sessions": lazy("Sessions"), "reason": lazy("Reason"),
    "stations": lazy("Stations"), "at_once": lazy("Stations at a time"),
    "why": lazy("Why"), "version": lazy("Version"), "window_from": lazy("Not before"), "window_until": lazy("Not begun after"),
    "since": lazy("From"), "security": lazy("Security log"), "file_name": lazy("File"),
    "created_at": lazy("Asked for at"),
    "meter_start": lazy("Meter at start (Wh)"), "meter_stop": lazy("Meter at end (Wh)"), "stop_reason": lazy("Stop reason"),
    "problems": lazy("Problems"), "void": lazy("Not to be settled"), "format": lazy("Format"), "rows": lazy("Rows"),
    "query": lazy("Filter"),
    "maintenance": lazy("Maintenance"), "note": lazy("Note"), "document": lazy("Document"), "contact": lazy("Contact"),
    "tokens_url": lazy("Address of its cards"), "when_silent": lazy("When a network does not answer"),
}  # fmt: skip
# Who may read these values, wherever they stand
FIELD_RIGHTS = (
    dict.fromkeys(("iban", "bic", "vat_number", "chamber_number"), MANAGE_INVOICE_DATA)
    | dict.fromkeys(("compensation_ac", "compensation_dc"), READ_MONEY)
    | dict.fromkeys(("note", "document", "contact"), PERSONAL_DATA)
)
ROLE_FIELDS = {"role", "roles", "rights"}  # for those who see roles
CARDS = ("idTag", "idToken")  # in the payload of a command, by version
TIMES = frozenset({"until", "since", "ended_at", "created_at"})  # of what is no field of its own


class Line(NamedTuple):
    """What changed: a field with its values before and after, in words. Only one of the two is set where there is only one to tell."""

    label: str
    before: str
    after: str

    def __str__(self) -> str:
        told = f"{self.before} → {self.after}" if self.before and self.after else self.before or self.after
        return f"{self.label}: {told}" if told else self.label


# -- which entries ------------------------------------------------------------------------------------------------------------------------


def entries_of(thing: models.Model) -> Q:
    """The entries about `thing` and about what belongs to it."""
    kind = thing._meta.label_lower
    own = Q(object_type=kind, object_id=thing.pk)
    more = hooks.belonging_entries.get(kind)
    return own | more(thing) if more else own


def history_of(user: User, thing: models.Model) -> QuerySet[AuditEntry]:
    """Those of `entries_of` that `user` may read. `thing` was read by get_for with READ_AUDIT: whoever holds that at its place alone reads
    what the organization that has it now recorded."""
    path, told = path_of(thing), entries_of(thing)
    if reach(user, READ_AUDIT).covers(path):
        return AuditEntry.objects.visible_to(user).filter(told)
    return AuditEntry.objects.filter(told, organization__path=path)


def last_change(user: User, thing: models.Model, zone: tzinfo | None = None) -> Callable[[str], tuple[str, str] | None]:
    """For a form of `thing`: (who, when) of the last change of a field, as far as `user` may read that."""

    def of(name: str) -> tuple[str, str] | None:
        if not may(user, READ_AUDIT, thing):
            return None
        own = history_of(user, thing).filter(object_type=thing._meta.label_lower, object_id=thing.pk, changes__has_key=name)
        entry = own.select_related("organization").order_by("-at", "-pk").first()
        return (Reader(user, zone or own_zone()).who(entry), exact(entry.at, zone)) if entry else None

    return of


def seen_with(user: User, own: Q) -> Q:
    """The entries whose personal data `user` sees, and those of `own`; empty where these are all there are."""
    seen = where_seen(user, AuditEntry)
    return seen | own if seen else seen


def by_name(user: User, text: str) -> Q:
    """Entries about things with `text` in their name, but for names that `user` may not see."""
    hidden = [kind for kind in hooks.recorded_kinds if named_after_people(kind)]
    seen = condition(user, UPDATE_USER_ROLES, AuditEntry)
    roles = ~Q(object_type="tenancy.role") | seen if seen else Q()
    return (
        Q(object_name__icontains=text)
        & roles
        & seen_with(user, ~Q(object_type__in=hidden) | Q(object_type="tenancy.user", object_id=user.pk))
    )


def by_whom(user: User, text: str) -> Q:
    """Entries of people with `text` in their name, but for names that `user` may not see; the portal's own by its name."""
    found = Q(actor_name__icontains=text) & ~Q(actor_name="") & seen_with(user, Q(actor=user.pk))
    return found | Q(actor_name="") if text.casefold() in _("The portal").casefold() else found


def model_of(kind: str) -> type[models.Model] | None:
    try:
        return apps.get_model(kind)
    except (LookupError, ValueError):
        return None


def named_after_people(kind: str) -> bool:
    return bool(getattr(model_of(kind), "personal_name", False))


# -- in words -----------------------------------------------------------------------------------------------------------------------------


def kind_in_words(kind: str) -> str:
    model = model_of(kind)
    return str(model._meta.verbose_name) if model else kind.rpartition(".")[2]


class Reader:
    """Entries, which come with their organization, as `user` may read them; times in `zone`."""

    def __init__(self, user: User, zone: tzinfo) -> None:
        self.user, self.zone = user, zone

    def holds(self, right: str, entry: AuditEntry) -> bool:
        """Of an organization that is gone the platform alone is left."""
        where = reach(self.user, right)
        return where.covers(entry.organization.path) if entry.organization else any(path.count("/") == 2 for path in where.paths)

    def sees_people(self, entry: AuditEntry) -> bool:
        return self.holds(PERSONAL_DATA, entry)

    def about_self(self, entry: AuditEntry) -> bool:
        return entry.object_type == "tenancy.user" and entry.object_id == self.user.pk

    def who(self, entry: AuditEntry) -> str:
        if not entry.actor_name:
            return _("The portal")
        return entry.actor_name if entry.actor_id == self.user.pk or self.sees_people(entry) else MASK

    def address(self, entry: AuditEntry) -> str:
        if not entry.address:
            return ""
        return entry.address if entry.actor_id == self.user.pk or self.sees_people(entry) else MASK

    def name(self, entry: AuditEntry) -> str:
        if entry.object_type == "tenancy.role" and not self.holds(UPDATE_USER_ROLES, entry):
            return MASK
        hidden = named_after_people(entry.object_type) and not self.about_self(entry) and not self.sees_people(entry)
        return MASK if hidden else entry.object_name

    def sentence(self, entry: AuditEntry) -> str:
        """With `{kind}` and `{name}` still in it."""
        verb = VERBS.get(entry.verb)
        return str(verb.sentence) if verb else f"{capfirst(entry.verb.replace('_', ' '))}: {{kind}} {{name}}"

    def what(self, entry: AuditEntry) -> str:
        return self.sentence(entry).format(kind=kind_in_words(entry.object_type), name=self.name(entry))

    def lines(self, entry: AuditEntry) -> list[Line]:
        found = []
        for name, pair in entry.changes.items():
            before, after = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
            if entry.verb == "command":
                found.append(self._command(entry, name, after))
            elif line := self._line(entry, name, before, after):
                found.append(line)
        return found

    def _line(self, entry: AuditEntry, name: str, before: Any, after: Any) -> Line | None:
        field, hidden = _field(entry.object_type, name), not self._may_read(entry, name)
        label = str(FIELDS.get(name) or capfirst(str(getattr(field, "verbose_name", name)).replace("_", " ")))
        if entry.verb == "edit" and isinstance(before, list) and isinstance(after, list) and not hidden:
            added, gone = [one for one in after if one not in before], [one for one in before if one not in after]
            said = [_("added %s") % self._value(name, field, added)] if added else []
            said += [_("removed %s") % self._value(name, field, gone)] if gone else []
            return Line(label, "", "; ".join(said))
        told = [MASK if hidden and value not in (None, "") else self._value(name, field, value) for value in (before, after)]
        if entry.verb != "edit" and (before is None or after is None):  # it came or went: there is one side only
            told = ["" if text == NOTHING else text for text in told]
            return Line(label, *told) if any(told) else None
        return Line(label, *told)

    def _command(self, entry: AuditEntry, action: str, payload: Any) -> Line:
        payload = payload if isinstance(payload, dict) else {}
        values = self.holds(READ_CONFIGURATION, entry)
        title = next((words for say in hooks.command_words if (words := say(action, payload, values))), action)
        told = next((payload[name] for name in CARDS if payload.get(name)), "")
        card = str(told.get("idToken", "") if isinstance(told, dict) else told)
        if not card:
            return Line(title, "", "")
        return Line(title, "", _("card %s") % (card if self.sees_people(entry) else MASK))

    def _may_read(self, entry: AuditEntry, name: str) -> bool:
        if name in ROLE_FIELDS and entry.object_type != "tenancy.serviceaccess" and not self.holds(UPDATE_USER_ROLES, entry):
            return False
        if (needed := FIELD_RIGHTS.get(name)) and not self.holds(needed, entry):
            return False
        model = model_of(entry.object_type)
        field = _field(entry.object_type, name)
        personal = name in getattr(model, "personal_fields", ()) or getattr(field, "related_model", None) is User
        return not personal or self.about_self(entry) or self.sees_people(entry)

    def _value(self, name: str, field: Any, value: Any) -> str:
        if value in (None, "", [], {}):
            return NOTHING
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, list):
            return ", ".join(self._value(name, field, one) for one in value)
        if isinstance(value, dict) and value.keys() == {"name", "path", "place"}:
            return str(value["name"]) if holds(self.user, READ, value["path"], value["place"]) else _("one that you do not see")
        if isinstance(value, dict):
            return ", ".join(f"{key} = {self._value('', None, one)}" for key, one in value.items())
        if name == "rights" and value in RIGHTS:
            return f"“{RIGHTS[value].label}”"
        choices = dict(getattr(field, "flatchoices", ()))
        if value in choices:
            return str(choices[value])
        if (isinstance(field, models.DateTimeField) or name in TIMES) and isinstance(value, str) and (moment := _moment(value)):
            return exact(moment - timedelta(seconds=1) if name == "ends_at" else moment, self.zone)  # the last day, not the first without
        return str(value)


def _field(kind: str, name: str) -> Any:
    model = model_of(kind)
    try:
        return model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None


def _moment(text: str) -> Any:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None
