"""Passes from a file. The same columns are what the list of passes exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from import_export.widgets import Widget

from passes.actions.imports import SWITCHES, create_passes, edit_passes, own_listings
from passes.forms import NEEDS_PUBLIC
from passes.models import ChargePass, Listing, PassGroup, normalize_uid
from passes.uid_check import PUBLIC, looks
from tenancy.imports import Column as Told
from tenancy.imports import Kind
from tenancy.imports.rows import Choice, Column, Moment, Rows, Text, YesNo, number_made, text_of
from tenancy.links import link
from tenancy.models import Import, Organization, User
from tenancy.names import same_name
from tenancy.personal import MASK, person, sees, where_seen
from tenancy.rights import MANAGE_PASSES

PERSONAL = ("nickname", "visible_number", "user")
COLUMNS = (
    Told("uid", lazy("What the reader sends, 8, 14 or 20 hexadecimal digits. Format the column as text. A pass that its organization "
         "already has is changed, else it is new."), "04A2B3C4D5E680", required=True, personal=True),
    Told("visible_number", lazy("Printed on the card."), "NL-TNM-B12345-6", personal=True),
    Told("nickname", lazy("What you call it."), "Car of the yard", personal=True),
    Told("user", lazy("E-mail address or name of a person of the organization, or of one below it."), "eve@example.org", personal=True),
    Told("kind", lazy("public: a card of a card provider; non_public: a card or tag of your own. Empty: non_public for a new pass."),
         "non_public"),
    Told("valid_from", lazy("A day or a time. Empty: always has been."), "2026-01-01"),
    Told("valid_until", lazy("A day (it counts to its end) or a time. Empty: no end."), "2027-12-31"),
    Told("blocked", lazy("yes or no. Empty: no for a new pass."), "no"),
    Told("group", lazy("Name of a group of passes of the organization."), ""),
    Told("whitelist", lazy("yes or no: the driver charges free, the owner pays. Empty: yes for a new one, no if it is public."),
         "yes"),
    Told("roaming_free", lazy("yes or no: the card roams without the roaming surcharge. Empty: no for a new pass."), "no"),
    Told("below", lazy("yes or no: both switches hold at everything below the organization too. Empty: no for a new pass."), "no"),
    Told("several_at_once", lazy("yes or no: it may charge at more than one connector at the same time. Empty: no for a new pass."), "no"),
    Told("organization", lazy("Name of the organization, or of one below it, where you may manage passes. Empty: the one chosen."), ""),
)  # fmt: skip


def check_typed(value: Any) -> str:
    """The UID in a cell; ValidationError where the spreadsheet has spoilt it."""
    if number_made(value):
        raise ValidationError(
            _("The spreadsheet has changed this UID into a number: format the column as text, then type or paste it again.")
        )
    text = text_of(value).removeprefix("'")
    if text == MASK:
        raise ValidationError(_("This UID is masked, so it cannot be told which pass it is."))
    if not text:
        raise ValidationError(_("A UID is needed."))
    return normalize_uid(text)


class Resolved(Widget):
    """The cell was looked up before, together with all others of the part."""

    def __init__(self, find: Any) -> None:
        super().__init__()
        self.find = find

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return self.find(value)


def field(name: str) -> Any:
    return ChargePass._meta.get_field(name)


class PassRows(Rows):
    uid = Column("uid", Text(field("uid")))
    visible_number = Column("visible_number", Text(field("visible_number")))
    nickname = Column("nickname", Text(field("nickname"), name=True))
    kind = Column("kind", Choice(field("kind")), keeps=True)
    valid_from = Column("valid_from", Moment())
    valid_until = Column("valid_until", Moment(ends=True))
    blocked = Column("blocked", YesNo(), keeps=True)
    whitelist = Column("whitelist", YesNo(), keeps=True)
    roaming_free = Column("roaming_free", YesNo(), keeps=True)
    below = Column("below", YesNo(), keeps=True)
    several_at_once = Column("several_at_once", YesNo(), keeps=True)

    def __init__(self, user: User, organization: Organization, options: dict[str, Any]) -> None:
        super().__init__([column.name for column in COLUMNS])
        self.user, self.home = user, organization
        self.fields["uid"] = Column("uid", Resolved(lambda value: self.uids[self.at]))
        self.fields["user"] = Column("user", Resolved(self._person))
        self.fields["group"] = Column("group", Resolved(self._group))
        self.fields["organization"] = Column("organization", Resolved(lambda value: self.places[self.at]))
        self.organizations: dict[str, list[Organization]] | None = None

    # -- what is read together --------------------------------------------------------------------------------------------------------

    def prepare(self, rows: Sequence[dict[str, Any]]) -> None:
        self.uids, self.places = [_or_error(check_typed, row["uid"]) for row in rows], [_or_error(self._place, row) for row in rows]
        keys = {
            (place.pk, uid)
            for place, uid in zip(self.places, self.uids, strict=True)
            if isinstance(uid, str) and not isinstance(place, ValidationError)
        }
        places, uids = {place for place, _uid in keys}, {uid for _place, uid in keys}
        found = ChargePass.objects.filter(organization__in=places, uid__in=uids).select_related(
            "organization", "user__organization", "group"
        )
        self.known = {(one.organization_id, one.uid): one for one in found if (one.organization_id, one.uid) in keys}
        # The list of an organization may hold a pass of another one with this UID: nothing else of it is told
        listed = Listing.objects.filter(organization__in=places, uid__in=uids).select_related("charge_pass")
        self.taken: set[tuple[int, str]] = set()
        for listing in listed:
            key = listing.organization_id, listing.uid
            if key not in self.known or self.known[key].pk != listing.charge_pass_id:
                self.taken.add(key)
            else:
                self.known[key].__dict__.update({name: getattr(listing, name) for name in SWITCHES})
        for one in self.known.values():
            for name in SWITCHES:
                one.__dict__.setdefault(name, False)
        free = Listing.objects.filter(charge_pass__in=self.known.values(), roaming_free=True)
        self.free_elsewhere = set(free.exclude(organization=F("charge_pass__organization")).values_list("charge_pass", flat=True))
        self.looks = looks(
            self.user,
            [
                (place, uid)
                for place, uid in zip(self.places, self.uids, strict=True)
                if isinstance(uid, str) and not isinstance(place, ValidationError)
            ],
            typed={uid: text_of(row["uid"]) for uid, row in zip(self.uids, rows, strict=True) if isinstance(uid, str)},
        )
        people = {text_of(row.get("user")).casefold() for row in rows} - {"", MASK}
        self.people: dict[str, list[User]] = {}
        if people:
            for one in (
                User.objects.visible_to(self.user, MANAGE_PASSES).filter(where_seen(self.user, User))
                .annotate(lower_name=Lower("name")).filter(Q(email__in=people) | Q(lower_name__in=people)).select_related("organization")
            ):  # fmt: skip
                for text in {(one.email or "").casefold(), one.name.casefold()} & people:
                    self.people.setdefault(text, []).append(one)
        self.groups: dict[tuple[int, str], list[PassGroup]] = {}
        if any(text_of(row.get("group")) for row in rows):
            for group in PassGroup.objects.filter(organization__in=places):
                self.groups.setdefault((group.organization_id, same_name(group.name)), []).append(group)

    def _place(self, row: dict[str, Any]) -> Organization:
        text = same_name(text_of(row.get("organization")))
        if not text or text == same_name(self.home.name):
            return self.home
        if self.organizations is None:
            self.organizations = {}
            for one in Organization.objects.visible_to(self.user, MANAGE_PASSES).below(self.home.path):
                self.organizations.setdefault(same_name(one.name), []).append(one)
        found = self.organizations.get(text, [])
        if not found:
            raise ValidationError(_("There is no organization with this name where you may manage passes, %s or below it.") % self.home)
        if len(found) > 1:
            raise ValidationError(_("There are several organizations with this name. Import them one by one, at each of them."))
        return found[0]

    # -- a row ------------------------------------------------------------------------------------------------------------------------

    def key_at(self, index: int, row: dict[str, Any]) -> Any:
        errors = {
            name: found
            for name, found in (("uid", self.uids[index]), ("organization", self.places[index]))
            if isinstance(found, ValidationError)
        }
        if errors:
            raise ValidationError(errors)
        return self.places[index].pk, self.uids[index]

    def init_instance(self, row: dict[str, Any] | None = None) -> ChargePass:
        found = ChargePass(organization=self.places[self.at], uid=self.uids[self.at])
        public = text_of((row or {}).get("kind")).casefold() == ChargePass.Kind.PUBLIC
        found.whitelist, found.roaming_free, found.below = not public, False, False  # type: ignore[attr-defined]
        return found

    def after_init_instance(self, instance: Any, new: bool, row: Any, **rest: Any) -> None:
        super().after_init_instance(instance, new, row, **rest)
        self.one = instance

    def import_instance(self, instance: Any, row: dict[str, Any], **rest: Any) -> None:
        hidden = instance.pk and not sees(self.user, instance)
        if hidden:  # as the form does: who does not see whose it is does not change it either, and learns nothing by trying
            errors = {
                name: ValidationError(_("Your role does not show names and card numbers here, so this cannot be changed. Leave it empty."))
                for name in PERSONAL
                if name in row and text_of(row[name]) not in ("", MASK)
            }
            if errors:
                raise ValidationError(errors)
            row = {**row, **{name: MASK for name in PERSONAL if name in row}}
        super().import_instance(instance, row, **rest)

    def check(self, instance: Any, new: bool, row: dict[str, Any], errors: dict[str, Any]) -> None:
        seen = self.looks[instance.organization_id, instance.uid]
        if new and seen.refusal.text:
            errors.setdefault("uid", ValidationError(seen.refusal.text))
        else:
            try:
                instance.clean()
            except ValidationError as error:
                for name, found in (error.error_dict if hasattr(error, "error_dict") else {"uid": error.error_list}).items():
                    errors.setdefault(name, found)
        if new and (instance.organization_id, instance.uid) in self.taken:
            errors.setdefault("uid", ValidationError(_("%s already has a pass with this UID on its list.") % instance.organization))
        changed = {} if new else self.changes(instance)
        if instance.kind == ChargePass.Kind.NON_PUBLIC and (
            (instance.roaming_free and (new or {"roaming_free", "kind"} & changed.keys()))
            or ("kind" in changed and instance.pk in self.free_elsewhere)
        ):
            errors.setdefault("kind" if "kind" in self.columns else "roaming_free", ValidationError(NEEDS_PUBLIC))
        if errors:
            return
        if new and seen.odd:
            self.warn("uid", instance.uid, seen.odd)
        if new and seen.turned:
            self.warn("uid", instance.uid, seen.turned)
        non_public = instance.kind == ChargePass.Kind.NON_PUBLIC
        asks = new or bool({"whitelist", "kind"} & changed.keys())
        if asks and seen.asks_public(whitelist=instance.whitelist, non_public=non_public):
            self.warn("whitelist" if instance.whitelist else "kind", "yes" if instance.whitelist else instance.kind, str(PUBLIC))
        elif not non_public and instance.whitelist and (new or changed):
            self.warn(
                "whitelist", "yes", _("The owner pays for what this public card charges. Most are to be settled: then whitelist is no.")
            )

    def _person(self, value: Any) -> User | None:
        text, own = text_of(value).casefold(), self.one.user
        if not text:
            return None
        if own and text in ((own.email or "").casefold(), own.name.casefold()) and person(self.user, own, own.organization.path) != MASK:
            return own  # type: ignore[no-any-return]  # also one of elsewhere: may stay
        found = self.people.get(text, [])
        here = [one for one in found if one.organization.path.startswith(self.one.organization.path)]
        if not found:
            raise ValidationError(_("Nobody whom you see here has this e-mail address or name."))
        if not here:
            raise ValidationError(_("This user belongs neither to %s nor to something below it.") % self.one.organization)
        if len(here) > 1:
            raise ValidationError(_("Several people have this name. Write the e-mail address."))
        return here[0]

    def _group(self, value: Any) -> PassGroup | None:
        text = same_name(text_of(value))
        if not text:
            return None
        if self.one.group and self.one.group.name == text_of(value):
            return self.one.group  # type: ignore[no-any-return]
        found = self.groups.get((self.one.organization_id, text), [])
        if not found:
            raise ValidationError(_("%s has no group of passes with this name.") % self.one.organization)
        found = [group for group in found if group.name == text_of(value)] or found
        if len(found) > 1:
            raise ValidationError(_("%s has several groups with this name. Rename one of them first.") % self.one.organization)
        return found[0]

    # -- all of them ------------------------------------------------------------------------------------------------------------------

    def bulk_write(self, new: list[Any], changed: list[Any]) -> None:
        if new:
            create_passes(actor=self.user, passes=new, fields=[*dict.fromkeys(["uid", *self.columns, *SWITCHES])])
        if changed:
            edit_passes(actor=self.user, changes=[(one, self.changes(one)) for one in changed])


def _or_error(find: Any, value: Any) -> Any:
    try:
        return find(value)
    except ValidationError as error:
        return error


def key(row: dict[str, Any]) -> str:
    uid = row["uid"]
    if number_made(uid) or text_of(uid) in ("", MASK):
        return ""
    return f"{normalize_uid(text_of(uid).removeprefix(chr(39)))} {same_name(text_of(row.get('organization')))}"


def exported(user: User, passes: Iterable[ChargePass]) -> Iterator[list[Any]]:
    """The lines of an export that can be imported again: names of the columns, then a line for each pass, which comes with its
    organization, user and group."""
    yield [column.name for column in COLUMNS]
    passes = list(passes)
    moment, yes = Moment(), YesNo()
    for start in range(0, len(passes), 500):
        some = passes[start : start + 500]
        switches = {listing.charge_pass_id: listing for listing in own_listings(some)}
        for one in some:
            seen, listing, own = sees(user, one), switches.get(one.pk), one.user
            name = person(user, own, own.organization.path) if own else ""
            yield [
                *((value if seen or not value else MASK) for value in (one.uid, one.visible_number, one.nickname)),
                "" if own is None else (own.email or name) if seen and name != MASK else MASK,
                one.kind, moment.render(one.valid_from), moment.render(one.valid_until), yes.render(one.blocked),
                one.group.name if one.group else "", yes.render(listing and listing.whitelist),
                yes.render(listing and listing.roaming_free), yes.render(listing and listing.below), yes.render(one.several_at_once),
                one.organization.name,
            ]  # fmt: skip


def done_url(of: Import) -> str:
    return link("passes", **{"in": f"o{of.organization_id}"})


PASSES = Kind(
    slug="passes",
    title=lazy("Passes"),
    intro=lazy("Passes that are there already are changed in the columns that the file has; the others are added."),
    right=MANAGE_PASSES,
    columns=COLUMNS,
    resource=PassRows,
    form="passes.pages.imports.PassImportForm",
    done_url=done_url,
    done_label=lazy("Show the passes"),
    list_url="passes",
    most_rows=20_000,
    key=key,
    part_rows=500,
)
