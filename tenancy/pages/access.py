"""Letting a service company in: an organization gives those who hold a role elsewhere access to a location or to a whole branch."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions
from tenancy.links import link
from tenancy.models import Organization, Role, ServiceAccess, User
from tenancy.pages.organization_sheet import organization_of, sheet
from tenancy.pages.shared import chosen_organization, user_of
from tenancy.rights import LET_IN, MANAGE_ROLES, RIGHTS, SECTIONS, Missing, anywhere, holds
from tenancy.scope import Drill, drill_of
from ui.forms import confirm_page, form_page

# What a service company may be given: work at stations, not power over people, organizations and money
GIVEABLE = tuple(
    code
    for code in RIGHTS
    if code
    in {
        "manage_stations", "read_transactions", "correct_transactions", "read_logs", "start_charging", "stop_charging", "unlock_connectors",
        "reset_stations", "change_availability", "trigger_messages", "clear_cache", "read_configuration", "change_configuration",
        "update_firmware", "manage_passes", "personal_data", "operations_tab", "cost_release",
    }
)  # fmt: skip
LONGEST = timedelta(days=5 * 366)


class CompanyChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.organization} · {obj}"


class AccessForm(forms.Form):
    role = CompanyChoice(
        queryset=Role.objects.none(), label=lazy("Service company"), empty_label=lazy("Choose one"),
        help_text=lazy("Those who hold this role there, now or later, get access. Only roles that are offered as a service are listed."),
    )  # fmt: skip
    rights = forms.MultipleChoiceField(label=lazy("What they may do"), required=False, widget=forms.CheckboxSelectMultiple)
    since = forms.DateField(label=lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=lazy("Until, the day included"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=lazy("Reason"), max_length=200, required=False, help_text=lazy("Such as the number of the order."))

    def __init__(self, *args: Any, user: User, organization: Organization, place: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.organization = user, organization
        # Offered to everybody on purpose by their owners: what is listed here tells nothing that they keep to themselves.
        offered = Role.objects.filter(offered=True, organization__closed=False).select_related("organization")
        above = [*organization.ancestor_ids, organization.pk]
        self.fields["role"].queryset = offered.exclude(organization__in=above).order_by("organization__name", "name")  # type: ignore[attr-defined]
        able = [code for code in GIVEABLE if holds(user, code, organization.path, place)]
        self.fields["rights"].choices = [(code, RIGHTS[code].label) for code in able]  # type: ignore[attr-defined]
        self.fields["rights"].help_text = _("Seeing the stations is always included. What you don't hold yourself is not listed.")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("It must end after it begins."))
        if since and since < timezone.localdate() - LONGEST:
            self.add_error("since", _("At most five years ago."))
        if until and until > timezone.localdate() + LONGEST:
            self.add_error("until", _("At most five years from now: give it again then."))
        role, rights = values.get("role"), values.get("rights")
        if role and rights is not None and (missing := [code for code in rights if code not in role.held]):
            names = ", ".join(f"“{RIGHTS[code].label}”" for code in missing)
            self.add_error("rights", _("The role %(role)s does not give %(rights)s itself.") % {"role": role, "rights": names})
        return values


def moments(since: Any, until: Any) -> tuple[datetime, datetime]:
    """From the first moment of the first day to the last of the last, by the platform's clock."""
    zone = ZoneInfo(settings.PLATFORM_TIME_ZONE)
    return datetime.combine(since, time(), zone), datetime.combine(until + timedelta(days=1), time(), zone)


def days(access: ServiceAccess) -> tuple[str, str]:
    """First and last day, as they were entered."""
    zone = ZoneInfo(settings.PLATFORM_TIME_ZONE)
    first, last = access.starts_at.astimezone(zone), (access.ends_at - timedelta(microseconds=1)).astimezone(zone)
    return formats.date_format(first, "j M Y"), formats.date_format(last, "j M Y")


def target_of(request: HttpRequest) -> tuple[Organization, Drill]:
    """What shall be opened: `?place=l7`, a location, or else the organization of `?at=`."""
    user = user_of(request)
    token = request.GET.get("place", "")
    if token:
        drill = drill_of(user, token)
        if drill.place is None or drill.organization is None:
            raise Http404
        if not holds(user, LET_IN, drill.organization.path):
            raise Missing(LET_IN, drill.organization.path)
        return drill.organization, drill
    scope = request.drill  # type: ignore[attr-defined]
    return chosen_organization(request, LET_IN, scope.organization if scope else user.organization), Drill()


