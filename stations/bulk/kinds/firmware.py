"""For many stations: plan a firmware update, by the same policy as for one, and ask for diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.files import fetch_log, plan_update, why_firmware_unfit
from stations.bulk import Done, Kind, Params
from stations.controls import Situation
from stations.file_forms import PolicyForm
from stations.firmware import consequences, tonight, why_no_log, why_no_update
from stations.models import BulkItem, Command, FirmwareFile, StationUpload
from tenancy.models import User
from tenancy.rights import FETCH_LOGS, UPDATE_FIRMWARE
from ui.templatetags.ui import own_zone

LOCAL = "%Y-%m-%dT%H:%M"


class LocalMoment(forms.DateTimeField):
    """A date and time by the clock of each station's location: it has no zone yet."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL), **options)

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override("UTC"):
            found = super().to_python(value)
        if found and not 1970 <= found.year < 9999:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return found.replace(tzinfo=None) if found else None


class ManyForm(PolicyForm):
    window_from = LocalMoment(label=lazy("Not before"))
    window_until = LocalMoment(
        label=lazy("Not begun after"), help_text=lazy("By the clock of each station's location. Only so many stations fetch it at a time.")
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        window = [moment.replace(tzinfo=None) for moment in tonight(own_zone(), timezone.now())]
        super().__init__(data, initial={"window_from": window[0], "window_until": window[1]})
        field = self.fields["firmware"]
        assert isinstance(field, forms.ModelChoiceField)
        rows = FirmwareFile.objects.visible_to(user).filter(retired_at=None).select_related("organization")
        field.queryset = rows.order_by("vendor", "model", "-created_at")
        field.help_text = _("Stations that it does not fit are left out.")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        begin, end = found.get("window_from"), found.get("window_until")
        if begin and end and end <= begin:
            self.add_error("window_until", _("The end lies before the beginning."))
        elif end and end < timezone.now().replace(tzinfo=None) - timedelta(hours=14):
            self.add_error("window_until", _("This is over already."))
        return found

    def params(self) -> Params:
        found = self.cleaned_data
        return {
            "firmware": found["firmware"].pk, "name": str(found["firmware"]), "vendor": found["firmware"].vendor,
            "model": found["firmware"].model, "below": found["firmware"].below, "path": found["firmware"].organization.path,
            "version": found["firmware"].version, "why": found["why"], "asked_for_by": found["asked_for_by"], "reason": found["reason"],
            "window_from": found["window_from"].strftime(LOCAL), "window_until": found["window_until"].strftime(LOCAL),
        }  # fmt: skip


def _form(request: HttpRequest, data: Any) -> forms.Form:
    assert isinstance(request.user, User)
    return ManyForm(data, user=request.user)


def _file(params: Params) -> FirmwareFile:
    """What is to be known of the file to say whether it fits: without a query for each station."""
    from tenancy.models import Organization

    owner = Organization(path=params["path"])
    return FirmwareFile(vendor=params["vendor"], model=params["model"], below=params["below"], organization=owner)


def _refusal(params: Params, situation: Situation) -> str:
    if reason := why_no_update(situation) or why_firmware_unfit(situation.station, _file(params)):
        return reason
    return _("It has this version already.") if situation.station.firmware_version == params["version"] else ""


def _moment(text: str, zone: ZoneInfo) -> datetime:
    return datetime.strptime(text, LOCAL).replace(tzinfo=zone)


def _step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Done:
    station = situation.station
    firmware = FirmwareFile.objects.select_related("organization").filter(pk=params["firmware"]).first()
    if firmware is None:
        raise ValidationError(_("The file was deleted meanwhile."))
    begin, end = (_moment(params[name], station.location.zone) for name in ("window_from", "window_until"))
    plan_update(
        actor=actor, station=station, firmware=firmware, why=params["why"], asked_for_by=params["asked_for_by"], reason=params["reason"],
        window_from=begin, window_until=end,
    )  # fmt: skip
    return Done(_("Planned. The list of firmware updates says how far it is."))


def _consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    count = len(situations)
    told = ngettext("%(count)d station gets %(name)s.", "%(count)d stations get %(name)s.", count)
    return [told % {"count": count, "name": params["name"]}, *consequences()]


# -- diagnostics --------------------------------------------------------------------------------------------------------------------------


def _log_step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Sequence[Command] | Done:
    if not answered:
        upload = fetch_log(actor=actor, station=situation.station, item=item)
        return [upload.command] if upload.command else Done(_("Asked for."))
    command = answered[-1]
    found = StationUpload.objects.filter(command=command).first()
    if command.state != Command.State.ACCEPTED or (found is not None and found.state == StationUpload.State.FAILED):
        from stations.file_progress import told

        return Done(told(found.problem) if found and found.problem else str(command.get_state_display()), good=False)
    return Done(_("The station uploads it. The file appears on its tab “Firmware and logs”."))


def _log_consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    count = len(situations)
    return [
        ngettext("%d station uploads its diagnostics to the portal.", "%d stations upload their diagnostics to the portal.", count) % count,
        _("Charging goes on. Each file appears on its station's tab “Firmware and logs”."),
    ]


KINDS = (
    Kind(
        "firmware", lazy("Update the firmware"), "cloud-download", UPDATE_FIRMWARE, _refusal, _step,
        lambda params: _("Update to %s") % params["name"], group=lazy("Firmware and logs"), form=_form, consequences=_consequences,
    ),
    Kind(
        "diagnostics", lazy("Fetch diagnostics"), "file-download", FETCH_LOGS, lambda params, situation: why_no_log(situation), _log_step,
        lambda params: _("Fetch diagnostics"), group=lazy("Firmware and logs"), consequences=_log_consequences,
    ),
)  # fmt: skip
