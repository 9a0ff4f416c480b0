"""Changing the technical data of many stations: single values, or all of a hardware template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import fields_for_model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.hardware import take_over_template
from stations.actions.infrastructure import edit_connector, edit_station
from stations.bulk import DATA, Done, Kind, Params
from stations.bulk.kinds.commands import Answered
from stations.controls import Situation
from stations.forms import bound, explain_technical
from stations.hardware import OF_CONNECTORS, TECHNICAL, Change, unfit, what_changes
from stations.models import BulkItem, Connector, HardwareTemplate, Station
from stations.models.shared import above
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

TICK = "change_"  # before the name of a field: the box that says that it is meant
# What it is called here and in templates -> field of a connector
CONNECTORS = {name: field for field, name in OF_CONNECTORS.items()}
NAMES = (*TECHNICAL, *CONNECTORS)
OTHERS = 6  # different values before that are told one by one


def field_of(name: str) -> Any:
    """Of the model that holds it."""
    return Connector._meta.get_field(CONNECTORS[name]) if name in CONNECTORS else Station._meta.get_field(name)


def label_of(name: str) -> Any:
    field: Any = HardwareTemplate._meta.get_field(name)
    return field.verbose_name


def worded(name: str, value: Any) -> str:
    return _("none") if value in (None, "") else str(dict(field_of(name).flatchoices).get(value, value))


class DataForm(forms.Form):
    """Only the fields that are ticked are changed."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        made = fields_for_model(HardwareTemplate, NAMES)
        for name in NAMES:
            self.fields[f"{TICK}{name}"] = forms.BooleanField(label=_("Change: %s") % made[name].label, required=False)
            self.fields[name] = made[name]
            made[name].required = False
        explain_technical(self)
        bound(self, HardwareTemplate)
        for name in CONNECTORS:
            self.fields[name].help_text = _("Of every connector of the stations.")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        wanted = self.wanted()
        for name in wanted:
            if name in self.errors:
                continue
            if not field_of(name).blank and values.get(name) in (None, ""):
                self.add_error(name, lazy("Enter what it is to be."))
                continue
            try:
                values[name] = field_of(name).clean(values.get(name), None)  # by the rules of the model, and as it keeps it
            except ValidationError as error:
                self.add_error(name, error)
        if "plug" in wanted and ";" in (values.get("plug") or ""):
            self.add_error("plug", lazy("This is one plug, for all connectors. Where they differ, import a file."))
        if not wanted:
            raise ValidationError(lazy("Tick what is to be changed."))
        return values

    def wanted(self) -> list[str]:
        return [name for name in NAMES if self.cleaned_data.get(f"{TICK}{name}")]

    def params(self) -> Params:
        return {name: self.cleaned_data[name] for name in self.wanted()}


def _changes(params: Params, situation: Situation) -> list[Change]:
    """Field by field, named as in the params."""
    found = [
        Change(0, name, getattr(situation.station, name), value)
        for name, value in params.items()
        if name not in CONNECTORS and getattr(situation.station, name) != value
    ]
    for connector in situation.connectors:
        for name in params.keys() & CONNECTORS.keys():
            before = getattr(connector, CONNECTORS[name])
            if before != params[name]:
                found.append(Change(connector.number, name, before, params[name]))
    return found


def _refusal(params: Params, situation: Situation) -> str:
    if not situation.connectors and not params.keys() - CONNECTORS.keys():
        return _("The station has no connector yet.")
    return "" if _changes(params, situation) else _("It is so already.")


def _step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    own = {name: value for name, value in params.items() if name not in CONNECTORS}
    changes = _changes(params, situation)
    if own:
        edit_station(actor=actor, station=situation.station, **own)
    for connector in situation.connectors:
        if fields := {CONNECTORS[one.field]: one.after for one in changes if one.number == connector.number}:
            edit_connector(actor=actor, connector=connector, **fields)
    return Done(_("Changed."))


