"""Asking a station to do something: the page that asks first, and the POST that does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from stations import command_words, controls, explain, hooks, reservations
from stations.actions import CommandRefused, ask, put_in_service, reserve, take_out_of_service
from stations.actions.reservations import LONGEST
from stations.controls import CONTROLS, Control, Situation
from stations.models import Command, Connector, Reservation, Station, Transaction
from stations.moments import PlaceTimeField
from stations.pages.endings import Ending
from tenancy.links import link
from tenancy.rights import get_for
from ui.forms import attempt
from ui.templatetags.ui import exact

WHOLE = "0"  # where the whole station can be chosen
AT_A_CONNECTOR = frozenset({"start", "stop", "unlock"})
LOOKED_AT = 20  # commands that a station did not know

# What the toast says; %(where)s is a connector or the station
ASKED = {
    "start": lazy("Asked %(station)s to start charging at %(where)s."),
    "stop": lazy("Asked %(station)s to stop charging at %(where)s."),
    "reserve": lazy("Asked %(station)s to reserve %(where)s."),
    "unlock": lazy("Asked %(station)s to unlock %(where)s."),
    "reset-soft": lazy("Asked %(station)s to reset %(where)s."),
    "reset-hard": lazy("Asked %(station)s for a hard reset of %(where)s."),
    "operative": lazy("Asked %(station)s to put %(where)s in service."),
    "inoperative": lazy("Asked %(station)s to take %(where)s out of service."),
    "trigger": lazy("Asked %(station)s for a message."),
    "clear-cache": lazy("Asked %(station)s to clear its card cache."),
    "get-configuration": lazy("Asked %(station)s for its configuration."),
}


class ControlForm(forms.Form):
    """The inputs of a control; most have none. `connector` is given where the page has chosen one already."""

    def __init__(self, data: Any = None, *, slug: str, situation: Situation, connector: Connector | None, **options: Any) -> None:
        super().__init__(data, **options)
        self.slug, self.situation, self.connector = slug, situation, connector
        if slug in AT_A_CONNECTOR and connector is None:
            usable = [one for one in situation.connectors if not situation.why_not(slug, one)]
            self.fields["connector"] = forms.TypedChoiceField(
                label=_("Connector"),
                choices=[(one.number, connector_name(one)) for one in usable],
                coerce=int,
                widget=forms.RadioSelect,
                initial=usable[0].number if usable else None,
            )

    def target(self) -> Connector | None:
        """The connector to act on; None is the station."""
        chosen = self.cleaned_data.get("connector")
        return self.connector or (self.situation.connector(chosen) if chosen else None)


class StartForm(ControlForm):
    uid = forms.CharField(
        label=lazy("Card UID"),
        max_length=40,
        required=False,
        help_text=lazy("What the reader would send, such as 04A2B3C4D5E680. The station's activity shows the UID of every card offered."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        station, user = self.situation.station, self.situation.user
        passes = hooks.cards.startable(user, hooks.place_of(station)) if hooks.cards else []
        passes = _chargeable(station, passes)
        if passes:
            chosen = "" if self.slug == "reserve" else passes[0][0]  # whom a connector is kept for, people choose
            if self.initial.get("uid"):  # the page that leads here has said which
                chosen = self.initial.pop("uid") if self.initial["uid"] in dict(passes) else ""
            field = forms.ChoiceField(
                label=_("Pass"), choices=[("", _("Another card: type its UID")), *passes], required=False, initial=chosen
            )
            first = {name: self.fields.pop(name) for name in ("connector",) if name in self.fields}
            self.fields = {**first, "charge_pass": field, **self.fields}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "uid" in self.errors:
            return cleaned
        try:
            found = self._card(cleaned["uid"], cleaned.get("charge_pass", ""))
        except ValidationError as error:
            self.add_error(None, error)
        else:
            cleaned["uid"], cleaned["verdict"] = found
        return cleaned

    def _card(self, typed: str, chosen: str) -> tuple[str, hooks.Verdict]:
        """Its UID and what is decided of it there; ValidationError where it may not charge."""
        uid = typed or chosen
        if not uid:
            passes = "charge_pass" in self.fields
            raise ValidationError({"uid": _("Choose a pass, or type the UID of a card.") if passes else _("Type the UID of the card.")})
        if typed and hooks.cards:
            try:
                uid = hooks.cards.clean_uid(typed)
            except ValidationError as error:
                raise ValidationError({"uid": error}) from error
        if chosen and self.slug == "reserve" and uid.casefold() != chosen.casefold():  # nobody has chosen the pass of a start
            raise ValidationError({"uid": _("This is not the card of the pass above. Leave this empty, or choose no pass.")})
        station = self.situation.station
        target = self.target()
        offer = hooks.Offer(hooks.place_of(station), uid, timezone.now(), connector=target.number if target else None, live=False)
        (verdict,) = hooks.authorize([offer])
        if verdict.status != "Accepted":
            said = (
                _("The card may not charge here. %(why)s")
                if self.slug == "reserve"
                else _("The station would end the charge again. %(why)s")
            )
            raise ValidationError({"uid" if typed else "charge_pass": said % {"why": hooks.reason_label(verdict.reason)}})
        if self.slug == "start" and (row := self._kept_from(target, uid, verdict.group_id)):
            until = exact(row.until, station.location.zone)
            raise ValidationError({"uid": _("This connector is reserved for another card until %s.") % until})
        return uid, verdict

    def _kept_from(self, target: Connector | None, uid: str, group_id: str) -> Reservation | None:
        """The reservation by which the connector is kept for another card."""
        rows = self.situation.kept(target) if target else []
        return None if any(reservations.fits(row, uid, group_id) for row in rows) else next(iter(rows), None)


def _chargeable(station: Station, passes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of (UID, name) that may charge there now, each with who pays for it."""
    place, now = hooks.place_of(station), timezone.now()
    verdicts = hooks.authorize([hooks.Offer(place, uid, now, live=False) for uid, _name in passes])
    found = [(uid, name, verdict.settlement) for (uid, name), verdict in zip(passes, verdicts, strict=True) if verdict.status == "Accepted"]
    return [(uid, f"{name} · {explain.SETTLEMENTS[paid].sentence}" if paid in explain.SETTLEMENTS else name) for uid, name, paid in found]


