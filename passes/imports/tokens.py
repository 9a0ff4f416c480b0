"""The cards of a card provider from a file: the columns of OCPI's Token object (2.2.1 §12.3.2), millions of rows."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.actions.imports import end_tokens, write_tokens
from passes.imports.passes import Resolved, check_typed
from passes.models import Provider, RoamingToken, normalize_uid
from passes.models.passes import is_printed_number, usual_uid
from passes.uid_check import PRINTED, odd_length
from tenancy.imports import Column as Told
from tenancy.imports import Kind, Refused
from tenancy.imports.rows import Choice, Column, Moment, Rows, Text, YesNo, text_of, unpacked
from tenancy.links import link
from tenancy.models import Import, Organization, User
from tenancy.rights import MANAGE_NETWORKS

AT_ONCE = 5000  # cards ended in one statement
COLUMNS = (
    Told("uid", lazy("What the reader sends. Format the column as text. A card that the provider already has is changed, else it is new."),
         "04A2B3C4D5E680", required=True, personal=True),
    Told("type", lazy("RFID, APP_USER, AD_HOC_USER or OTHER. Empty: RFID."), "RFID"),
    Told("contract_id", lazy("Contract at the provider."), "NL-TNM-C12345678-X", required=True, personal=True),
    Told("visual_number", lazy("Printed on the card."), "NL-TNM-B12345-6", personal=True),
    Told("issuer", lazy("Who issued the card."), "The New Mobility"),
    Told("group_id", lazy("Cards with the same one may stop each other's charging."), ""),
    Told("valid", lazy("yes or no. Empty: yes for a new card."), "yes"),
    Told("whitelist", lazy("ALWAYS, ALLOWED, ALLOWED_OFFLINE or NEVER. Empty: ALLOWED for a new card."), "ALLOWED"),
    Told("language", lazy("Two letters."), "nl"),
    Told("last_updated", lazy("When the provider changed it. What is known and newer stays. Empty: now."), "2026-11-21T09:30:00Z"),
)  # fmt: skip


def field(name: str) -> Any:
    return RoamingToken._meta.get_field(name)


class TokenRows(Rows):
    repeats_count = True
    type = Column("type", Choice(field("type")), keeps=True)
    contract_id = Column("contract_id", Text(field("contract_id")))
    visual_number = Column("visual_number", Text(field("visual_number")))
    issuer = Column("issuer", Text(field("issuer")))
    group_id = Column("group_id", Text(field("group_id")))
    valid = Column("valid", YesNo(), keeps=True)
    whitelist = Column("whitelist", Choice(field("whitelist")), keeps=True)
    language = Column("language", Text(field("language")))
    last_updated = Column("last_updated", Moment(), keeps=True)

    def __init__(self, user: User, organization: Organization, options: dict[str, Any]) -> None:
        super().__init__([column.name for column in COLUMNS])
        found = Provider.objects.visible_to(user, MANAGE_NETWORKS).filter(pk=options["provider"], organization=organization).first()
        if found is None:
            raise Refused(_("This card provider is not there any more, or not for you."))
        self.provider = found
        self.fields["uid"] = Column("uid", Resolved(lambda value: self.keys[self.at][0]))

    def prepare(self, rows: Sequence[dict[str, Any]]) -> None:
        types = self.fields["type"].widget
        self.keys: list[Any] = []  # (uid, type), or what is wrong with them
        for row in rows:
            try:
                uid = check_typed(row["uid"])
                if len(uid) > 36 or not uid.isascii() or not uid.isprintable():
                    raise ValidationError({"uid": _("A UID has at most 36 letters and digits.")})
            except ValidationError as error:
                self.keys.append(error if hasattr(error, "error_dict") else ValidationError({"uid": error}))
                continue
            try:
                kind = types.clean(row.get("type")) or RoamingToken.Type.RFID.value
                if kind == RoamingToken.Type.RFID and (is_printed_number(text_of(row["uid"])) or is_printed_number(uid)):
                    self.keys.append(ValidationError({"uid": PRINTED}))
                    continue
                self.keys.append((uid, kind))
            except ValidationError as error:
                self.keys.append(ValidationError({"type": error}))
        uids = {found[0] for found in self.keys if isinstance(found, tuple)}
        self.known = {(one.uid, one.type): one for one in RoamingToken.objects.filter(provider=self.provider, uid__in=uids)}
        self.now = timezone.now()
        self.touched.extend(one.pk for one in self.known.values())

    def key_at(self, index: int, row: dict[str, Any]) -> Any:
        found = self.keys[index]
        if isinstance(found, ValidationError):
            raise found
        return found

    def init_instance(self, row: dict[str, Any] | None = None) -> RoamingToken:
        uid, kind = self.keys[self.at]
        found = RoamingToken(provider=self.provider, uid=uid, type=kind, last_updated=self.now)
        self.known[uid, kind] = found  # the same card again, further below, changes this one
        return found

    def import_instance(self, instance: Any, row: dict[str, Any], **rest: Any) -> None:
        super().import_instance(instance, row, **rest)
        if instance.was is None:
            return
        told = text_of(row.get("last_updated"))
        before = dict(zip(self.columns, instance.was, strict=True))
        if told and instance.last_updated < before["last_updated"]:  # as where the provider tells it itself
            for name, value in before.items():
                setattr(instance, name, value)
            self.warn("last_updated", told, _("What is known of this card is newer. This row is left out."))

    def check(self, instance: Any, new: bool, row: dict[str, Any], errors: dict[str, Any]) -> None:
        if not instance.contract_id and "contract_id" not in errors:
            errors["contract_id"] = ValidationError(_("A contract id is needed."))
        if new and instance.type == "RFID" and not usual_uid(instance.uid) and not errors:
            self.warn("uid", instance.uid, odd_length(instance.uid))

    def bulk_write(self, new: list[Any], changed: list[Any]) -> None:
        if not (written := list({id(one): one for one in [*new, *changed]}.values())):
            return
        if "last_updated" not in self.columns:
            for one in written:
                one.last_updated = self.now
        fields = {*self.columns, "last_updated"} - {"uid", "type"}
        write_tokens(tokens=written, fields=sorted(fields))
        self.touched.extend(one.pk for one in new)


def key(row: dict[str, Any]) -> str:
    """The same card, for the warning that it is there twice."""
    return f"{normalize_uid(text_of(row['uid']))} {text_of(row.get('type')).upper() or 'RFID'}"


def touches(options: dict[str, Any]) -> bool:
    return bool(options.get("end_others"))


def finish(of: Import, dry: bool) -> Iterator[int]:
    """End the cards of the provider that no row was about: those that were there when the file was uploaded. Only where every row was
    good, for what a bad one was about is not known."""
    if not touches(of.options) or of.errors:
        return
    provider = Provider.objects.get(pk=of.options["provider"])
    seen = heapq.merge(*(unpacked(content) for content in of.pieces.filter(raw=False).order_by("number").values_list("touched", flat=True)))
    last, here = 0, next(seen, None)
    rows = RoamingToken.objects.filter(provider=provider, valid=True, last_updated__lt=of.created_at).order_by("pk")
    while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:AT_ONCE]):
        last, absent = keys[-1], []
        for key in keys:
            while here is not None and here < key:
                here = next(seen, None)
            if here != key:
                absent.append(key)
        yield len(absent) if dry or not absent else end_tokens(provider=provider, keys=absent)


def done_url(of: Import) -> str:
    return link("provider", of.options["provider"])


TOKENS = Kind(
    slug="tokens",
    title=lazy("Cards of a card provider"),
    intro=lazy("Cards that the provider has already are changed in the columns that the file has; the others are added."),
    right=MANAGE_NETWORKS,
    columns=COLUMNS,
    resource=TokenRows,
    form="passes.pages.imports.TokenImportForm",
    done_url=done_url,
    done_label=lazy("Show the card provider"),
    list_url="passes",
    most_rows=10_000_000,
    key=key,
    finish=finish,
    touches=touches,
    ended_label=lazy("Become invalid: not in the file"),
)
