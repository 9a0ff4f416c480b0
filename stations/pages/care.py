"""Notes, documents and contacts of stations and locations, and the tab “Maintenance and notes” of a station.

Who reads them: notes and documents those who may keep them or may see personal data, for free text may hold it. Contacts everybody sees
who sees the place; their names, phones and mails are masked for all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from stations import actions
from stations.actions.care import MB
from stations.care_forms import ContactForm, DocumentForm, NoteForm
from stations.models import Contact, Document, Location, Note, Station
from stations.models.care import AtPlace
from stations.pages import maintenance
from stations.pages.fleet import trail
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import MASK, person
from tenancy.rights import CHANGE_AVAILABILITY, KEEP_NOTES, PERSONAL_DATA, Missing, get_for, may, path_of
from ui.downloads import download
from ui.forms import confirm_page, form_page

MANY = 20  # of a kind shown at once; `?all=1` shows them all
MOST_WINDOWS = 50
PIECE = 64 * 1024


def reads(user: Any, thing: Any) -> bool:
    """Whether `user` reads notes, documents and whole contacts of this station, location, or what belongs to one."""
    return may(user, KEEP_NOTES, thing) or may(user, PERSONAL_DATA, thing)


# -- what is shown ------------------------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A note, document or contact as this person sees it."""

    row: Any
    by: str
    edit_url: str
    delete_url: str
    of_location: bool = False
    phone_url: str = ""
    size: str = ""
    url: str = ""


def _phone(text: str) -> str:
    digits = re.sub(r"[^\d+]", "", re.sub(r"\(0\)", "", text))
    return f"tel:{digits}" if digits else ""