LENGTHS = {"30m": timedelta(minutes=30), "1h": timedelta(hours=1), "2h": timedelta(hours=2)}


def _number_or_kind(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


class ReserveForm(StartForm):
    """For which card, which connector, and until when."""

    ends = forms.ChoiceField(
        label=lazy("Until when?"), widget=forms.RadioSelect, initial="1h",
        choices=[("30m", lazy("For half an hour")), ("1h", lazy("For an hour")), ("2h", lazy("For two hours")),
                 ("at", lazy("Until this time:"))],
    )  # fmt: skip
    until = PlaceTimeField(label=lazy("Date and time"), required=False)
    plug = ""  # the kind of plug that was chosen instead of a connector
    for_group = forms.BooleanField(
        label=lazy("Also for the other cards of its group"), required=False, help_text=lazy("Who comes first charges.")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        situation, zone = self.situation, self.situation.station.location.zone
        until: Any = self.fields["until"]
        until.zone, until.help_text = zone, _("By the clock of the location (%s).") % zone.key
        first: dict[str, Any] = {}
        if self.connector is None:
            usable = [one for one in situation.connectors if not situation.why_not("reserve", one)]
            choices: list[tuple[int | str, str]] = [(one.number, connector_name(one)) for one in usable]
            if situation.reserves_any:
                kinds = reservations.plugs_of(situation.station)
                choices += [(kind, _("Any connector, %s: the station chooses") % reservations.PLUGS[kind]) for kind in kinds]
                choices.append((0, _("Any connector: the station chooses")))
            field = forms.TypedChoiceField(
                label=_("Connector"),
                choices=choices,
                coerce=_number_or_kind,
                widget=forms.RadioSelect,
                initial=choices[0][0] if choices else None,
            )
            if not situation.reserves_any:
                field.help_text = _("This station says that it does not keep any of its connectors: choose one.")
            first["connector"] = field
        self.fields = {**first, **self.fields}

    def clean_connector(self) -> int:
        chosen: int | str = self.cleaned_data["connector"]
        if isinstance(chosen, str):
            self.plug, chosen = chosen, 0
        return chosen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["plug"] = self.plug
        ends, typed, now = cleaned.get("ends", ""), cleaned.get("until"), self.situation.now
        if ends in LENGTHS:
            cleaned["until"] = now + LENGTHS[ends]
        elif "until" not in self.errors and not typed:
            self.add_error("until", _("Enter date and time, or choose another answer above."))
        elif typed and typed <= now:
            self.add_error("until", _("This time is over already. Choose a later one."))
        elif typed and typed > now + LONGEST:
            self.add_error("until", _("A reservation lasts %d days at most.") % LONGEST.days)
        if cleaned.get("for_group") and "verdict" in cleaned and not cleaned["verdict"].group_id:
            self.add_error("for_group", _("This card is in no group that has an id."))
        return cleaned


class ResetForm(ControlForm):
    """What to reset, where one EVSE can be reset by itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.situation.evses and self.connector is None:
            parts = [(one.number, _("Only %s") % " + ".join(connector_name(each) for each in self.situation.of_evse(one)))
                     for one in self.situation.evses]  # fmt: skip
            self.fields["connector"] = forms.TypedChoiceField(
                label=_("What to reset"), choices=[(WHOLE, _("The whole station")), *parts], coerce=int, widget=forms.RadioSelect,
                initial=WHOLE, required=False, empty_value=None,
            )  # fmt: skip


class TriggerForm(ControlForm):
    message = forms.ChoiceField(label=lazy("Message"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["message"].choices = self.situation.triggers  # type: ignore[attr-defined]
        if self.connector is None and self.situation.connectors:
            self.fields["connector"] = forms.TypedChoiceField(
                label=_("Of"), choices=[(WHOLE, _("The whole station")), *((one.number, connector_name(one))
                                                                          for one in self.situation.connectors)],
                coerce=int, initial=WHOLE, required=False, empty_value=None,
                help_text=_("Only statuses, meter values and transactions are asked of one connector; all else is the station's."),
            )  # fmt: skip


class OutOfServiceForm(Ending, ControlForm):
    """Until when, and why."""

    def __init__(self, *args: Any, situation: Situation, **options: Any) -> None:
        super().__init__(*args, zone=situation.station.location.zone, now=situation.now, situation=situation, **options)


FORMS: dict[str, type[ControlForm]] = {
    "inoperative": OutOfServiceForm, "start": StartForm, "reserve": ReserveForm, "reset-soft": ResetForm, "reset-hard": ResetForm,
    "trigger": TriggerForm,
}  # fmt: skip


def _named(slug: str, situation: Situation, connector: Connector) -> str:
    """What is asked of: a reset is of the whole EVSE."""
    return situation.named(connector) if slug.startswith("reset") and connector.number else _("connector %s") % connector.shown


def connector_name(connector: Connector) -> str:
    parts = [_("Connector %s") % connector.shown, connector.plug, connector.evse_id, str(explain.status(connector.status).word)]
    return " · ".join(part for part in parts if part)


def next_url(request: HttpRequest, station: Station) -> str:
    """Where to go back to: the page that asked, on this host; else the station's."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return link("station", station.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def command(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    """GET asks, saying what will happen; POST does it, or goes to the asking page when somebody would be harmed and nobody was asked.

    Parameters of both: `connector` (number; 0 or none is the station), `transaction` (pk, with stop: finds the connector), `next`, and
    the control's own inputs. In a POST `confirmed` says that the person has read what happens, and `choosing` that the connector is an
    input too: the page that asked offers several.
    """
    if slug not in ASKED:
        raise Http404
    control = CONTROLS[slug]
    station = get_for(request.user, Station.objects.select_related("location__organization"), control.right, pk=pk)
    situation = Situation(request.user, station)
    given = request.POST if request.method == "POST" else request.GET
    of_a_kind = slug == "reserve" and given.get("connector") in reservations.PLUGS  # any connector of that kind
    choosing = request.method == "POST" and "choosing" in request.POST
    connector, gone = (None, "") if of_a_kind or choosing else _connector(given, situation)
    if slug in AT_A_CONNECTOR and connector is None and not choosing:
        usable = [one for one in situation.connectors if not situation.why_not(slug, one)]
        connector = usable[0] if len(usable) == 1 else None
    back = next_url(request, station)
    reason = gone or situation.why_not(slug, connector)
    form_class = FORMS.get(slug, ControlForm)
    if request.method != "POST":
        form = form_class(slug=slug, situation=situation, connector=connector, initial=_initial(request.GET))
        return _ask(request, control, situation, connector, form, reason, back)
    if reason:
        messages.error(request, reason)
        return redirect(back)
    form = form_class(request.POST, slug=slug, situation=situation, connector=connector)
    if form.is_valid() and choosing and (reason := situation.why_not(slug, form.target())):
        form.add_error("connector", reason)
    if not form.is_valid():
        return _ask(request, control, situation, connector, form, "", back)
    connector = form.target()
    if not request.POST.get("confirmed") and (control.asks == "always" or situation.harms(slug, connector)):
        return redirect(f"{reverse('station_command', args=[pk, slug])}?{urlencode(_again(request.POST, connector, back))}")
    try:
        attempt(_act, request, slug, situation, connector, form.cleaned_data)
    except CommandRefused as refusal:
        messages.error(request, str(refusal))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        where = _named(slug, situation, connector) if connector and connector.number else _("the station")
        if slug == "reserve" and connector is None:
            where = _("any of its connectors")
        messages.success(request, ASKED[slug] % {"station": station, "where": where})
    return redirect(back)


def _act(request: HttpRequest, slug: str, situation: Situation, connector: Connector | None, data: dict[str, Any]) -> None:
    station, number = situation.station, connector.number if connector else 0
    actor: Any = request.user
    if slug == "inoperative":
        take_out_of_service(actor=actor, station=station, connector_number=number, until=data["until"], comment=data["comment"])
    elif slug == "operative":
        put_in_service(actor=actor, station=station, connector_number=number)
    elif slug == "reserve":
        verdict = data["verdict"]
        group = verdict.group_id if data["for_group"] else ""
        reserve(
            actor=actor, station=station, uid=data["uid"], until=data["until"], connector_number=number, group_id=group,
            plug=data["plug"], pass_key=verdict.pass_key,
        )  # fmt: skip
    else:
        intents = controls.intents_of(slug, situation, connector, data)
        if not intents:
            raise ValidationError(_("The station has no connector yet."))
        with transaction.atomic():
            for intent in intents:
                ask(actor=actor, station=station, intent=intent)


def _connector(given: Any, situation: Situation) -> tuple[Connector | None, str]:
    """The connector that the request names, and why it cannot be acted on any more."""
    if transaction := given.get("transaction"):
        known = Transaction.objects.filter(station=situation.station)
        found = known.filter(pk=transaction).first() if transaction.isdecimal() and len(transaction) < 19 else None
        if found is None:
            raise Http404
        connector = next((one for one in situation.connectors if one.pk == found.connector_id), None)
        if not found.running:
            return connector, _("This transaction has ended already.")
        situation.running[found.connector_id] = found
        return connector, ""
    number = given.get("connector") or "0"
    if number == "0":
        return None, ""
    connector = situation.connector(int(number)) if number.isdecimal() and len(number) < 4 else None
    if connector is None:
        raise Http404
    return connector, ""


def _initial(given: Any) -> dict[str, str]:
    return {name: given[name] for name in ("charge_pass", "uid", "message") if name in given}


def _again(posted: Any, connector: Connector | None, back: str) -> dict[str, str]:
    kept = {name: posted[name] for name in ("transaction", "charge_pass", "uid", "message") if posted.get(name)}
    return kept | ({"connector": str(connector.number)} if connector else {}) | {"next": back}


def _ask(
    request: HttpRequest,
    control: Control,
    situation: Situation,
    connector: Connector | None,
    form: ControlForm,
    reason: str,
    back: str,
) -> HttpResponse:
    station = situation.station
    title = str(control.label)
    if connector is not None:
        title = f"{title} · {_named(control.slug, situation, connector)}"
    context = {
        "title": title,
        "station": station,
        "control": control,
        "connector": connector,
        "transaction": request.POST.get("transaction") or request.GET.get("transaction") or "",
        "form": form,
        "consequences": [] if reason else situation.tells(control.slug, connector),
        "refusal": reason,
        "hint": "" if reason else _answered_before(situation, control.slug),
        "submit_label": control.label,
        "cancel_url": back,
        "dangerous": control.asks == "always" or bool(situation.harms(control.slug, connector) and situation.cars(connector)),
        "breadcrumbs": [(str(station), link("station", station.pk))],
    }
    return render(request, "stations/command.html", context, status=200)


def _answered_before(situation: Situation, slug: str) -> str:
    """That the station said it does not know this, where it was asked before."""
    refused = Command.objects.visible_to(situation.user).filter(
        station=situation.station, state=Command.State.FAILED, error_code__in=("NotImplemented", "NotSupported")
    )
    for row in refused.order_by("-created_at", "-pk")[:LOOKED_AT]:
        row.station = situation.station
        if isinstance(command_words.intent_of(row), controls.INTENTS[slug]):
            at = exact(row.created_at, situation.station.location.zone)
            return _("It was asked for this on %(at)s: %(answer)s It may refuse again.") % {
                "at": at, "answer": command_words.command_result(row, situation.user),
            }  # fmt: skip
    return ""


urlpatterns: list[URLPattern] = [path("stations/<int:pk>/commands/<slug:slug>/", command, name="station_command")]
