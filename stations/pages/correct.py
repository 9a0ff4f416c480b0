"""Guided pages for transactions that cannot be as they were reported, or were never ended: what was reported, what else is known, what is
decided, and before it is saved both side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import evidence, explain, problems
from stations.actions import corrections
from stations.actions.corrections import VALUES, more_than_possible, too_long, version_of, what_is_wrong_with_values
from stations.models import Correction, Transaction
from tenancy.links import link
from tenancy.personal import MASK, person
from tenancy.rights import CORRECT_TRANSACTIONS, get_for
from ui.forms import attempt, next_url, refuse
from ui.templatetags.ui import duration, exact, kwh

METERS = ("meter_start", "meter_stop")
STEP = "%Y-%m-%dT%H:%M:%S"


class ZoneTimeField(forms.DateTimeField):
    """A time to the second, as the clocks of a place show it. What was not touched stays as exact as it was."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}), **options)
        self.zone: Any = timezone.get_default_timezone()
        self.kept: list[datetime] = []

    def prepare_value(self, value: Any) -> Any:
        return timezone.localtime(value, self.zone).strftime(STEP) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        for known in self.kept:
            if value == self.prepare_value(known):
                return known
        with timezone.override(self.zone):
            try:
                found: datetime | None = super().to_python(value)
            except ValidationError:
                if (found := _first_of_two(value, self.zone)) is None:
                    raise
            try:  # times of one zone are compared by their clock, so wrongly where it goes back
                return found.astimezone(UTC) if found else None
            except OverflowError:
                raise ValidationError(_("There is no such time.")) from None


def _first_of_two(value: Any, zone: Any) -> datetime | None:
    """A time of the hour that comes twice when the clocks go back, as the first of the two; None for any other."""
    try:
        found = datetime.fromisoformat(str(value).strip()).replace(tzinfo=zone)
    except ValueError:
        return None
    return found if comes_twice(found, zone) else None