def access_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    organization, drill = target_of(request)
    if not anywhere(user, LET_IN):
        raise Missing(LET_IN)
    if not holds(user, LET_IN, organization.path):
        return redirect(link("organization_choose", to="access_add"))
    today = timezone.localdate(timezone=ZoneInfo(settings.PLATFORM_TIME_ZONE))
    form = AccessForm(
        request.POST or None, user=user, organization=organization, place=drill.place.pk if drill.place else None,
        initial={"since": today, "until": today + timedelta(days=30)},
    )  # fmt: skip

    def save(values: dict[str, Any]) -> ServiceAccess:
        role = values["role"]
        starts_at, ends_at = moments(values["since"], values["until"])
        return actions.let_in(
            actor=user, team=actions.team_of(role, role.organization), organization=organization, rights=values["rights"],
            starts_at=starts_at, ends_at=ends_at, place=drill.token, place_name=str(drill.place) if drill.place else "",
            reason=values["reason"],
        )  # fmt: skip

    back = link("accesses", organization.pk)
    what = _("the location %s") % drill.place if drill.place else _("%s and everything below") % organization
    return form_page(
        request, form, save, title=_("Let a service company in"), submit_label=_("Give access"), cancel_url=back,
        done=_("Access given."), done_url=back, breadcrumbs=[(organization, organization.get_absolute_url())],
        intro=_("It may work at %s for the time you say, and no longer.") % what,
    )  # fmt: skip


def accesses(request: HttpRequest, pk: int) -> HttpResponse:
    """Which service companies an organization lets in, now and in the past."""
    organization = organization_of(request, pk, LET_IN)
    now = timezone.now()
    rows = ServiceAccess.objects.visible_to(request.user, LET_IN).filter(organization=organization)
    listed = []
    for access in rows.select_related("team__role", "team__organization", "given_by")[:200]:
        over = access.ended_at or (access.ends_at if access.ends_at <= now else None)
        listed.append({
            "access": access,
            "rights": [right.allows for section in SECTIONS for right in section.rights if right.code in access.rights],
            "state": "off" if over else "waiting" if access.starts_at > now else "available",
            "word": _("Ended") if over else _("Begins later") if access.starts_at > now else _("Has access"),
            "over": over,
            "days": days(access),
            "end_url": link("access_end", access.pk),
        })  # fmt: skip
    context = sheet(request, organization, "service") | {
        "listed": listed,
        "zone": ZoneInfo(settings.PLATFORM_TIME_ZONE),
        "add_url": link("access_add", at=str(pk)),
    }
    return render(request, "tenancy/accesses.html", context)


def access_end(request: HttpRequest, pk: int) -> HttpResponse:
    """By who gave it (the right to let in, there), or by who has it (the right to manage roles, at the role's owner)."""
    rows = ServiceAccess.objects.select_related("organization", "team__role__organization", "team__organization")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    giver = holds(request.user, LET_IN, found.organization.path)
    taker = holds(request.user, MANAGE_ROLES, found.team.role.organization.path)
    if not giver and not taker:
        if holds(request.user, "read", found.organization.path):
            raise Missing(LET_IN, found.organization.path)
        raise Http404
    back = link("accesses", found.organization_id) if giver else link("role", found.team.role_id)
    over = found.ended_at is not None or found.ends_at <= timezone.now()
    words = {"team": found.team.organization, "what": found.place_name or found.organization}
    return confirm_page(
        request, lambda: actions.end_access(actor=user_of(request), access=found), title=_("End the access of %(team)s?") % words,
        consequences=[_("%(team)s can no longer work at %(what)s, from the next click on. You can give it again at any time.") % words],
        refusal=_("It is over already.") if over else "", submit_label=_("End the access"), cancel_url=back,
        done=_("%(team)s no longer has access.") % words, done_url=back,
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("access/add/", access_add, name="access_add"),
    path("access/<int:pk>/end/", access_end, name="access_end"),
    path("organizations/<int:pk>/access/", accesses, name="accesses"),
]
