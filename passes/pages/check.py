"""May this card charge here? Station and card -> the verdict now, every rule with its outcome, and what helps where it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions, local_lists
from passes.models import ChargePass, Provider, check_uid, normalize_uid, reversed_uid
from passes.models.passes import is_printed_number, usual_uid
from passes.pages.pass_acts import whitelisting
from passes.pages.sheet import crumbs, name_of, pass_of
from passes.remedies import CHARGED_DAYS, charged_as_stored, check_url, obstacle, remedies
from passes.steps import Words
from passes.trial import Trial, attempt, numbered, whitelisted
from stations import explain, hooks
from stations.models import Station
from stations.models.infrastructure import MAX_CONNECTORS
from stations.ocpp import numbering
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.personal import sees
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ_TRANSACTIONS, Missing, anywhere, get_for
from ui.forms import confirm_page, next_url

MOST_STATIONS = 500  # in the list to choose from; with more of them the text above it limits it
MOST_PASSES = 200  # offered while the card is typed
MOST_TYPED = 60  # characters of a UID with its separators, or of a name
MOST_FOUND = 8  # passes with the name that was typed
LONGEST_TAG = 36  # characters of a token: OCPP 2.0.1, 1.6 has 20


class CheckForm(forms.Form):
    find = forms.CharField(
        label=lazy("Find a station"), required=False, max_length=60, help_text=lazy("A part of its id, alias or location.")
    )
    station = forms.ModelChoiceField(queryset=Station.objects.none(), label=lazy("Station"), empty_label=lazy("Choose one"))
    connector = forms.IntegerField(
        label=lazy("Connector"), required=False, min_value=1, max_value=MAX_CONNECTORS, help_text=lazy("Empty: any of them."),
        widget=forms.NumberInput(attrs={"min": 1, "step": 1}),
    )  # fmt: skip
    card = forms.CharField(
        label=lazy("Card"), max_length=MOST_TYPED, help_text=lazy("Its UID, the number printed on it, or the name of its pass."),
        widget=forms.TextInput(attrs={"list": "passes", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, typed: Mapping[str, str], *, user: User, stations: QuerySet[Station]) -> None:
        """`typed` is what the address says; before both station and card are said it is only filled in."""
        complete = bool(typed.get("station") and typed.get("card"))
        super().__init__(typed if complete else None, initial={} if complete else {name: typed.get(name, "") for name in self.base_fields})
        self.user = user
        self.choices: list[ChargePass] = []  # where the name that was typed fits more than one
        if stations[MOST_STATIONS : MOST_STATIONS + 1]:
            stations = _found(stations, typed.get("find", ""), typed.get("station", ""))
        else:
            del self.fields["find"]
        choice = self.fields["station"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = stations.select_related("location__organization").order_by("location__name", "identity")
        choice.label_from_instance = _station_label  # type: ignore[method-assign]

    def clean_card(self) -> str:
        """The UID of what was typed."""
        typed: str = self.cleaned_data["card"].replace("\x00", "").strip()
        uid, station = normalize_uid(typed), self.cleaned_data.get("station")
        passes = ChargePass.objects.visible_to(self.user, PERSONAL_DATA).select_related("organization").order_by("pk")
        if passes.filter(uid=uid).exists():
            return uid
        numbers = numbered(self.user, station, typed) if station else []
        if len(numbers) == 1:
            return numbers[0]
        if reversed_uid(uid) and not numbers:  # the bytes of a card
            return uid
        exact = passes.filter(Q(nickname__iexact=typed) | Q(visible_number__iexact=typed))
        for found in (exact, passes.filter(Q(nickname__icontains=typed) | Q(visible_number__icontains=typed))):
            uids = {one.uid: one for one in found[: MOST_FOUND + 1]}
            if len(uids) == 1:
                return next(iter(uids))
            if uids:
                self.choices = list(uids.values())[:MOST_FOUND]
                raise ValidationError(_("More than one pass has this name. Choose one."))
        if numbers:
            raise ValidationError(_("More than one card of a network has this number: type the UID of the one that is meant."))
        if is_printed_number(typed):
            raise ValidationError(_("No card with this number is known here: type its UID. The station's activity shows it."))
        if not 1 <= len(uid) <= LONGEST_TAG:
            raise ValidationError(_("There is no pass with this name, and a UID has 8, 14 or 20 hexadecimal digits."))
        return uid


def _found(stations: QuerySet[Station], text: str, key: str) -> QuerySet[Station]:
    """Of more stations than a list can hold: those with the text, and the one that is chosen."""
    text = text[:60].replace("\x00", "").strip()
    like = Q(identity__icontains=text) | Q(alias__icontains=text) | Q(location__name__icontains=text) if text else Q()
    chosen = stations.filter(pk=key) if key.isdecimal() and len(key) < 19 else stations.none()
    keys = [*chosen.values_list("pk", flat=True), *stations.filter(like).order_by("identity").values_list("pk", flat=True)[:MOST_STATIONS]]
    return stations.filter(pk__in=keys)


def _station_label(obj: Any) -> str:
    return f"{obj} · {obj.identity} · {obj.location}" if obj.alias else f"{obj} · {obj.location}"


def check(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    for right in (READ_TRANSACTIONS, PERSONAL_DATA):
        if not anywhere(user, right):
            raise Missing(right)
    stations = request.drill.limit(Station.objects.visible_to(user, READ_TRANSACTIONS).visible_to(user, PERSONAL_DATA))  # type: ignore[attr-defined]
    form = CheckForm(request.GET, user=user, stations=stations)
    context: dict[str, Any] = {
        "title": _("May this card charge here?"),
        "breadcrumbs": [(_("Passes"), link("passes"))],
        "form": form,
        "passes": ChargePass.objects.visible_to(user, PERSONAL_DATA).exclude(nickname="").order_by("nickname", "pk")[:MOST_PASSES],
    }
    if form.is_valid():
        station, uid, connector = (form.cleaned_data[name] for name in ("station", "card", "connector"))
        context |= result(user, attempt(station, uid, connector))
    context["choices"] = [
        (one, check_url(form.cleaned_data["station"].pk, one.uid)) for one in form.choices if form.cleaned_data.get("station")
    ]  # fmt: skip
    return render(request, "passes/check.html", context)


OFFLINE = {"yes": lazy("Yes"), "no": lazy("No"), "unknown": lazy("Not known")}


def result(user: User, trial: Trial) -> dict[str, Any]:
    """What the page shows of a trial, at a station that was read through the door with the right to see the cards there."""
    station, verdict, here = trial.station, trial.verdict, check_url(trial.station.pk, trial.uid, trial.connector)
    words = Words(user, [verdict.steps])
    known = hooks.known_cards(user, [trial.uid]).get(trial.uid)
    offline = local_lists.offline(station, trial.uid)
    return {
        "trial": trial,
        "station": station,
        "connector_shown": numbering.shown(trial.connector) if trial.connector else "",
        "zone": station.location.zone,
        "card_name": known.name if known else "",
        "card_url": known.url if known else "",
        "verdict": explain.verdict(verdict.status),
        "deactivated": not station.active,
        "reason": hooks.reason_label(verdict.reason),
        "settlement": explain.SETTLEMENTS.get(verdict.settlement),
        "steps": words.of(verdict.steps, station.location, accepted=trial.accepted, asked=False),
        "asks": _asked(user, trial),
        "hint": _hint(trial),
        "remedies": remedies(user, trial, here),
        "remarks": [] if trial.accepted else hooks.remarks(user, station),
        "activity_url": link("station_activity", station.pk, kind="card"),
        "offline": offline,
        "offline_word": OFFLINE[offline.answer],
    }


def _asked(user: User, trial: Trial) -> str:
    """Which providers would be asked, as far as they may be named."""
    if not trial.asks:
        return ""
    names = list(Provider.objects.visible_to(user).filter(pk__in=trial.asks).values_list("name", flat=True))
    hidden = len(trial.asks) - len(names)
    if hidden:
        names.append(
            ngettext("a network that is connected above", "%d networks that are connected above", hidden)
            % ((hidden,) if hidden > 1 else ())
        )
    return _("%s would be asked now, and its answer would count. This trial goes by what is known without asking.") % ", ".join(names)


def _hint(trial: Trial) -> str:
    """What is strange about an unknown UID."""
    if trial.verdict.pass_key or trial.verdict.token_key:
        return ""
    try:
        check_uid(trial.uid)
    except ValidationError as error:
        return str(error.messages[0])
    if not usual_uid(trial.uid):
        return _("No card with this number is known here. If it is a number printed on the card, type the card's UID.")
    return ""


# -- remedies ---------------------------------------------------------------------------------------------------------------------------


def pass_whitelist(request: HttpRequest, pk: int, station_pk: int) -> HttpResponse:
    """Put a pass on the whitelist of a station's organization: that costs its owner money, so it asks."""
    user, charge_pass = user_of(request), pass_of(request, pk)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_PASSES, pk=station_pk)
    organization, name, back = station.location.organization, name_of(user, charge_pass), next_url(request, link("pass", pk))
    count, more = whitelisting(user, organization), obstacle(whitelisted(station, charge_pass))
    words = {"name": name, "count": count, "organization": organization, "station": station}
    if more:
        said = _("%(name)s comes onto the whitelist of %(organization)s. That alone does not let it charge at %(station)s.") % words
        consequences = [said, more]
    else:
        consequences = [
            ngettext(
                "%(name)s charges free at %(count)d station of %(organization)s; its owner pays.",
                "%(name)s charges free at %(count)d stations of %(organization)s; their owner pays.", count,
            ) % words,
        ]  # fmt: skip
        if charge_pass.restricted or (charge_pass.group and charge_pass.group.restricted):
            consequences.append(_("It has restrictions: it charges as far as they let it."))
    if charge_pass.kind == ChargePass.Kind.PUBLIC:
        consequences.append(
            _("It is a public card: what it charges there would be settled with nobody. Roaming free may be what you want.")
        )
    return confirm_page(
        request, lambda: actions.list_pass(actor=user, charge_pass=charge_pass, organization=organization, whitelist=True),
        title=_("Whitelist %(name)s at %(organization)s?") % {"name": name, "organization": organization},
        consequences=consequences,
        submit_label=_("Whitelist it"), submit_class="btn-primary", cancel_url=back, done=_("%s is on the whitelist.") % name,
        done_url=back,
        refusal=actions.why_not_listed(charge_pass, organization), breadcrumbs=[*crumbs(charge_pass), (name, link("pass", pk))],
    )  # fmt: skip


