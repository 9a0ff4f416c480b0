"""The steps of the guides: which organization, which card, which location. They check what was typed; the actions write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.actions import why_not_listed
from passes.forms import MOST_TYPED, NEEDS_PUBLIC
from passes.models import ChargePass, Listing, check_uid, normalize_uid
from passes.pages.sheet import name_of
from passes.uid_check import PUBLIC, Offered, look
from stations.models import AccessMode, Location, Station
from tenancy.actions.moves import keys
from tenancy.forms import ParentChoice
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.personal import sees
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_PASSES, MANAGE_STATIONS, PERSONAL_DATA

MOST_CHOICES = 200  # passes in a list to choose from; beyond that one types the UID or the number
PUBLIC_PASS = lazy("This pass is a public card, or roams free. Do not whitelist a card that should be settled.")
UID_HELP = lazy("What the reader sends, such as 04A2B3C4D5E680. Separators do not matter.")


def fill(form: forms.Form, name: str, rows: QuerySet[Any]) -> forms.ModelChoiceField[Any]:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows
    return field


def organizations(user: User) -> Any:
    return Organization.objects.visible_to(user, MANAGE_PASSES).in_tree_order()


class OrganizationForm(forms.Form):
    organization = ParentChoice(label=lazy("Organization"), queryset=Organization.objects.none(), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = fill(self, "organization", organizations(user))
        assert isinstance(field, ParentChoice)
        field.top = user.organization.depth


class CustomerForm(OrganizationForm):
    """For a public card that is to be settled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].label = lazy("Customer")
        self.fields["organization"].help_text = lazy(
            "Whose stations the card shall charge at. With split billing add it at the sub-organization, to which the stations belong; the "
            "organization above it may still whitelist it for its own."
        )


class OfficeForm(OrganizationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].label = lazy("Office")
        self.fields["organization"].help_text = lazy(
            "The organization of the employer. The home is a sub-organization below it, one for each employee."
        )


class PassChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Passes whose names `user` sees; those of other organizations with theirs."""

    user: User
    home: Organization

    def label_from_instance(self, obj: Any) -> str:
        name = name_of(self.user, obj)
        return name if obj.organization_id == self.home.pk else f"{name} · {obj.organization}"


class CardForm(forms.Form):
    """A pass that is there, or the card of a new one. In the cleaned values `charge_pass` is the one there is, however named."""

    charge_pass = PassChoice(
        label=lazy("Pass"), queryset=ChargePass.objects.none(), required=False, empty_label=lazy("A new card, typed below")
    )
    visible_number = forms.CharField(
        label=lazy("Visible number"), max_length=40, required=False, help_text=lazy("Printed on the card, such as NL-TNM-B12345-6.")
    )
    uid = forms.CharField(
        label=lazy("UID"), max_length=MOST_TYPED, required=False, help_text=UID_HELP,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip
    nickname = NameField(label=lazy("Nickname"), max_length=60, required=False, help_text=lazy("Such as the name of a car."))
    user = forms.ModelChoiceField(label=lazy("User"), queryset=User.objects.none(), required=False, empty_label=lazy("Nobody"))
    keep_uid = forms.CharField(required=False, max_length=MOST_TYPED, widget=forms.HiddenInput)  # it stays although it looks wrong
    keep_public = forms.CharField(required=False, max_length=MOST_TYPED, widget=forms.HiddenInput)  # it is meant although it is public
    public_only = False
    asks_public = False  # before a public card is whitelisted
    NEW = ("visible_number", "uid", "nickname", "user")  # what is asked of a card that is no pass yet

    def __init__(self, *args: Any, person: User, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person, self.organization = person, organization
        self.offers: list[Offered] = []  # beside the UID
        passes = self._passes()
        shown = list(passes.visible_to(person, PERSONAL_DATA).values_list("pk", flat=True)[: MOST_CHOICES + 1])
        if shown and len(shown) <= MOST_CHOICES:
            choice = fill(self, "charge_pass", passes.filter(pk__in=shown).order_by("nickname", "uid"))
            assert isinstance(choice, PassChoice)
            choice.user, choice.home = person, organization
        else:
            del self.fields["charge_pass"]
            if shown:
                self.fields["uid"].help_text = lazy("Of a new card, or of a pass that is there already. Separators do not matter.")
        holders = User.objects.visible_to(person, PERSONAL_DATA).filter(organization=organization, is_active=True).order_by("name")
        fill(self, "user", holders)
        if not holders.exists():
            del self.fields["user"]

    def _passes(self) -> Any:
        """Those that may be on the list of the organization: its own, and of those above and below."""
        path = self.organization.path
        near = Q(organization__path__startswith=path) | Q(organization__in=keys(path))
        return ChargePass.objects.visible_to(self.person, MANAGE_PASSES).filter(near).select_related("organization")

    def clean_uid(self) -> str:
        return normalize_uid(self.cleaned_data["uid"])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        uid, number = values.get("uid", ""), values.get("visible_number", "")
        found = values.get("charge_pass")
        if found is None and "uid" not in self.errors:
            found = self._known(uid, number)
            if found is None and not uid:
                self.add_error("uid", self._why_needed(number))
        if found is not None and self.public_only and found.kind != ChargePass.Kind.PUBLIC:
            self.add_error("charge_pass" if values.get("charge_pass") else "uid", str(NEEDS_PUBLIC))
        if found is not None and (why := why_not_listed(found, self.organization)):
            self.add_error("charge_pass" if "charge_pass" in self.fields else "uid", why)
        values["charge_pass"], values["is_public"] = found, False
        if (found is not None or uid) and not self.errors:
            self._look(found, uid, values)
        return values

    def _look(self, found: ChargePass | None, uid: str, values: dict[str, Any]) -> None:
        chosen = "charge_pass" if values.get("charge_pass") else "uid"
        card = found.uid if found else uid
        seen = look(self.person, self.organization, card, "" if found else str(self.data.get("uid", "")), known=found.pk if found else None)
        values["is_public"] = seen.public
        public = seen.public or (found is not None and _is_public(found))
        if found is None and seen.refusal.text:
            self.add_error("uid", seen.refusal.text)
            self.offers = seen.refusal.offers()
        elif found is None and seen.turned and normalize_uid(values.get("keep_uid") or "") != uid:
            self.add_error("uid", seen.turned)
            self.offers = seen.offers()
        elif self.asks_public and public and values.get("keep_public") != (f"pass-{found.pk}" if found else uid):
            self.add_error(chosen, PUBLIC if seen.public else PUBLIC_PASS)
            self.offers = [Offered(_("Whitelist it all the same"), "keep_public", f"pass-{found.pk}" if found else uid)]

    def _known(self, uid: str, number: str) -> ChargePass | None:
        if uid:
            listed = Listing.objects.visible_to(self.person, MANAGE_PASSES).filter(organization=self.organization, uid=uid)
            if (one := listed.select_related("charge_pass__organization").first()) is not None:
                return one.charge_pass
            return self._passes().filter(uid=uid).order_by("-organization__path").first()  # type: ignore[no-any-return]
        if not number:
            return None
        numbered = list(self._passes().visible_to(self.person, PERSONAL_DATA).filter(visible_number__iexact=number)[:2])
        return numbered[0] if len(numbered) == 1 else None

    def _why_needed(self, number: str) -> str:
        if number:
            return _("No pass here has this number yet, so the UID is needed: it is what the station checks. Learn it at a station.")
        return _("Type the UID of the card, learn it at a station, or choose a pass.")

    @property
    def new(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.NEW if name in self.cleaned_data}

    def told(self, name: str) -> str | None:
        found: ChargePass | None = self.cleaned_data.get("charge_pass")
        if found is None:
            return _("A new one") if name == "charge_pass" else None
        if name in ("charge_pass", "uid"):
            known = found.uid if sees(self.person, found) else name_of(self.person, found)
            return name_of(self.person, found) if name == "charge_pass" else _("%s, a pass already") % known
        return _("as it is")


def _is_public(found: ChargePass) -> bool:
    return found.kind == ChargePass.Kind.PUBLIC or found.listings.filter(roaming_free=True).exists()


class TagForm(CardForm):
    """A card of one's own: of a public one it asks whether it is meant."""

    asks_public = True


class PublicCardForm(CardForm):
    """A pass that is there must be of a public card."""

    public_only = True


