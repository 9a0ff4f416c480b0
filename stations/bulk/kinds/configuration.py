"""Setting one key at many stations, or all that a template says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import command_words
from stations.actions.commands import ask
from stations.bulk import Done, Kind, Params
from stations.configuration import compare
from stations.configuration.catalogue import SECRET, Known, catalogue, known
from stations.configuration.compare import DIFFERS, MISSING, Difference, Reading, Value, readings
from stations.configuration.setting import attempts, change, changes, cut, named, needs_reset, outcome_of, staying, summary
from stations.configuration.values import LONGEST, LONGEST_KEY, MASK, check, fits_version, in_words, is_secret, remark, same, shown
from stations.controls import Situation
from stations.models import BulkItem, Command, ConfigurationTemplate, Station
from stations.models.shared import above, matches
from stations.ocpp import intents, masking
from stations.ocpp.intents import Configure, Reset
from stations.ocpp.versions import has_variables, key_in
from tenancy.models import User
from tenancy.rights import CHANGE_CONFIGURATION, PERSONAL_DATA, READ_CONFIGURATION, RESET_STATIONS

GROUP = lazy("Configuration")
LONGEST_SENTENCE = 300  # of what came of it at a station
OTHER = "*"  # another key than those of the catalogue
KEYS = {False: "1.6", True: "2.0.1"}  # a version that has keys, and one that has variables


def reading_of(situation: Situation) -> Reading:
    """As it was last read; nothing for who may not read it. What tells of a person is masked for who may not see that."""
    if not situation.may(READ_CONFIGURATION):
        return {}
    found = situation.together.read(readings).get(situation.station.pk, {})
    if situation.may(PERSONAL_DATA):
        return found
    return {key: one._replace(value=MASK) if one.value and masking.is_personal(key) else one for key, one in found.items()}


def _now(key: str, situation: Situation) -> Value | None:
    return next((one for name, one in reading_of(situation).items() if name.casefold() == key.casefold()), None)


# -- one key ------------------------------------------------------------------------------------------------------------------------------


class ConfigureForm(forms.Form):
    key = forms.ChoiceField(label=lazy("Key"), required=False)
    other = forms.CharField(
        label=lazy("Another key"), max_length=LONGEST_KEY, required=False,
        help_text=lazy("As the stations spell it, for a key of the make."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    value = forms.CharField(
        label=lazy("New value"), max_length=LONGEST, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=lazy("A number without its unit; true or false for what is switched; several with a comma between them."),
    )  # fmt: skip
    as_typed = forms.BooleanField(label=lazy("Send it as typed, even if the standard knows no such value"), required=False)

    def __init__(self, data: Any = None, *, versions: Sequence[str]) -> None:
        """`versions`: those that the chosen stations speak."""
        super().__init__(data)
        self.versions = versions
        self.fields["key"].choices = [("", _("Choose one")), *_choices(versions), (OTHER, _("Another key: type it"))]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        key = self.chosen()
        if cleaned.get("other") and cleaned.get("key") not in ("", OTHER, None):
            raise ValidationError({"other": _("One key is set at a time. Empty this, or choose “Another key” above.")})
        if not key and not self.errors.keys() & {"key", "other"}:
            asked = cleaned.get("key") == OTHER
            raise ValidationError({"other": _("Type the key.")} if asked else {"key": _("Choose what is to be set.")})
        if not key.isprintable():
            raise ValidationError({"other": _("A key has no such signs.")})
        if is_secret(key):
            raise ValidationError({"other": _("This key is secret: each station has one of its own. Set it on the station's own page.")})
        if key and "value" in cleaned:
            refused = [why for version in self.versions if (why := self._refusal(key_in(version, key), version))]
            if refused and len(refused) == len(self.versions):  # else those that take it get it
                raise ValidationError({"value": refused[0]})
        return cleaned

    def _refusal(self, key: str, version: str) -> list[str]:
        try:
            check(key, self.cleaned_data["value"], version, strict=not self.cleaned_data.get("as_typed"))
        except ValidationError as error:
            return error.messages
        return []

    def chosen(self) -> str:
        key = str(self.cleaned_data.get("key", ""))
        return str(self.cleaned_data.get("other", "")) if key in ("", OTHER) else key

    def params(self) -> Params:
        return {"key": self.chosen(), "value": self.cleaned_data["value"], "as_typed": self.cleaned_data["as_typed"]}


def _configure_form(request: HttpRequest, data: Any) -> ConfigureForm:
    spoken = request.chosen.order_by().values_list("ocpp_version", flat=True).distinct()  # type: ignore[attr-defined]
    return ConfigureForm(data, versions=sorted({KEYS[has_variables(version)] for version in spoken}))


def _choices(versions: Sequence[str]) -> list[Any]:
    """What can be set at many stations, by name: each meaning once, with what it is called in these versions. What only some of them can
    have stands below what all can."""
    found: dict[str, list[Known]] = {}
    for version in versions:
        for entry in catalogue(version).values():
            if not entry.readonly and entry.kind != SECRET and not entry.key.startswith("*"):
                found.setdefault(key_in(KEYS[False], entry.key), []).append(entry)

    def those(having: Sequence[str]) -> list[tuple[str, str]]:
        choices = []
        for meaning, entries in found.items():
            if tuple(KEYS["/" in entry.key] for entry in entries) == tuple(having):
                keys = [key_in(version, meaning) for version in having]
                choices.append((keys[0], f"{entries[0].name} ({', '.join(keys)})"))
        return sorted(choices, key=lambda one: one[1].casefold())

    if len(versions) < 2:
        return those(versions)
    alone = [(_("Only stations with OCPP %s") % version, those([version])) for version in versions]
    return [(_("All of them"), those(versions)), *alone]


def key_at(params: Params, station: Station) -> str:
    """What is set there: what the station itself calls it."""
    return key_in(station.ocpp_version, params["key"])


def _configure_refusal(params: Params, situation: Situation) -> str:
    if reason := situation.why_not("change-configuration"):
        return reason
    key, value = key_at(params, situation.station), params["value"]
    if reason := fits_version(key, situation.station.ocpp_version):
        return reason
    now = _now(key, situation)
    if now and same(known(key, situation.station.ocpp_version), now.value, value):
        return _("Nothing to do: it has this value already, by the last reading.")
    if now and now.readonly:
        return _("The key is read-only there.")
    try:  # what may be typed depends on the version that it speaks
        check(key, value, situation.station.ocpp_version, strict=not params.get("as_typed", True))
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _configure(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Sequence[Command] | Done:
    if not answered:
        station = situation.station
        return [ask(actor=actor, station=station, intent=Configure(key_at(params, station), params["value"]), item=item)]
    command = answered[-1]
    command.station = situation.station
    return Done(
        cut(command_words.command_result(command, actor) or command_words.command_word(command)), outcome_of(command) in intents.GOOD
    )


def _configure_title(params: Params) -> str:
    return _("Set %(key)s to “%(value)s”") % {"key": params["key"], "value": shown(params["key"], params["value"])}


def _configure_there(params: Params, situation: Situation) -> str:
    key = key_at(params, situation.station)
    if now := _now(key, situation):
        return change(key, now.value, params["value"], situation.station.ocpp_version)
    return _("Sets %(key)s to “%(value)s”") % {"key": key, "value": shown(key, params["value"])}


def _configure_consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    entry, count = known(params["key"]), len(situations)
    keys = Counter(key_at(params, situation.station) for situation in situations)
    said = ngettext("%(count)d station is told to set %(what)s.", "%(count)d stations are told to set %(what)s.", count)
    words = in_words(entry, params["value"]) or shown(params["key"], params["value"]) or _("nothing")
    found = [said % {"count": count, "what": f"{entry.name if entry else params['key']}: {words}"}]
    if len(keys) > 1:
        found += [ngettext("%(key)s at %(count)d of them.", "%(key)s at %(count)d of them.", many) % {"key": key, "count": many}
                  for key, many in keys.most_common()]  # fmt: skip
    entries = [one for key in keys if (one := known(key))]
    found += dict.fromkeys(str(one.warning) for one in entries if one.warning)
    if any(one.reboot for one in entries):
        found.append(_("Most stations put this in force only after a reset."))
    return found


# -- a template ---------------------------------------------------------------------------------------------------------------------------


class TemplateForm(forms.Form):
    template = forms.ModelChoiceField(
        queryset=ConfigurationTemplate.objects.none(), label=lazy("Template"), empty_label=lazy("Choose one"),
        help_text=lazy("Keys that differ by the last reading are set, one after the other. Read the configurations first."),
    )  # fmt: skip
    reset = forms.BooleanField(
        label=lazy("Soft reset at the end, where a station asks for it and nobody charges"), required=False,
    )  # fmt: skip

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        field = self.fields["template"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = ConfigurationTemplate.objects.visible_to(user).select_related("organization")
        field.label_from_instance = lambda one: f"{one} ({one.organization}, {len(one.entries)})"  # type: ignore[method-assign,assignment]

    def params(self) -> Params:
        """As the template is now: what is looked at before is what is done."""
        one: ConfigurationTemplate = self.cleaned_data["template"]
        return {
            "template": one.pk, "name": one.name, "entries": one.entries, "vendor": one.vendor, "model": one.model,
            "path": one.organization.path, "below": one.below, "reset": self.cleaned_data["reset"],
        }  # fmt: skip


def _template_form(request: HttpRequest, data: Any) -> TemplateForm:
    assert isinstance(request.user, User)
    return TemplateForm(data, user=request.user)


def _differences(params: Params, situation: Situation) -> list[Difference]:
    return compare.against(params["entries"], reading_of(situation), situation.station.ocpp_version)


def _template_refusal(params: Params, situation: Situation) -> str:
    station, path = situation.station, situation.station.location.organization.path
    if path != params["path"] and not (params["below"] and params["path"] in above(path)):
        return _("The template belongs to another organization and does not serve here.")
    if not situation.may(READ_CONFIGURATION):
        return _("Your role does not let you read the configuration here, so it is not known what differs.")
    if not (matches(params["vendor"], station.vendor) and matches(params["model"], station.model)):
        told = " ".join(part for part in (station.vendor, station.model) if part) or _("not known yet")
        return _("The template does not fit its make and model: %s.") % told
    if reason := situation.why_not("change-configuration"):
        return reason
    if not reading_of(situation):
        return _("Its configuration was never read. Read it first.")
    found = _differences(params, situation)
    if compare.to_set(found):
        return ""
    said = [_("Nothing to do.")]
    if readonly := [one.key for one in found if one.kind == DIFFERS and one.readonly]:
        said = [_("What differs is read-only there: %s.") % named(readonly)]
    if missing := [one.key for one in found if one.kind == MISSING]:
        said.append(_("The station does not know: %s.") % named(missing))
    return cut(" ".join(said))


def _apply(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Sequence[Command] | Done:
    """Key after key, as long as the station answers; then the reset, where it is wanted."""
    station, tried = situation.station, attempts(answered)
    found = _differences(params, situation)
    left = [(key, value) for key, value in compare.to_set(found) if key not in tried]
    silent = "silent" in tried.values()
    if left and not silent:
        return [ask(actor=actor, station=station, intent=Configure(*left[0]), item=item)]
    said, waits = summary(tried, len(tried) + len(left)), needs_reset(tried)
    if not situation.may(READ_CONFIGURATION):  # lost meanwhile: what is left is not known any more
        return Done(cut(f"{said}; {_('your role does not let you read the configuration any more')}"), good=False)
    good, kept = not left and all(outcome in intents.GOOD for outcome in tried.values()), staying(found, tried)
    resets = [outcome_of(one) for one in answered if isinstance(command_words.intent_of(one), Reset)]
    if resets:
        came = _("the station starts again") if resets[-1] in intents.GOOD else _("the reset did not succeed")
        return Done(_with_end(said, came, kept), good)
    if waits and not silent and params["reset"] and not situation.cars() and situation.may(RESET_STATIONS):
        return [ask(actor=actor, station=station, intent=Reset(), item=item)]
    if waits:
        why = _("needs a reset, and a car charges there") if params["reset"] and situation.cars() else _("needs a reset")
        return Done(_with_end(said, why, kept), good)
    return Done(_with_end(said, kept), good)


def _with_end(said: str, *ends: str) -> str:
    """What is too long is cut before its ends."""
    end = "".join(f"; {one}" for one in ends if one)
    return cut(said, max(40, LONGEST_SENTENCE - len(end))) + end


def _template_there(params: Params, situation: Situation) -> str:
    if not situation.may(READ_CONFIGURATION):
        return _("Your role does not let you read the configuration here, so it is not known what differs.")
    return changes(_differences(params, situation), situation.station.ocpp_version) or _("Nothing to do.")


def _template_title(params: Params) -> str:
    return _("Apply the configuration template “%s”") % str(params["name"])


def _template_consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    found = [_differences(params, situation) for situation in situations]
    todo = [compare.to_set(one) for one in found]
    stations, keys = len(situations), sum(map(len, todo))
    partly = sum(bool(compare.left_out(of_one)) for of_one in found)
    words = {"stations": stations, "keys": keys}
    said = [
        _("Keys that are changed: %(keys)d, at stations: %(stations)d.") % words,
        _("Each station gets its keys one after the other."),
    ]  # fmt: skip
    if partly:
        left = ngettext(
            "At %d of them some keys are read-only or not known; these are left out.",
            "At %d of them some keys are read-only or not known; these are left out.",
            partly,
        )
        said.append(left % partly)
    wanted = {key: value for values in todo for key, value in values}
    changed = compare.in_order(wanted)
    said += [f"{key} = {cut(wanted[key], 60)}: {why}" for key in changed if (why := remark(key, wanted[key]))]
    said += [f"{key}: {entry.warning}" for key in changed if (entry := known(key)) and entry.warning]
    if params["reset"]:
        said.append(_("A station that asks for a reset is reset when nobody charges there; it is away for a few minutes then."))
    return said


KINDS: tuple[Kind, ...] = (
    Kind(
        "configure", lazy("Set a configuration key"), "adjustments", CHANGE_CONFIGURATION, _configure_refusal, _configure,
        _configure_title, form=_configure_form, consequences=_configure_consequences, there=_configure_there, group=GROUP,
    ),
    Kind(
        "configuration-template", lazy("Apply a configuration template"), "template", CHANGE_CONFIGURATION, _template_refusal, _apply,
        _template_title, form=_template_form, consequences=_template_consequences, there=_template_there, group=GROUP,
    ),
)  # fmt: skip