def size_in_words(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB // 10 else f"{max(1, round(size / 1000))} kB"


def care_context(request: HttpRequest, location: Location, station: Station | None) -> dict[str, Any]:
    """Notes, documents and contacts of the station, with those of its location beside; or of the location alone. The same number of queries
    however many there are."""
    user, place = user_of(request), station or location
    may_read, may_write = reads(user, location), may(user, KEEP_NOTES, location)
    most = None if request.GET.get("all") else MANY + 1

    def rows(model: Any, *, above: bool = False) -> list[Any]:
        found = model._default_manager.visible_to(user).filter(location=location, station=None if above else station)
        return list(found.select_related("created_by", "location__organization")[:most])

    def shown(row: Any, above: bool) -> Shown:
        kind = row._meta.model_name
        row.location = location
        own = may_write or row.created_by_id == user.pk
        return Shown(
            row,
            person(user, row.created_by, location.organization.path, location.pk),
            link(f"{kind}_edit", row.pk) if own and kind != "document" else "",
            link(f"{kind}_delete", row.pk) if own else "",
            of_location=above,
            phone_url=_phone(row.phone) if kind == "contact" and may_read else "",
            size=size_in_words(row.size) if kind == "document" else "",
            url=link("document", row.pk) if kind == "document" else "",
        )

    found: dict[str, list[Shown]] = {}
    for name, model in (("notes", Note), ("documents", Document), ("contacts", Contact)):
        if model is not Contact and not may_read:
            found[name] = []
            continue
        found[name] = [shown(row, False) for row in rows(model)]
        if station is not None:
            found[name] += [shown(row, True) for row in rows(model, above=True)]
    if not may_read:
        for one in found["contacts"]:
            row = one.row
            row.name, row.phone, row.email, row.comment = (value and MASK for value in (row.name, row.phone, row.email, row.comment))
    more = most is not None and any(sum(one.of_location == above for one in some) > MANY for some in found.values() for above in (0, 1))
    prefix, key = ("station", station.pk) if station is not None else ("location", location.pk)
    return {
        "place": place,
        "zone": location.zone,
        "care_location": location if station is not None else None,
        "reads_care": may_read,
        "keeps_care": may_write,
        "all_url": link("station_care" if station else "location", key, all="1") if more else "",
        **found,
        **{f"{kind}_add_url": link(f"{prefix}_{kind}_add", key) if may_write else "" for kind in ("note", "document", "contact")},
    }


def station_care(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location__organization"), pk=pk)
    now = timezone.now()
    most = 500 if request.GET.get("all") else MOST_WINDOWS
    context = {
        **sheet_context(request, station, "care"),
        **care_context(request, station.location, station),
        "windows": maintenance.rows_of(request.user, station, now, most),
        "plan_url": link("station_maintenance_add", pk) if may(request.user, CHANGE_AVAILABILITY, station) else "",
    }
    return render(request, "stations/care.html", context)


# -- what all of these pages share --------------------------------------------------------------------------------------------------------


class Where(NamedTuple):
    """The place something belongs to: a location, or a station there."""

    location: Location
    station: Station | None

    @property
    def url(self) -> str:
        return link("station_care", self.station.pk) if self.station else f"{link('location', self.location.pk)}#care"

    @property
    def trail(self) -> list[tuple[Any, str]]:
        return trail(self.station) if self.station else [(self.location, self.location.get_absolute_url())]


def _new_at(request: HttpRequest, pk: int, of: str) -> Where:
    user = user_of(request)
    if of == "station":
        station = get_for(user, Station.objects.select_related("location__organization"), KEEP_NOTES, pk=pk)
        return Where(station.location, station)
    return Where(get_for(user, Location.objects.select_related("organization"), KEEP_NOTES, pk=pk), None)


def _found(request: HttpRequest, model: Any, pk: int, *, write: bool = True) -> tuple[Any, Where]:
    """A row to be changed, by its author or by whoever keeps these."""
    user = user_of(request)
    rows = model._default_manager.select_related("location__organization", "station__location__organization", "created_by")
    found: AtPlace = get_for(user, rows, pk=pk)
    own = write and found.created_by_id == user.pk
    if not own and not (may(user, KEEP_NOTES, found) if write else reads(user, found)):
        raise Missing(KEEP_NOTES, path_of(found))
    return found, Where(found.location, found.station)


def _delete(request: HttpRequest, thing: AtPlace, where: Where, act: Any, title: str, said: str, label: str, done: str) -> HttpResponse:
    return confirm_page(
        request, lambda: act(actor=user_of(request), **{str(thing._meta.model_name): thing}), title=title, consequences=[said],
        submit_label=label, cancel_url=where.url, done=done, done_url=where.url, breadcrumbs=where.trail,
    )  # fmt: skip


# -- notes --------------------------------------------------------------------------------------------------------------------------------


def note_add(request: HttpRequest, pk: int, of: str) -> HttpResponse:
    where = _new_at(request, pk, of)
    return form_page(
        request, NoteForm(request.POST or None),
        lambda values: actions.add_note(actor=user_of(request), location=where.location, station=where.station, **values),
        title=_("Write a note"), submit_label=_("Save note"), cancel_url=where.url, done=_("Note saved."), done_url=where.url,
        breadcrumbs=where.trail, intro=_("Those read it who keep notes here, or may see personal data. Your name and the time stand by it.")
    )  # fmt: skip


def note_edit(request: HttpRequest, pk: int) -> HttpResponse:
    note, where = _found(request, Note, pk)
    return form_page(
        request, NoteForm(request.POST or None, instance=note),
        lambda values: actions.edit_note(actor=user_of(request), note=Note.objects.select_related(
            "location__organization", "station").get(pk=note.pk), **values),
        title=_("Change the note"), submit_label=_("Save note"), cancel_url=where.url, done=_("Note saved."), done_url=where.url,
        breadcrumbs=where.trail,
    )  # fmt: skip


def note_delete(request: HttpRequest, pk: int) -> HttpResponse:
    note, where = _found(request, Note, pk)
    return _delete(
        request, note, where, actions.delete_note, _("Delete this note?"), f"“{note}”", _("Delete note"), _("Note deleted."),
    )  # fmt: skip


# -- documents ----------------------------------------------------------------------------------------------------------------------------


def document_add(request: HttpRequest, pk: int, of: str) -> HttpResponse:
    where = _new_at(request, pk, of)

    def save(values: dict[str, Any]) -> Document:
        file = values["file"]
        return actions.add_document(
            actor=user_of(request), location=where.location, station=where.station, file=file, file_name=file.name,
            title=values["title"] or file.name[:100],
        )  # fmt: skip

    form = DocumentForm(request.POST, request.FILES) if request.method == "POST" else DocumentForm()
    return form_page(
        request, form, save, title=_("Add a document"), submit_label=_("Add document"), cancel_url=where.url, done=_("Document added."),
        done_url=where.url, breadcrumbs=where.trail,
        intro=_("A photo, a wiring plan, a contract: any kind of file up to %d MB. It is only ever saved, never opened here.")
        % settings.DOCUMENT_MAX_MB,
    )  # fmt: skip


def document(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file, to be saved: never shown in place, whatever it says it is."""
    found, where = _found(request, Document, pk, write=False)
    storage, name = found.file.storage, found.file.name
    try:
        size = storage.size(name)
    except FileNotFoundError:
        messages.error(request, _("The file of this document is gone. Delete the document and add it again."))
        return redirect(where.url)

    def pieces() -> Iterator[bytes]:
        with storage.open(name, "rb") as file:
            yield from iter(lambda: file.read(PIECE), b"")

    response = download(request, pieces(), "document", "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, found.file_name) or "attachment"
    response["Content-Length"] = str(size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def document_delete(request: HttpRequest, pk: int) -> HttpResponse:
    found, where = _found(request, Document, pk)
    return _delete(
        request, found, where, actions.delete_document, _("Delete this document?"), f"{found} · {found.file_name}", _("Delete document"),
        _("Document deleted."),
    )  # fmt: skip


# -- contacts -----------------------------------------------------------------------------------------------------------------------------


def contact_add(request: HttpRequest, pk: int, of: str) -> HttpResponse:
    where = _new_at(request, pk, of)
    return form_page(
        request, ContactForm(request.POST or None),
        lambda values: actions.add_contact(actor=user_of(request), location=where.location, station=where.station, **values),
        title=_("Add a contact"), submit_label=_("Add contact"), cancel_url=where.url, done=_("Contact added."), done_url=where.url,
        breadcrumbs=where.trail,
        intro="" if where.station else _("It is shown at every station of this location too."),
    )  # fmt: skip


def contact_edit(request: HttpRequest, pk: int) -> HttpResponse:
    contact, where = _found(request, Contact, pk)
    return form_page(
        request, ContactForm(request.POST or None, instance=contact),
        lambda values: actions.edit_contact(actor=user_of(request), contact=Contact.objects.select_related(
            "location__organization", "station").get(pk=contact.pk), **values),
        title=_("Change the contact"), submit_label=_("Save contact"), cancel_url=where.url, done=_("Contact saved."),
        done_url=where.url, breadcrumbs=where.trail,
    )  # fmt: skip


def contact_delete(request: HttpRequest, pk: int) -> HttpResponse:
    contact, where = _found(request, Contact, pk)
    return _delete(
        request, contact, where, actions.delete_contact, _("Delete this contact?"), f"{contact} · {contact.get_kind_display()}",
        _("Delete contact"), _("Contact deleted."),
    )  # fmt: skip


def _adding(kind: str, view: Any) -> list[URLPattern]:
    return [
        path(f"{of}s/<int:pk>/{kind}s/add/", view, {"of": of}, name=f"{of}_{kind}_add") for of in ("station", "location")
    ]  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/care/", station_care, name="station_care"),
    *_adding("note", note_add),
    *_adding("document", document_add),
    *_adding("contact", contact_add),
    path("notes/<int:pk>/edit/", note_edit, name="note_edit"),
    path("notes/<int:pk>/delete/", note_delete, name="note_delete"),
    path("documents/<int:pk>/", document, name="document"),
    path("documents/<int:pk>/delete/", document_delete, name="document_delete"),
    path("contacts/<int:pk>/edit/", contact_edit, name="contact_edit"),
    path("contacts/<int:pk>/delete/", contact_delete, name="contact_delete"),
]