def comes_twice(at: datetime, zone: Any) -> bool:
    """Whether the clocks of the place show this time a second time, because they go back in between."""
    first, second = (at.astimezone(zone).replace(fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


class MeterField(forms.DecimalField):
    """A meter's register, shown in kWh; what comes of it are Wh."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_digits=14, decimal_places=3, widget=forms.NumberInput(attrs={"step": "0.001", "inputmode": "decimal"}), **options
        )

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value) / 1000:.3f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return None if found is None else int(found * 1000)


class DecisionForm(forms.Form):
    """`version` says what the person looked at; `names` are the values that can be put in."""

    version = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=lazy("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=lazy("Why this is right, for those who look at it later."),
    )  # fmt: skip
    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any = None, *, row: Transaction, found: evidence.Evidence) -> None:
        super().__init__(data, initial={"version": version_of(row), **{name: getattr(row, name) for name in self.names}})
        self.row, self.found = row, found
        for name in self.names:
            field = self.fields[name]
            if isinstance(field, ZoneTimeField):
                field.zone = row.station.location.zone
                told = [one.value for one in found.suggestions if one.field == name and isinstance(one.value, datetime)]
                field.kept = [*filter(None, [getattr(row, name)]), *told]

    def is_typed(self) -> bool:
        """Whether the values that were typed count."""
        return True

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned: dict[str, Any] = self.cleaned_data
        if self.is_typed() and not self.errors.keys() & set(self.names):
            for name in self.names:
                if cleaned.get(name) is None:
                    self.add_error(name, _("This is needed."))
            if not self.errors.keys() & set(self.names):
                self._mean_the_second()
                for name, why in what_is_wrong_with_values(self.row, self.values()).items():
                    self.add_error(name if name in self.names else None, why)
        return cleaned

    def _mean_the_second(self) -> None:
        """An end of the hour that comes twice is the second one where it cannot be the first."""
        values, zone = self.values(), self.row.station.location.zone
        end = values["ended_at"]
        if "ended_at" in self.names and end is not None and end < values["started_at"] and comes_twice(end, zone):
            self.cleaned_data["ended_at"] = end.astimezone(zone).replace(fold=1).astimezone(UTC)

    def doubts(self) -> list[str]:
        """What somebody has to say twice before it is true."""
        if self.cleaned_data.get("decision") == "void":
            return []
        found, values = [], self.values()
        if more_than_possible(self.row, values):
            found.append(_("This is more energy than the connector can give in this time."))
        if too_long(values):
            found.append(_("It would have taken %s, longer than anybody charges.") % duration(values["ended_at"] - values["started_at"]))
        return found

    def notes(self) -> list[str]:
        """How what was typed is understood, where it can be understood in two ways."""
        zone = self.row.station.location.zone
        return [
            (_("%s comes twice, because the clocks go back: the second is meant.") if at.astimezone(zone).fold
             else _("%s comes twice, because the clocks go back: the first is meant.")) % exact(at, zone)
            for name, at in self.values().items()
            if name in self.names and self.is_typed() and isinstance(at, datetime) and comes_twice(at, zone)
        ]  # fmt: skip

    def values(self) -> dict[str, Any]:
        """All of VALUES as they would be."""
        return {name: self.cleaned_data[name] if name in self.names and self.is_typed() else getattr(self.row, name) for name in VALUES}


class CorrectForm(DecisionForm):
    decision = forms.ChoiceField(
        label=lazy("What is true?"),
        widget=forms.RadioSelect,
        choices=[
            ("values", lazy("Correct its values, and settle it with them")),
            ("confirm", lazy("Confirm it as it is, and settle it")),
            ("void", lazy("Not to be settled")),
        ],
    )
    started_at = ZoneTimeField(label=lazy("Start"), required=False)
    ended_at = ZoneTimeField(label=lazy("End"), required=False)
    meter_start = MeterField(label=lazy("Meter at start (kWh)"), required=False)
    meter_stop = MeterField(label=lazy("Meter at end (kWh)"), required=False)

    names: ClassVar[tuple[str, ...]] = VALUES
    field_order = ["decision", *VALUES, "reason", "version"]

    def is_typed(self) -> bool:
        return bool(self.cleaned_data.get("decision") == "values")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        decision = cleaned.get("decision")
        if decision == "confirm" and (wrong := what_is_wrong_with_values(self.row, {name: getattr(self.row, name) for name in VALUES})):
            self.add_error("decision", _("It cannot be confirmed. %s") % " ".join(wrong.values()))
        if decision == "values" and not self.errors and all(self.values()[name] == getattr(self.row, name) for name in VALUES):
            self.add_error("decision", _("No value is changed. If it is right as it stands, confirm it."))
        return cleaned


class CloseForm(DecisionForm):
    ended_at = ZoneTimeField(label=lazy("End"))
    meter_stop = MeterField(label=lazy("Meter at end (kWh)"))

    names: ClassVar[tuple[str, ...]] = ("ended_at", "meter_stop")
    field_order = ["ended_at", "meter_stop", "reason", "version"]

    def __init__(self, data: Any = None, *, row: Transaction, found: evidence.Evidence) -> None:
        super().__init__(data, row=row, found=found)
        for name in self.names:
            if best := found.best(name):
                self.initial[name] = best.value


@dataclass(frozen=True)
class Side:
    """A value before and after."""

    label: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


def in_words(name: str, value: Any, zone: Any) -> str:
    """A value of a transaction for people; times may be text (ISO 8601)."""
    if value is None or value == "":
        return "–"
    if name in METERS:
        return kwh(value)
    if name in ("started_at", "ended_at"):
        return exact(value if isinstance(value, datetime) else datetime.fromisoformat(value), zone)
    if name == "stop_reason":
        return str(explain.STOP_REASONS.get(value, value))
    if name == "problems":
        return ", ".join(str(Transaction.Problem(one).label) for one in value if one in Transaction.Problem.values) or "–"
    if name == "void":
        return _("yes") if value else _("no")
    return str(value)


LABELS: dict[str, Any] = {
    **evidence.LABELS, "stop_reason": lazy("Why it ended"), "problems": lazy("Problems"), "void": lazy("Not to be settled"),
}  # fmt: skip


def sides(before: dict[str, Any], after: dict[str, Any], zone: Any) -> list[Side]:
    """Values side by side, and what follows from them where start, end and meters are all there."""
    found = [Side(str(LABELS[name]), in_words(name, before.get(name), zone), in_words(name, after.get(name), zone))
             for name in LABELS if name in before or name in after]  # fmt: skip
    if set(VALUES) <= before.keys() and set(VALUES) <= after.keys():
        found.append(Side(_("Duration"), *(_lasted(values) for values in (before, after))))
        found.append(Side(_("Energy"), *(_energy(values) for values in (before, after))))
    return found


def _lasted(values: dict[str, Any]) -> str:
    return duration(values["ended_at"] - values["started_at"]) if values["ended_at"] else "–"


def _energy(values: dict[str, Any]) -> str:
    return "–" if values["meter_stop"] is None else kwh(values["meter_stop"] - values["meter_start"])


def history(request: HttpRequest, row: Transaction) -> list[dict[str, Any]]:
    """What was decided of a transaction that was read through the door, the latest first."""
    at, zone = row.station.location, row.station.location.zone
    rows = Correction.objects.visible_to(request.user).filter(transaction=row).select_related("actor")[:50]

    def who(one: Correction) -> str:
        if one.actor:
            return person(request.user, one.actor, at.organization.path, at.pk)
        if one.actor_name:
            return MASK
        return _("The station") if one.kind == Correction.Kind.REPORTED else _("The portal")

    return [{"row": one, "who": who(one), "sides": sides(one.before, one.after, zone)} for one in rows]


def _row(request: HttpRequest, pk: int) -> Transaction:
    rows = Transaction.objects.select_related("station__location__organization", "connector__station")
    return get_for(request.user, rows, CORRECT_TRANSACTIONS, pk=pk)


def transaction_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide what is true of a transaction that has ended."""
    row = _row(request, pk)

    def save(form: DecisionForm) -> str:
        values = form.cleaned_data
        decided = {"actor": request.user, "transaction": row, "version": values["version"], "reason": values["reason"]}
        match values["decision"]:
            case "values":
                corrections.correct_transaction(values={name: values[name] for name in VALUES}, **decided)
                return _("Corrected. What was reported is kept beside it.")
            case "confirm":
                corrections.confirm_transaction(**decided)
                return _("Confirmed as it is.")
        corrections.void_transaction(**decided)
        return _("Nothing is settled for this transaction.")

    return _guided(
        request, row, CorrectForm, save, title=_("Correct transaction %s") % row.pk, submit_label=_("Save this decision"),
        refusal=_("It has not ended, so there is nothing to correct yet.") if row.running else "",
        told=[_("What the station reported, and its signed values, stay as they are. Your decision is kept beside them.")],
    )  # fmt: skip


def transaction_close(request: HttpRequest, pk: int) -> HttpResponse:
    """End what the station did not end."""
    row = _row(request, pk)

    def save(form: DecisionForm) -> str:
        values = form.cleaned_data
        corrections.close_transaction(
            actor=request.user, transaction=row, version=values["version"], ended_at=values["ended_at"],  # type: ignore[arg-type]
            meter_stop=values["meter_stop"], reason=values["reason"],
        )  # fmt: skip
        return _("Closed by hand.")

    told = [
        _("It ends here, with the end and the meter that you put in. They are settled."),
        _("The station is told nothing: if the car is still charging, it goes on. Stop the charge first where that can be done."),
        _("If the station reports the end later, its report takes force, and both are kept."),
    ]
    return _guided(
        request, row, CloseForm, save, title=_("Close transaction %s by hand") % row.pk, submit_label=_("Close it by hand"),
        refusal="" if row.running else _("It has ended already."), told=told,
    )  # fmt: skip


def _guided(
    request: HttpRequest, row: Transaction, form_class: type[DecisionForm], save: Callable[[DecisionForm], str], *,
    title: str, submit_label: str, refusal: str, told: list[str],
) -> HttpResponse:  # fmt: skip
    """The form beside what is known; then both sides; then `save`, which says what was done."""
    back = next_url(request, row.get_absolute_url())
    found = evidence.of(row)
    form = form_class(request.POST if request.method == "POST" else None, row=row, found=found)
    context = {
        "title": title, "row": row, "zone": row.station.location.zone, "form": form, "found": found, "back": back, "told": told,
        "refusal": refusal, "submit_label": submit_label, "step": "form",
        "advice": problems.advice(row), "impossible": evidence.impossible(row, corrections.power_of(row.connector)),
        "suggestions": [
            (number, one, in_words(one.field, one.value, row.station.location.zone))
            for number, one in enumerate(found.suggestions)
            if one.field in form.names
        ],
        "breadcrumbs": [(_("Transactions"), link("transactions")), (_("Transaction %s") % row.pk, row.get_absolute_url())],
        "other_url": link("transaction_close" if row.running else "transaction_correct", row.pk),
    }  # fmt: skip
    if request.method == "POST" and not refusal:
        use = request.POST.get("use", "")
        if use or request.POST.get("again"):
            context["form"] = _with(request, form_class, row, found, use)
        elif form.is_valid():
            warned = form.doubts()
            if request.POST.get("confirmed") and (not warned or request.POST.get("sure")):
                try:
                    messages.success(request, attempt(save, form))
                    return redirect(back)
                except ValidationError as error:
                    refuse(form, error)
                    row.refresh_from_db()  # what the person looks at again is how it is now
                    form.data = form.data.copy()  # type: ignore[attr-defined]
                    form.data["version"] = version_of(row)  # type: ignore[index]
            else:
                context = context | _both_sides(request, form, warned)
    return render(request, "stations/correct.html", context)


def _with(request: HttpRequest, form_class: type[DecisionForm], row: Transaction, found: evidence.Evidence, use: str) -> DecisionForm:
    """The form as it was typed, with a suggestion put in; nothing is said of it yet."""
    data = request.POST.copy()
    form = form_class(None, row=row, found=found)
    form.initial.update({name: data[name] for name in form.fields if name in data})
    if use.isdecimal() and len(use) < 4 and int(use) < len(found.suggestions):
        one = found.suggestions[int(use)]
        form.initial[one.field] = one.value
        if "decision" in form.fields:
            form.initial["decision"] = "values"
    return form


def _both_sides(request: HttpRequest, form: DecisionForm, warned: list[str]) -> dict[str, Any]:
    row = form.row
    void = form.cleaned_data.get("decision") == "void"
    before = {name: getattr(row, name) for name in VALUES} | {"void": row.void}
    return {
        "step": "summary",
        "sides": sides(before, form.values() | {"void": void}, row.station.location.zone),
        "warned": warned,
        "notes": form.notes(),
        "unsure": bool(warned and request.POST.get("confirmed")),
        "decision": dict(form.fields["decision"].choices).get(form.cleaned_data["decision"]) if "decision" in form.fields else "",  # type: ignore[attr-defined]
        "reason": form.cleaned_data["reason"],
        "hidden": [(name, request.POST.get(name, "")) for name in form.fields],
    }


urlpatterns: list[URLPattern] = [
    path("transactions/<int:pk>/correct/", transaction_correct, name="transaction_correct"),
    path("transactions/<int:pk>/close/", transaction_close, name="transaction_close"),
]
