"""Who is on the whitelist of an organization: its users and their passes, each with a switch that is changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import django_filters
import django_tables2
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Case, F, QuerySet, Value, When
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes import actions
from passes.models import Listing
from passes.pages.lists import ListingFilter, ListingList, ListingTable, named_passes
from passes.pages.sheet import name_of
from stations.models import AccessMode, Location, Station
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import number_of, user_of
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_PASSES, READ, get_for, may
from ui.lists import Action

MOST_LOCATIONS = 20


class WhitelistFilter(ListingFilter):
    q = django_filters.CharFilter(label=lazy("User, nickname, UID or visible number"), method="named")

    def named(self, rows: QuerySet[Listing], name: str, value: str) -> QuerySet[Listing]:
        text = value.replace("\x00", "").strip()
        of_user = rows.filter(named_passes(user_of(self.request)), charge_pass__user__name__icontains=text)
        return super().named(rows, name, value) | of_user


class WhitelistTable(ListingTable):
    holder = django_tables2.Column(lazy("User"), accessor="pk", orderable=False)

    class Meta(ListingTable.Meta):
        sequence = ("name", "uid", "holder", "organization", "state", "roaming_free", "whitelist")
        exclude = ("below", "off")

    def value_holder(self, record: Listing) -> str:
        who = record.charge_pass.user
        return self._named(record, str(who)) if who else _("nobody")

    def render_holder(self, record: Listing) -> SafeString | str:
        who, said = record.charge_pass.user, self.value_holder(record)
        if who is None:
            return format_html('<span class="text-secondary">{}</span>', said)
        return format_html('<a href="{}">{}</a>', link("user", who.pk), said) if may(self.request.user, READ, who) else said

    def render_whitelist(self, record: Listing) -> SafeString:
        if not may(self.request.user, MANAGE_PASSES, record):
            return super().render_whitelist(record)
        on, words = record.whitelist, {"name": self._named(record, str(record.charge_pass)), "organization": record.organization}
        return format_html(
            '<button type="submit" class="switch" role="switch" name="switch" value="{}:{}" aria-checked="{}" aria-label="{}">'
            '<span class="switch-knob" aria-hidden="true"></span>{}</button>',
            record.pk, "off" if on else "on", "true" if on else "false",
            _("%(name)s on the whitelist of %(organization)s") % words, self.value_whitelist(record),
        )  # fmt: skip


class Modes(NamedTuple):
    """Where at an organization the access mode is one that is wanted: that whitelists, or that roams."""

    organization: Organization
    counting: int
    total: int
    others: list[tuple[Location, str, bool]]  # with their access mode, and whether this person may change it
    stations: int  # with an access mode of their own that is another one


WHITELISTS = [mode for mode in AccessMode if mode.whitelists]
ROAMS = [mode for mode in AccessMode if mode.roams]


def modes_of(user: User, organization: Organization, wanted: Sequence[AccessMode] = WHITELISTS) -> Modes:
    locations = list(Location.objects.visible_to(user).filter(organization=organization).select_related("organization").order_by("name"))
    others = [one for one in locations if one.access_mode not in wanted]
    own = Station.objects.visible_to(user).filter(location__organization=organization).exclude(access_mode__in=["", *wanted])
    shown = [(one, str(AccessMode(one.access_mode).label), may(user, MANAGE_LOCATIONS, one)) for one in others[:MOST_LOCATIONS]]
    return Modes(organization, len(locations) - len(others), len(locations), shown, own.count())


class Whitelist(ListingList):
    table_class = WhitelistTable
    filterset_class = WhitelistFilter
    template_name = "passes/whitelist.html"
    title = lazy("Who is on the whitelist")
    intro = lazy(
        "A pass charges free when its switch is on and the station whitelists: that is said by the access mode of the station or of its "
        "location. The owner of the station pays, and nothing is reimbursed."
    )
    export_name = "whitelist"
    empty_title = lazy("There are no passes on this list yet.")
    empty_text = lazy("Add the cards and tags of those who shall charge free.")

    def get_queryset(self) -> QuerySet[Any]:
        """By user; what is masked is all alike."""
        named, name = named_passes(user_of(self.request)), F("charge_pass__user__name")
        rows: QuerySet[Any] = super().get_queryset()
        rows = rows.annotate(shown_user=Case(When(named, then=name), default=Value(None)) if named else name)
        return rows.order_by(F("shown_user").asc(nulls_last=True), "shown_nickname", "shown_uid", "pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return super().for_page(rows).select_related("charge_pass__user__organization")

    def totals(self, rows: QuerySet[Any]) -> Sequence[tuple[str, str]]:
        return [(_("on the whitelist"), str(rows.filter(whitelist=True).count()))]

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Passes"), link("passes")), (_("Guides"), link("pass_guides"))]

    def get_actions(self) -> Sequence[Action]:
        may_add = self.request.holds(MANAGE_PASSES)  # type: ignore[attr-defined]
        return [Action(_("Add a tag"), link("pass_guide_tag"), icon="plus")] if may_add else []

    def organization(self) -> Organization | None:
        """The one that is looked at: chosen in the filter, or drilled into."""
        user = self.request.user
        if key := number_of(self.request, "organization"):
            return Organization.objects.visible_to(user).filter(pk=key).first()
        drill = self.request.drill  # type: ignore[attr-defined]
        found: Organization | None = drill.organization if drill else None
        return found if found and may(user, READ, found) else None

    def get_context(self) -> dict[str, Any]:
        found = self.organization()
        return {
            "modes": modes_of(user_of(self.request), found) if found else None,
            "may_change": self.request.holds(MANAGE_PASSES),  # type: ignore[attr-defined]
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key, _colon, wanted = request.POST.get("switch", "").partition(":")
        if not key:
            return super().post(request, *args, **kwargs)
        known = int(key) if key.isdecimal() and len(key) < 19 else 0
        user = user_of(request)
        listing = get_for(user, Listing.objects.select_related("charge_pass__organization", "organization"), MANAGE_PASSES, pk=known)
        words = {"name": name_of(user, listing.charge_pass), "organization": listing.organization}
        try:
            actions.list_pass(actor=user, charge_pass=listing.charge_pass, organization=listing.organization, whitelist=wanted == "on")
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            said = _("%(name)s is on the whitelist of %(organization)s.") if wanted == "on" else _(
                "%(name)s is no longer on the whitelist of %(organization)s."
            )  # fmt: skip
            messages.success(request, said % words)
        return redirect(request.get_full_path())


urlpatterns: list[URLPattern] = [path("passes/whitelist/", Whitelist.as_view(), name="pass_whitelist")]