def pass_correct_uid(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn the bytes of a UID round: what was entered is not what the reader sends."""
    user, found = user_of(request), pass_of(request, pk, MANAGE_PASSES)
    if not sees(user, found):
        raise Missing(PERSONAL_DATA, found.organization.path)
    turned, back = reversed_uid(found.uid), next_url(request, link("pass", pk))
    return confirm_page(
        request, lambda: actions.edit_pass(actor=user, charge_pass=found, uid=turned), title=_("Correct the UID of %s?") % found,
        consequences=[
            _("It becomes %(new)s; it was %(old)s.") % {"new": turned, "old": found.uid},
            *([_("It charged with the UID of now in the last %d days.") % CHARGED_DAYS] if charged_as_stored(user, found) else []),
            _("A station whose reader sends the bytes in the order of before does not know the pass any more."),
        ],
        submit_label=_("Correct the UID"), submit_class="btn-primary", cancel_url=back, done=_("The UID of %s is corrected.") % found,
        done_url=back, refusal="" if turned else _("Its UID has no bytes that could be in another order."),
        breadcrumbs=[*crumbs(found), (str(found), link("pass", pk))],
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("passes/check/", check, name="card_check"),
    path("passes/<int:pk>/whitelist/<int:station_pk>/", pass_whitelist, name="pass_whitelist_here"),
    path("passes/<int:pk>/correct-uid/", pass_correct_uid, name="pass_correct_uid"),
]
