"""What helps a card that is refused: a button for who holds the right, and for all others who could do it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.actions import why_not_listed
from passes.authorizing import listed
from passes.models import ChargePass, PassGroup, normalize_uid, reversed_uid
from passes.trial import Trial, whitelisted
from stations.hooks import Step, Verdict, reason_label
from stations.models import CardOffer, Station, Transaction
from tenancy import why
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.personal import MASK, sees
from tenancy.rights import (
    MANAGE_LOCATIONS,
    MANAGE_PASSES,
    MANAGE_STATIONS,
    MANAGE_USERS,
    PERSONAL_DATA,
    READ_CONFIGURATION,
    READ_TRANSACTIONS,
    holds,
    may,
)

LIMITS = ("place", "hours", "day_energy", "month_energy")
MOST = 3  # other passes with the same UID that are offered
CHARGED_DAYS = 30  # a UID with which a card charged within them is right
# What keeps a pass from charging though it is whitelisted: reason -> what else must be done
OBSTACLES: dict[str, str | Promise] = {
    "blocked": lazy("It is blocked: it must also be unblocked."),
    "user_off": lazy("Its user is deactivated: they must also be activated."),
    "not_yet": lazy("It is not valid yet: it must also begin earlier."),
    "expired": lazy("It is no longer valid: its validity must also be extended."),
    "not_here": lazy("It is restricted to other stations: its restrictions must also be changed."),
    "not_now": lazy("It is restricted to other times: its restrictions must also be changed."),
    "used_up": lazy("It has charged all it may in this day or month: its restrictions must also be changed."),
    "concurrent": lazy("It charges at another connector already: that must have ended."),
    "mode": lazy("The access mode there takes no whitelist: it must also be changed."),
    "network_unknown": lazy("The access mode there takes no whitelist: it must also be changed."),
}  # fmt: skip


class Remedy(NamedTuple):
    """`text` says what it does; `who` who could do it, where the reader may not: then there is no `url`. Without a label it is advice."""

    label: str = ""
    url: str = ""
    icon: str = ""
    text: str = ""
    who: str = ""


def check_url(station: int, uid: str, connector: int | None = None) -> str:
    """The page that checks this card at this station."""
    return link("card_check", station=str(station), card=uid, **({"connector": str(connector)} if connector else {}))


def add_url(organization: Organization, uid: str) -> str:
    """The form for a new pass with this UID."""
    return link("pass_add", uid=uid, **{"in": f"o{organization.pk}"})


def and_back(url: str, back: str) -> str:
    """The page `url`, from which one comes back to `back`."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'next': back})}" if back else url


def obstacle(verdict: Verdict) -> str:
    """What else is in the way, by the verdict that a pass would have if it were whitelisted (passes.trial.whitelisted)."""
    if verdict.status == "Accepted":
        return ""
    return str(OBSTACLES.get(verdict.reason) or reason_label(verdict.reason))


def charged_as_stored(user: User, charge_pass: ChargePass) -> bool:
    """Whether it charged lately with the UID that it has, as far as `user` may know."""
    since = timezone.now() - timedelta(days=CHARGED_DAYS)
    offers = CardOffer.objects.visible_to(user, PERSONAL_DATA).filter(pass_key=charge_pass.pk, at__gte=since, verdict="Accepted")
    return any(normalize_uid(tag) == charge_pass.uid for tag in offers.order_by().values_list("id_tag", flat=True).distinct()[:MOST])


def mode_remedy(user: User, station: Station, back: str = "") -> Remedy:
    """To change the access mode: at the station where it has one of its own, else at its location."""
    own = bool(station.access_mode)
    right, thing = (MANAGE_STATIONS, station) if own else (MANAGE_LOCATIONS, station.location)
    url = link("station_edit", station.pk) if own else link("location_edit", station.location_id)
    where = _("It is set at this station.") if own else _("It is set at %s, for all stations there that have none of their own.")
    text = where if own else where % station.location
    return _with_right(user, right, station.location.organization, may(user, right, thing), Remedy(
        _("Change the access mode"), and_back(url, back), icon="door-enter", text=text))  # fmt: skip


def _with_right(user: User, right: str, organization: Organization, allowed: bool, remedy: Remedy) -> Remedy:
    """The remedy, or who could apply it."""
    return remedy if allowed else remedy._replace(url="", who=why.who_could(user, right, organization.path))


