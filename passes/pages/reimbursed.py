"""Are the kWh of a card reimbursed at a location? The card is held to its stations in thought; each thing that matters is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes.guide_forms import OfferedForm
from passes.held import MOST, verdicts, ways
from passes.models import ChargePass
from passes.pages.sheet import name_of
from stations.hooks import Verdict
from stations.models import AccessMode, Location, Settlement, Station
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_INVOICE_DATA, MANAGE_LOCATIONS, MANAGE_PASSES, READ, get_for, may

ROAMED = (str(Settlement.ROAMING), str(Settlement.ROAMING_FREE))


class Check(NamedTuple):
    """`good` None: nobody can say from here."""

    good: bool | None
    text: str
    remedy: str = ""
    url: str = ""

    @property
    def state(self) -> tuple[str, str]:
        words = {True: ("available", _("In order")), False: ("fault", _("Not in order")), None: ("waiting", _("Please check"))}
        return words[self.good]


def location_reimbursed(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    location = get_for(user, Location.objects.select_related("organization"), MANAGE_PASSES, pk=pk)
    split = request.GET.get("split") == "1"
    form = OfferedForm({"card": request.GET["card"]} if "card" in request.GET else None, user=user)
    context = {
        "title": _("Is it reimbursed at %s?") % location,
        "location": location,
        "form": form,
        "split": split,
        "guide_url": link("pass_guide_split" if split else "pass_guide_reimbursement"),
        "breadcrumbs": [(_("Passes"), link("passes")), (_("Guides"), link("pass_guides"))],
    }
    if form.is_valid():
        uid = form.cleaned_data["card"]
        rows = Station.objects.visible_to(user).filter(location=location, active=True).select_related("location__organization")
        stations = list(rows[:MOST])
        decided = list(zip(stations, verdicts(uid, stations), strict=True))
        billing = list(_split(user, location.organization)) if split else []
        checks = [
            *billing,
            *_of_modes(user, location, stations),
            *_of_card(user, location.organization, uid, decided),
        ]
        settled = [one for one, verdict in decided if (verdict.settlement in ROAMED or verdict.ask) and not _whitelisted(verdict)]
        never = _owned(location.organization, uid) is not None or any(check.good is False for check in billing)
        context |= {
            "uid": uid,
            "checks": checks,
            "ways": ways(decided),
            "reimbursed": 0 if never else len(settled),
            "unsure": any(check.good is None for check in checks),
            "stations": len(stations),
        }
    return render(request, "passes/reimbursed.html", context)


def _whitelisted(verdict: Verdict) -> bool:
    """It charges free, if not now then within its restrictions."""
    return any(step.rule == "whitelisted" and step.good for step in verdict.steps)


def _owned(owner: Organization, uid: str) -> ChargePass | None:
    return ChargePass.objects.filter(organization=owner, uid=uid).select_related("organization").first()


def _split(user: User, owner: Organization) -> Iterator[Check]:
    below = owner.kind == Organization.Kind.SUB
    yield Check(
        below,
        _("%s is a sub-organization: the company above it pays the subscriptions.") % owner if below
        else _("%s is no sub-organization. Add one for the private person, and move the location there.") % owner,
        "" if below else _("Open the organization"), "" if below else owner.get_absolute_url() if may(user, READ, owner) else "",
    )  # fmt: skip
    if not may(user, MANAGE_INVOICE_DATA, owner):
        yield Check(
            None, _("Ask somebody who may see the invoice data of %s whether split billing and the bank account are entered.") % owner
        )
        return
    url = link("organization_invoice", owner.pk)
    if owner.split_billing and owner.iban:
        yield Check(True, _("Split billing is switched on, and there is a bank account."))
    elif owner.split_billing:
        yield Check(False, _("Split billing is switched on, but there is no bank account."), _("Enter the bank account"), url)
    else:
        yield Check(False, _("Split billing is not switched on at %s.") % owner, _("Switch it on"), url)


def _of_modes(user: User, location: Location, stations: list[Station]) -> Iterator[Check]:
    if not stations:
        yield Check(False, _("There are no active stations at this location that you may see."))
        return
    roaming = sum(AccessMode(one.access_mode or location.access_mode).roams for one in stations)
    said = ngettext("%(roaming)d of %(count)d station roams.", "%(roaming)d of %(count)d stations roam.", len(stations))
    said %= {"roaming": roaming, "count": len(stations)}
    if roaming == len(stations):
        yield Check(True, said)
    elif may(user, MANAGE_LOCATIONS, location):
        yield Check(False, said, _("Change the access mode"), link("location_edit", location.pk))
    else:
        yield Check(False, said + " " + _("Somebody who may change the location must choose another access mode."))


def _of_card(user: User, owner: Organization, uid: str, decided: list[tuple[Station, Verdict]]) -> Iterator[Check]:
    if owned := _owned(owner, uid):
        said = _("This card is one of the owner's passes: %s. What is charged with it here is not reimbursed.") % name_of(user, owned)
        yield Check(False, said, _("Open the pass"), owned.get_absolute_url() if may(user, READ, owned) else "")
    else:
        yield Check(True, _("The card is none of the passes of %s.") % owner)
    if free := sum(_whitelisted(verdict) for _station, verdict in decided):
        said = ngettext(
            "The card is whitelisted at %d station: it charges free there, and nothing is reimbursed.",
            "The card is whitelisted at %d stations: it charges free there, and nothing is reimbursed.",
            free,
        )
        yield Check(False, said % free, _("Who is on the whitelist"), link("pass_whitelist", organization=str(owner.pk)))
    else:
        yield Check(True, _("The card is not whitelisted here."))
    if any(verdict.settlement in ROAMED for _station, verdict in decided):
        yield Check(True, _("A connected network knows the card and lets it charge."))
    elif any(verdict.ask for _station, verdict in decided):
        yield Check(None, _("The card provider is asked when the card is held to the reader; it was not asked now."))
    elif any(AccessMode(station.access_mode or station.location.access_mode).roams for station, _verdict in decided) and not free:
        yield Check(False, _("No connected network lets this card charge here."))


urlpatterns: list[URLPattern] = [path("locations/<int:pk>/reimbursed/", location_reimbursed, name="location_reimbursed")]