class HomeForm(forms.Form):
    home = ParentChoice(label=lazy("Home"), queryset=Organization.objects.none(), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, user: User, office: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = organizations(user).filter(path__startswith=office.path).exclude(pk=office.pk)
        field = fill(self, "home", rows)
        assert isinstance(field, ParentChoice)
        field.top = office.depth + 1
        field.help_text = _("The sub-organization to which the station at home belongs.")
        if not rows.exists():
            field.help_text = _("There is no organization below %s where you may manage passes. Add the home first.") % office


class ModesForm(forms.Form):
    """Locations, and stations with an access mode of their own, that roam and could whitelist too."""

    places = forms.MultipleChoiceField(
        label=lazy("Let these whitelist too"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=lazy("They keep taking the cards of connected networks. Without it the pass does not charge free there."),
    )  # fmt: skip

    def __init__(self, *args: Any, found: dict[str, Location | Station], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found = found
        words = _("%(place)s: now %(mode)s")
        choices = [(key, words % {"place": place, "mode": AccessMode(place.access_mode).label}) for key, place in found.items()]
        field = self.fields["places"]
        field.choices, field.initial = choices, list(found)  # type: ignore[attr-defined]

    def clean_places(self) -> list[Location | Station]:
        return [self.found[key] for key in self.cleaned_data["places"]]

    def told(self, name: str) -> str:
        return ", ".join(str(place) for place in self.cleaned_data[name]) or "–"


def only_roaming(user: User, organization: Organization) -> dict[str, Location | Station]:
    """What at `organization` roams, does not whitelist, and may be changed by `user`."""
    locations = Location.objects.visible_to(user, MANAGE_LOCATIONS).filter(organization=organization, access_mode=AccessMode.ROAMING)
    stations = Station.objects.visible_to(user, MANAGE_STATIONS).filter(location__organization=organization, access_mode=AccessMode.ROAMING)
    found: dict[str, Location | Station] = {f"l{one.pk}": one for one in locations.select_related("organization")[:MOST_CHOICES]}
    return found | {f"s{one.pk}": one for one in stations.select_related("location__organization")[:MOST_CHOICES]}


class LocationChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.organization}"


class PlaceForm(forms.Form):
    location = LocationChoice(label=lazy("Location"), queryset=Location.objects.none(), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, user: User, split: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Location.objects.visible_to(user, MANAGE_PASSES).select_related("organization").order_by("name", "pk")
        field = fill(self, "location", rows.filter(organization__kind=Organization.Kind.SUB) if split else rows)
        field.help_text = lazy("Where the card charges. The owner of its stations is the organization to which it belongs.")
        if split:
            field.help_text = lazy("Of the sub-organization of the private person. If it is not here, move it there first.")


class ModeForm(forms.Form):
    access_mode = forms.ChoiceField(
        label=lazy("Access mode of the location"), widget=forms.RadioSelect,
        choices=[*((mode.value, mode.label) for mode in AccessMode if mode.roams), ("", lazy("Leave it as it is"))],
        required=False, help_text=lazy("Reimbursement needs a mode that roams. Stations with an access mode of their own keep it."),
    )  # fmt: skip


class OfferedForm(forms.Form):
    """A card by its UID, or by the printed number of a pass that `user` sees."""

    card = forms.CharField(
        label=lazy("Card"), max_length=MOST_TYPED, help_text=lazy("Its UID; or its visible number, if it is a pass that you may see."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_card(self) -> str:
        typed = self.cleaned_data["card"].strip()
        named = ChargePass.objects.visible_to(self.user, PERSONAL_DATA).filter(Q(visible_number__iexact=typed) | Q(nickname__iexact=typed))
        uids = set(named.values_list("uid", flat=True)[:2])
        if len(uids) == 1:
            return str(uids.pop())
        uid = normalize_uid(typed)
        try:
            check_uid(uid)
        except ValidationError as error:
            raise ValidationError([*error.messages, _("No pass that you may see has this number.")]) from error
        return uid


class StationChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.location} · {obj.name_and_id}"


class ReaderForm(forms.Form):
    station = StationChoice(label=lazy("Station"), queryset=Station.objects.none(), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, user: User, drill: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = learnable(user)
        field = fill(
            self,
            "station",
            (drill.limit(rows) if drill else rows).select_related("location").order_by("location__name", "alias", "identity"),
        )
        field.help_text = lazy("One that stands near you. It does not matter what its access mode is, or whether it would take the card.")


def learnable(user: User) -> Any:
    return Station.objects.visible_to(user, MANAGE_PASSES).visible_to(user, PERSONAL_DATA).filter(active=True)