class _Case:
    def __init__(self, user: User, trial: Trial, back: str) -> None:
        self.user, self.trial, self.station, self.uid = user, trial, trial.station, trial.uid
        self.organization, self.mode = trial.station.location.organization, trial.station.effective_access_mode
        self.back = back
        passes = ChargePass.objects.visible_to(user).select_related("organization", "user", "group")
        key = trial.verdict.pass_key
        self.spoken = passes.filter(pk=key).first() if key is not None else None
        self.hidden = bool(key) and self.spoken is None
        named = ChargePass.objects.visible_to(user, PERSONAL_DATA).select_related("organization").order_by("pk")
        self.others = list(named.filter(uid=self.uid).exclude(pk=key or 0)[:MOST])
        turned = reversed_uid(self.uid)
        here = listed(self.organization.path)
        self.turned = named.filter(uid=turned, listings__in=here).first() if turned and turned != self.uid and not key else None

    def of_pass(self, remedy: Remedy) -> Remedy:
        """What is done at the pass that speaks for the card."""
        if self.spoken is None:
            return remedy._replace(url="", who=_("The pass belongs to another organization: only people there can do this."))
        allowed = may(self.user, MANAGE_PASSES, self.spoken)
        return _with_right(self.user, MANAGE_PASSES, self.spoken.organization, allowed, remedy)

    def edit(self, label: str, icon: str, text: str = "", page: str = "pass_edit") -> Remedy:
        return self.of_pass(Remedy(label, and_back(link(page, self.spoken.pk), self.back) if self.spoken else "", icon, text))

    def whitelist(self, charge_pass: ChargePass) -> Remedy:
        name = str(charge_pass) if sees(self.user, charge_pass) else MASK
        words = {"name": name, "organization": self.organization}
        url = and_back(reverse("pass_whitelist_here", args=[charge_pass.pk, self.station.pk]), self.back)
        if more := obstacle(whitelisted(self.station, charge_pass)):
            text = f"{_('That alone does not let %(name)s charge here.') % words} {more}"
        else:
            text = _("%(name)s would charge free at the whitelisting stations of %(organization)s; their owner pays.") % words
        allowed = holds(self.user, MANAGE_PASSES, self.organization.path)
        remedy = Remedy(_("Whitelist it here"), url, icon="circle-check", text=text)
        return _with_right(self.user, MANAGE_PASSES, self.organization, allowed, remedy)

    def add(self) -> Remedy:
        text = _("It becomes a pass of %s: then it can be whitelisted there.") % self.organization
        allowed = holds(self.user, MANAGE_PASSES, self.organization.path)
        url = and_back(add_url(self.organization, self.uid), self.back)
        return _with_right(self.user, MANAGE_PASSES, self.organization, allowed, Remedy(_("Add it as a pass"), url, icon="plus", text=text))

    def correct(self, turned: ChargePass) -> Remedy:
        words = {"name": turned, "uid": turned.uid}
        text = _("%(name)s has this UID with its bytes in the other order: %(uid)s. Some readers turn them round.") % words
        if charged_as_stored(self.user, turned):
            said = _("It charged with that UID in the last %d days, so the UID is right: set the byte order of this station's reader.")
            allowed = holds(self.user, READ_CONFIGURATION, self.organization.path, self.station.location_id)
            url = link("station_configuration", self.station.pk)
            remedy = Remedy(_("Configuration"), url, icon="adjustments", text=f"{text} {said % CHARGED_DAYS}")
            return _with_right(self.user, READ_CONFIGURATION, self.organization, allowed, remedy)
        url = and_back(reverse("pass_correct_uid", args=[turned.pk]), self.back)
        allowed = may(self.user, MANAGE_PASSES, turned)
        remedy = Remedy(_("Correct the UID"), url, icon="refresh", text=text)
        return _with_right(self.user, MANAGE_PASSES, turned.organization, allowed, remedy)


def remedies(user: User, trial: Trial, back: str) -> list[Remedy]:
    """For a refusal, the likeliest first; `back` is the page to come back to. Nothing for a card that is accepted."""
    return [] if trial.accepted else list(_for(_Case(user, trial, back)))


