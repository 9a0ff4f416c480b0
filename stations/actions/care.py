"""Every write to notes, documents and contacts. What happened is recorded at the station, or at the location, to which they belong."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations.models import Contact, Document, Location, Note, Station
from stations.models.care import AtPlace
from tenancy import audit
from tenancy.models import User

MB = 1_000_000
MOST_OF_A_PLACE = {Note: 1000, Document: 100, Contact: 50}


def of_place(model: type[Any], location: Location, station: Station | None) -> models.QuerySet[Any]:
    """The rows of this place itself: those of a location are not those of its stations."""
    return model._default_manager.filter(location=location, station=station)  # type: ignore[no-any-return]


def why_not_more(model: type[Any], location: Location, station: Station | None) -> str:
    """Why nothing can be added; empty when it can."""
    most = MOST_OF_A_PLACE[model]
    if of_place(model, location, station).count() < most:
        return ""
    return _("There are %(most)d %(what)s here already. Delete one that is not needed any more first.") % {
        "most": most, "what": model._meta.verbose_name_plural,
    }  # fmt: skip


def why_too_large(size: int) -> str:
    """Why a document of so many bytes is not kept; empty when it is."""
    most: int = settings.DOCUMENT_MAX_MB
    return _("This file is larger than %d MB. Make it smaller, or divide it.") % most if size > most * MB else ""


def _place(thing: AtPlace) -> Location | Station:
    return thing.station or thing.location


def _record(actor: User | None, verb: str, thing: AtPlace, before: str | None, after: str | None) -> None:
    kind = thing._meta.model_name or ""
    audit.record(actor, f"{verb}_{kind}", _place(thing), thing.location.organization, {kind: [before, after]})


def _add(actor: User | None, thing: AtPlace) -> None:
    # One after the other: the count must hold
    Location.objects.select_for_update(of=("self",)).get(pk=thing.location_id)
    if reason := why_not_more(type(thing), thing.location, thing.station):
        raise ValidationError(reason)
    thing.created_by = actor
    thing.full_clean(exclude=["file", "created_by", "edited_at"])
    thing.save()
    _record(actor, "add", thing, None, said(thing))


def said(thing: AtPlace) -> str:
    """What the record tells of it."""
    if isinstance(thing, Note):
        return thing.text
    if isinstance(thing, Document):
        return f"{thing.title} ({thing.file_name})"
    assert isinstance(thing, Contact)
    parts = (thing.name, thing.company, thing.phone, thing.email, thing.hours, thing.comment)
    return f"{Contact.Kind(thing.kind).label}: {', '.join(part for part in parts if part)}"


def _edit(actor: User | None, thing: AtPlace, fields: dict[str, Any]) -> None:
    before = said(thing)
    for name, value in fields.items():
        setattr(thing, name, value)
    thing.full_clean(exclude=["file", "created_by", "edited_at"])
    thing.save(update_fields=list(fields))
    if before != said(thing):
        _record(actor, "edit", thing, before, said(thing))


def _delete(actor: User | None, thing: AtPlace) -> None:
    _record(actor, "delete", thing, said(thing), None)
    thing.delete()


@transaction.atomic
def add_note(*, actor: User | None, location: Location, station: Station | None = None, text: str, pinned: bool = False) -> Note:
    note = Note(location=location, station=station, text=text, pinned=pinned)
    _add(actor, note)
    return note


@transaction.atomic
def edit_note(*, actor: User | None, note: Note, **fields: Any) -> Note:
    """Who wrote it stays its author; that it was edited is shown."""
    changed = fields.get("text", note.text) != note.text
    _edit(actor, note, fields | ({"edited_at": timezone.now()} if changed else {}))
    return note


@transaction.atomic
def delete_note(*, actor: User | None, note: Note) -> None:
    _delete(actor, note)


@transaction.atomic
def add_document(
    *, actor: User | None, location: Location, station: Station | None = None, title: str, file: File[bytes], file_name: str
) -> Document:
    """Kept under a name of our own. ValidationError {"file": …} when it is too large."""
    size = file.size or 0
    if reason := why_too_large(size):
        raise ValidationError({"file": reason})
    clean = "".join(sign for sign in file_name.replace("\\", "/").rpartition("/")[2] if sign.isprintable()).strip()
    document = Document(location=location, station=station, title=title, file_name=clean[-150:] or "document", size=size)
    document.file.save(document.file_name, file, save=False)
    try:
        _add(actor, document)
    except BaseException:
        document.file.storage.delete(document.file.name or "")
        raise
    return document


@transaction.atomic
def delete_document(*, actor: User | None, document: Document) -> None:
    """With its file, once that is sure."""
    _delete(actor, document)


@transaction.atomic
def add_contact(*, actor: User | None, location: Location, station: Station | None = None, **fields: Any) -> Contact:
    contact = Contact(location=location, station=station, **fields)
    _add(actor, contact)
    return contact


@transaction.atomic
def edit_contact(*, actor: User | None, contact: Contact, **fields: Any) -> Contact:
    _edit(actor, contact, fields)
    return contact


@transaction.atomic
def delete_contact(*, actor: User | None, contact: Contact) -> None:
    _delete(actor, contact)


def follow_stations(stations: Collection[int], to: Location) -> None:
    """Stations have moved to another location: what belongs to them goes along."""
    for model in MOST_OF_A_PLACE:
        model._default_manager.filter(station__in=stations).update(location=to)