def _counted(changes: Iterable[Change]) -> list[str]:
    """“Voltage (V): 230 → 400 at 12 stations”, of all changes together."""
    counts = Counter((one.field, bool(one.number), one.before, one.after) for one in changes)
    said: list[str] = []
    told: Counter[str] = Counter()
    rest: Counter[str] = Counter()
    for (name, connector, before, after), count in counts.most_common():
        told[name] += 1
        if told[name] > OTHERS:
            rest[name] += count
            continue
        places = ngettext("%d connector", "%d connectors", count) if connector else ngettext("%d station", "%d stations", count)
        words = {"what": label_of(name), "before": worded(name, before), "after": worded(name, after), "places": places % count}
        said.append(_("%(what)s: %(before)s → %(after)s at %(places)s") % words)
    said.sort()
    return [*said, *(_("%(what)s: other values at %(count)d more") % {"what": label_of(name), "count": rest[name]} for name in rest)]


def _consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    said = _counted(change for situation in situations for change in _changes(params, situation))
    if strange := sum(_is_unfit(params, situation) for situation in situations):
        words = ngettext(
            "At %d station no connector fits this current then (socket or cable, plug). Change these too.",
            "At %d stations no connector fits this current then (socket or cable, plug). Change these too.",
            strange,
        )
        said.append(words % strange)
    return said


def _is_unfit(params: Params, situation: Situation) -> bool:
    current = params.get("current_type", situation.station.current_type)
    after = [(params.get("format", one.format), params.get("plug", one.plug)) for one in situation.connectors]
    return bool(after) and all(unfit(current, form, [plug]) for form, plug in after)


# -- a template ----------------------------------------------------------------------------------------------------------------------------


class TemplateForm(forms.Form):
    template = forms.ModelChoiceField(
        queryset=HardwareTemplate.objects.none(), label=lazy("Hardware template"), empty_label=lazy("Choose one"),
        help_text=lazy("Connectors that are missing are added; those that it does not have, and what it leaves empty, stay as they are."),
    )  # fmt: skip

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.fields["template"].queryset = HardwareTemplate.objects.visible_to(user)  # type: ignore[attr-defined]

    def params(self) -> Params:
        """As the template is now: what is looked at before is what is done."""
        one: HardwareTemplate = self.cleaned_data["template"]
        fields = {name: getattr(one, name) for name in (*NAMES, "connectors")}
        return {"template": one.pk, "name": one.name, "path": one.organization.path, "below": one.below, "fields": fields}


def _template_form(request: HttpRequest, data: Any) -> TemplateForm:
    assert isinstance(request.user, User)
    return TemplateForm(data, user=request.user)


def _template_changes(params: Params, situation: Situation) -> list[Change]:
    return what_changes(HardwareTemplate(**params["fields"]), situation.station, situation.connectors)


def _template_refusal(params: Params, situation: Situation) -> str:
    path = situation.station.location.organization.path
    if path != params["path"] and not (params["below"] and params["path"] in above(path)):
        return _("The template belongs to another organization and does not serve here.")
    return "" if _template_changes(params, situation) else _("It is so already.")


def _template_step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    take_over_template(actor=actor, station=situation.station, template=HardwareTemplate(**params["fields"]))
    return Done(_("Technical data taken over."))


def _template_consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    changes: list[Change] = []
    new = beyond = 0
    for situation in situations:
        found = _template_changes(params, situation)
        added = {one.number for one in found if not one.field}
        changes += [one._replace(field=OF_CONNECTORS[one.field]) if one.number else one for one in found if one.number not in added]
        new += len(added)
        beyond += sum(one.number > params["fields"]["connectors"] for one in situation.connectors)
    said = _counted(changes)
    if new:
        said.append(ngettext("%d connector is added.", "%d connectors are added.", new) % new)
    if beyond:
        words = ngettext(
            "%d connector more than the template has stays as it is.", "%d connectors more than the template has stay.", beyond
        )
        said.append(words % beyond)
    return said


KINDS = (
    Kind(
        "data", lazy("Change technical data"), "pencil", MANAGE_STATIONS, _refusal, _step,
        lambda params: _("Change: %s") % "; ".join(f"{label_of(name)}: {worded(name, value)}" for name, value in params.items()),
        form=lambda request, data: DataForm(data), consequences=_consequences, group=DATA,
    ),
    Kind(
        "hardware-template", lazy("Take over a hardware template"), "template", MANAGE_STATIONS, _template_refusal, _template_step,
        lambda params: _("Take over the hardware template “%s”") % params["name"], form=_template_form,
        consequences=_template_consequences, group=DATA,
    ),
)  # fmt: skip