def _for(case: _Case) -> Iterator[Remedy]:
    reason, steps = case.trial.verdict.reason, case.trial.verdict.steps
    if case.turned:
        yield case.correct(case.turned)
    match reason:
        case "blocked":
            url = and_back(reverse("pass_unblock", args=[case.spoken.pk]), case.back) if case.spoken else ""
            yield case.of_pass(Remedy(_("Unblock"), url, icon="lock-open", text=_("It may charge again wherever it is listed.")))
        case "user_off":
            yield _user(case)
        case "not_yet":
            yield case.edit(_("Let it begin earlier"), icon="calendar-event")
        case "expired":
            yield case.edit(_("Extend the validity"), icon="calendar-event")
        case "not_here" | "not_now" | "used_up":
            yield _restriction(case, next((step for step in steps if step.rule in LIMITS and not step.good), Step("", False)))
        case "concurrent":
            yield _running(case, next((step for step in steps if step.rule == "concurrent"), Step("", False)))
            if case.trial.verdict.pass_key:
                yield case.edit(_("Let it charge at several connectors"), icon="plug", text=_("“Several at once” is a switch of the pass."))
        case "mode":
            yield mode_remedy(case.user, case.station, case.back)
        case "network_silent":
            yield Remedy(text=_("The network does not answer. Try again in a minute; if it stays so, tell the card provider."))
        case "network_blocked" | "network_expired" | "network_credit" | "network_refused":
            yield Remedy(text=_("That is up to the card provider: the driver should call the number on the back of the card."))
    if reason in ("not_listed", "unknown", "mode", "network_unknown") or reason.startswith("network_"):
        yield from _listing(case)


def _listing(case: _Case) -> Iterator[Remedy]:
    """Whitelisting, where that would let the card charge; adding it where nobody knows it."""
    if not case.mode.whitelists:
        if case.trial.verdict.reason in ("unknown", "network_unknown"):
            yield Remedy(text=_("This station takes cards of connected networks only, and none of them knows this one."))
            possible = [one for one in (case.spoken, *case.others) if one and not why_not_listed(one, case.organization)]
            for one in possible:
                yield case.whitelist(one)
            if possible:
                yield mode_remedy(case.user, case.station, case.back)
        return
    if case.spoken:
        yield case.whitelist(case.spoken)
        return
    possible = [one for one in case.others if not why_not_listed(one, case.organization)]
    for one in possible:
        yield case.whitelist(one)
    if not possible and not case.hidden and not case.turned:
        yield case.add()
    elif case.hidden:
        yield Remedy(text=_("The pass belongs to another organization: only people there can put it on the whitelist."))


def _user(case: _Case) -> Remedy:
    owner = case.spoken.user if case.spoken else None
    if case.spoken is None or owner is None or not User.objects.visible_to(case.user).filter(pk=owner.pk).exists():
        return Remedy(text=_("The user belongs to another organization: only people there can activate them."))
    url = link("user", owner.pk)
    remedy = Remedy(_("Activate the user"), url, icon="user", text=_("A deactivated user's passes are refused."))
    return _with_right(case.user, MANAGE_USERS, owner.organization, may(case.user, MANAGE_USERS, owner), remedy)


def _restriction(case: _Case, step: Step) -> Remedy:
    if step.record != "group":
        return case.edit(_("Change the restrictions"), icon="adjustments", text=_("They are set at the pass."), page="pass_restrictions")
    group = PassGroup.objects.visible_to(case.user).filter(pk=step.key).select_related("organization").first()
    url = and_back(link("pass_group_restrictions", group.pk), case.back) if group else ""
    remedy = Remedy(_("Change the restrictions"), url, icon="adjustments", text=_("They are set at the group of the pass."))
    if group is None:
        return remedy._replace(who=_("The group belongs to another organization: only people there can do this."))
    return _with_right(case.user, MANAGE_PASSES, group.organization, may(case.user, MANAGE_PASSES, group), remedy)


def _running(case: _Case, step: Step) -> Remedy:
    rows = Transaction.objects.visible_to(case.user, READ_TRANSACTIONS).visible_to(case.user, PERSONAL_DATA)
    found = rows.filter(pk=step.key).first() if step.key else None
    if found is None:
        return Remedy(text=_("It charges at another station. It may start here when that has ended."))
    text = _("It may start here when that has ended.")
    return Remedy(_("Look at that transaction"), link("transaction", found.pk), icon="bolt", text=text)
