"""The form of a pass: it checks what was typed and offers what was probably meant; the actions write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import ChargePass, PassGroup, normalize_uid
from passes.uid_check import PUBLIC, Look, Offered, look, refused
from stations.models import Priority
from tenancy.forms import ParentChoice, choose_among
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.personal import MASK, sees, where_seen
from tenancy.rights import MANAGE_PASSES
from ui.templatetags.ui import own_zone

MOST_TYPED = 60  # characters of a UID with its separators
MOST_PEOPLE = 100  # offered at once; others are found by a part of their name
MASKED = ("uid", "nickname", "visible_number", "user")  # personal data: not changed by whoever does not see it
SWITCHES = ("whitelist", "roaming_free")
NEEDS_PUBLIC = lazy("Roaming free is for public cards: choose the kind “Public” first. A card of one's own does not roam.")


class MomentField(forms.DateTimeField):
    """A date and time as the reader's clock shows it; passes belong to no location."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        with timezone.override(own_zone()):
            return super().prepare_value(value)

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(own_zone()):
            found = super().to_python(value)
        if found and not 1970 <= found.year < 9999:  # at the edges of the calendar there is no other zone to convert to
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return found


class GroupChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    several_organizations = False

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.organization} · {obj}" if self.several_organizations else str(obj)


class PersonChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.organization}"


class PassForm(forms.ModelForm):  # type: ignore[type-arg]
    """`find_user`, `keep_uid` and `keep_public` are no fields of a pass: a part of a name to look for, the UID that stays although it looks
    wrong, and that of a card which is listed although a network knows it."""

    find_user = forms.CharField(label=lazy("Find a user"), required=False, max_length=100)
    keep_uid = forms.CharField(required=False, max_length=MOST_TYPED, widget=forms.HiddenInput)
    keep_public = forms.CharField(required=False, max_length=MOST_TYPED, widget=forms.HiddenInput)
    valid_from = MomentField(label=lazy("Valid from"))
    valid_until = MomentField(label=lazy("Valid until"))
    whitelist = forms.BooleanField(
        label=lazy("Whitelist: it charges free at the whitelisting stations of this organization, whose owner pays"), required=False
    )
    roaming_free = forms.BooleanField(
        label=lazy("Roaming free: the card roams at the stations of this organization, without the roaming surcharge"), required=False
    )

    class Meta:
        model = ChargePass
        fields = (
            "organization", "uid", "visible_number", "nickname", "kind", "user", "group", "valid_from", "valid_until", "several_at_once",
            "priority",
        )  # fmt: skip
        field_classes = {"nickname": NameField, "organization": ParentChoice, "group": GroupChoice, "user": PersonChoice}
        widgets = {
            "uid": forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false", "class": "font-monospace"}),
            "kind": forms.RadioSelect,
        }

    parts = (
        (lazy("The card"), ("organization", "uid")),
        ("", ("visible_number", "kind")),
        (lazy("Whose it is"), ("nickname", "user", "find_user", "group")),
        (lazy("When"), ("valid_from", "valid_until", "several_at_once", "priority")),
        (lazy("What it may at the organization"), SWITCHES),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.offers: list[Offered] = []  # beside the UID
        self.more_people = False
        self._uid()
        for name in ("valid_from", "valid_until"):
            empty = _("Empty: at once.") if name == "valid_from" else _("Empty: no end.")
            self.fields[name].help_text = f"{empty} {_('In the time of %s.') % own_zone()}"
        self.fields["several_at_once"].label = lazy("Several at once: it may charge at more than one connector at the same time")
        self.fields["several_at_once"].help_text = ""
        self.fields["priority"].choices = [("", _("As the connector")), *Priority.choices]  # type: ignore[attr-defined]
        self.fields["kind"].choices = ChargePass.Kind.choices  # type: ignore[attr-defined]
        if self.instance.pk:
            for name in ("organization", *SWITCHES):
                del self.fields[name]
            if self.instance.listings.exclude(organization=self.instance.organization_id).exists():
                self.fields["uid"].help_text = lazy(
                    "With another UID it is another card: it leaves the lists of organizations where you do not manage passes."
                )
        else:
            self._organization()
        if self.instance.pk and not sees(user, self.instance):
            for name in (*MASKED, "find_user", "keep_uid", "keep_public"):
                del self.fields[name]
        else:
            self._people()
        self._groups()

    def _uid(self) -> None:
        uid = self.fields["uid"]
        # Separators are taken out, and a printed number gets its own message.
        uid.max_length, uid.validators = MOST_TYPED, []  # type: ignore[attr-defined]
        uid.widget.attrs["maxlength"] = MOST_TYPED
        uid.help_text = lazy(
            "What the reader sends, such as 04A2B3C4D5E680; it is in the activity of the station. Separators do not matter."
        )

    def _organization(self) -> None:
        field = choose_among(self, self.user, Organization.objects.visible_to(self.user, MANAGE_PASSES))
        field.empty_label = _("Choose one")
        field.help_text = lazy("The pass is on the list of this organization, and works at its stations.")

    def _people(self) -> None:
        """Those whose names are seen, where passes may be changed; of many some, and those that are found by name."""
        field = self.fields["user"]
        assert isinstance(field, PersonChoice)
        rows = User.objects.visible_to(self.user, MANAGE_PASSES).filter(where_seen(self.user, User)).select_related("organization")
        if self.instance.pk:
            rows = rows.below(self.instance.organization.path)
            if self.instance.user_id and not rows.filter(pk=self.instance.user_id).exists():
                own = User.objects.visible_to(self.user).filter(pk=self.instance.user_id)  # of elsewhere: may stay
                rows = rows | own.select_related("organization")
        field.queryset = rows.order_by("name", "pk")
        field.empty_label = _("Nobody")
        field.required = False
        text = str(self.data.get("find_user", "")).replace("\x00", "").strip()[:100]
        found = field.queryset.filter(name__icontains=text) if text else field.queryset
        people = list(found[: MOST_PEOPLE + 1])
        self.more_people = len(people) > MOST_PEOPLE or bool(text)
        if not self.more_people:
            del self.fields["find_user"]
        chosen = str(self.data.get("user") or self.initial.get("user") or "")
        if chosen.isdecimal() and len(chosen) < 19 and all(str(one.pk) != chosen for one in people):
            people = [*field.queryset.filter(pk=int(chosen)), *people]
        # Only these are offered; any other that may be chosen is accepted too
        field.choices = [("", field.empty_label), *((one.pk, field.label_from_instance(one)) for one in people[: MOST_PEOPLE + 1])]

    def _groups(self) -> None:
        field = self.fields["group"]
        assert isinstance(field, GroupChoice)
        rows = PassGroup.objects.visible_to(self.user, MANAGE_PASSES).select_related("organization").order_by("organization__path", "name")
        field.queryset = rows.filter(organization=self.instance.organization_id) if self.instance.pk else rows
        field.several_organizations = not self.instance.pk
        field.empty_label = _("None")
        field.help_text = lazy("Passes of a group have its restrictions and its group id.")

    def organization(self) -> Organization | None:
        return self.instance.organization if self.instance.pk else self.cleaned_data.get("organization")

    def clean_uid(self) -> str:
        """What could not be a UID at any organization is said at once; `clean` looks closer."""
        uid = normalize_uid(self.cleaned_data["uid"])
        found = refused(uid, self.cleaned_data["uid"], offered=True)
        if found.text and not (self.instance.pk and uid == self.instance.uid):
            self.offers.extend(found.offers())
            raise forms.ValidationError(found.text)
        return uid

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        organization, uid = self.organization(), values.get("uid")
        if organization and uid:
            if same := self._pass_of(organization, uid):
                self.add_error("uid", _("This organization already has a pass with this UID: %s.") % self._name(same))
            else:
                self._look(organization, uid, values)
        if organization:
            self._check_whose(organization, values)
        if values.get("roaming_free") and values.get("kind") == ChargePass.Kind.NON_PUBLIC:
            self.add_error("roaming_free", NEEDS_PUBLIC)
        return values

    def _pass_of(self, organization: Organization, uid: str) -> ChargePass | None:
        rows = ChargePass.objects.visible_to(self.user).filter(organization=organization, uid=uid)
        return rows.exclude(pk=self.instance.pk).select_related("organization").first()

    def _name(self, charge_pass: ChargePass) -> str:
        return str(charge_pass) if sees(self.user, charge_pass) else MASK

    def _look(self, organization: Organization, uid: str, values: dict[str, Any]) -> None:
        """At a UID that is new; at one that stays, where it becomes a card of one's own."""
        before = self._before()
        new = before is None or before[0] != uid
        if not new and (before is None or before[1] == values.get("kind")):
            return
        found = look(self.user, organization, uid, str(self.data.get("uid", "")), known=self.instance.pk)
        if new and found.refusal.text:
            self.add_error("uid", found.refusal.text)
            self.offers.extend(found.refusal.offers())
        elif new and found.turned and normalize_uid(values.get("keep_uid") or "") != uid:
            self.add_error("uid", found.turned)
            self.offers.extend(found.offers())
        elif self._asks_public(found, values) and normalize_uid(values.get("keep_public") or "") != uid:
            self.add_error("uid", PUBLIC)
            self.offers.append(Offered(_("It is public, do not whitelist it"), "take", "public", True))
            self.offers.append(Offered(_("Keep it as it is below"), "keep_public", uid))

    def _before(self) -> tuple[str, str] | None:
        """UID and kind of the pass as it is kept: the form has written into its own copy."""
        kept = ChargePass.objects.visible_to(self.user, MANAGE_PASSES).filter(pk=self.instance.pk)
        return kept.values_list("uid", "kind").first() if self.instance.pk else None

    def _asks_public(self, found: Look, values: dict[str, Any]) -> bool:
        whitelist = self.instance.listings.filter(whitelist=True).exists() if self.instance.pk else bool(values.get("whitelist"))
        return found.asks_public(whitelist=whitelist, non_public=values.get("kind") == ChargePass.Kind.NON_PUBLIC)

    def _check_whose(self, organization: Organization, values: dict[str, Any]) -> None:
        holder, group = values.get("user"), values.get("group")
        if holder and holder.pk != self.instance.user_id and not holder.organization.path.startswith(organization.path):
            self.add_error("user", _("This user belongs neither to %s nor to something below it.") % organization)
        if group and group.organization_id != organization.pk:
            self.add_error("group", _("This group belongs to another organization. Choose one of %s.") % organization)


def taken(data: Any) -> Any:
    """What was typed, as a button beside the UID changes it: the printed number goes to its own field, the card becomes a public one
    that is not whitelisted, or another UID comes."""
    if not data.get("take"):
        return data
    changed = data.copy()
    if changed["take"] == "number":
        changed["visible_number"], changed["uid"] = changed.get("visible_number") or changed.get("uid", ""), ""
    elif changed["take"] == "public":
        changed["kind"] = ChargePass.Kind.PUBLIC
        changed.pop("whitelist", None)
    else:
        changed["uid"] = changed["take"]
    return changed


def only_looked(data: Any) -> bool:
    """Whether a button was pressed that changes or looks up something in the form, and saves nothing."""
    return bool(data.get("take") or data.get("look"))


def unchecked(form: forms.BaseForm) -> None:
    """It is shown as it was typed, and nothing is said against it yet."""
    form.__dict__.update(_errors=ErrorDict(), cleaned_data={})
