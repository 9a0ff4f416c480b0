"""Roaming networks: the card providers that are connected, each on a sheet of its own, and what happens when one does not answer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.actions.providers import REGISTRATION_LASTS
from passes.models import Provider, RoamingPolicy, RoamingToken
from stations.models import AccessMode, Station
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization
from tenancy.pages.history import ObjectHistory
from tenancy.pages.organization_sheet import organization_of, sheet, source_name
from tenancy.pages.organizations import trail
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_NETWORKS, READ_AUDIT, Missing, anywhere, get_for, holds
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table, counted_up_to, up_to
from ui.templatetags.ui import state, when


def state_of(provider: Provider) -> tuple[str, Any]:
    """Which of the six states, and its word."""
    if provider.leaving_since:
        return "off", lazy("Being deleted")
    if not provider.active:
        return "off", lazy("Switched off")
    if provider.realtime and provider.silent_since:
        return "fault", lazy("Does not answer")
    if provider.tokens_url:
        return "available", lazy("Connected")
    if provider.registration_until and provider.registration_until > timezone.now():
        return "waiting", lazy("Waits for its registration")
    return "waiting", lazy("Not registered")


class ProviderFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name or party id"), method="named")

    class Meta:
        model = Provider
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Provider], name: str, value: str) -> QuerySet[Provider]:
        text = value.replace("\x00", "").strip()
        return rows.filter(Q(name__icontains=text) | Q(party_id__iexact=text)) if text else rows


class ProviderTable(Table):
    name = django_tables2.Column(lazy("Card provider"))
    organization = django_tables2.Column(lazy("Connected by"), accessor="organization__name")
    state = django_tables2.Column(lazy("State"), accessor="active", orderable=False)
    realtime = django_tables2.Column(lazy("Asked in real time"))
    pulled_at = django_tables2.Column(lazy("Cards fetched"), empty_values=())

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: Provider) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}*{}</span>',
            record.get_absolute_url(),
            record.name,
            record.country_code,
            record.party_id,
        )

    def value_name(self, record: Provider) -> str:
        return record.name

    def render_organization(self, record: Provider) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: Provider) -> str:
        return record.organization.name

    def render_state(self, record: Provider) -> SafeString:
        name, word = state_of(record)
        return state(name, str(word))

    def value_state(self, record: Provider) -> str:
        return str(state_of(record)[1])

    def render_realtime(self, record: Provider) -> str:
        return _("yes") if record.realtime else _("no")

    def render_pulled_at(self, record: Provider) -> SafeString | str:
        return when(record.pulled_at) if record.pulled_at else _("never")


class ProviderList(ListPage):
    model = Provider
    table_class = ProviderTable
    filterset_class = ProviderFilter
    title = lazy("Networks")
    intro: Any = lazy(
        "Card providers whose cards are taken at stations that roam: those of the organization and of everything below it. Drivers pay "
        "their provider, and the owner of the station is reimbursed."
    )
    export_name = "networks"
    empty_title: Any = lazy("No card provider is connected yet.")
    empty_text: Any = lazy(
        "Stations that roam refuse every card until one is. Connect a provider, hand it the registration token, and it tells of its cards."
    )

    def get_queryset(self) -> QuerySet[Any]:
        user = user_of(self.request)
        if not anywhere(user, MANAGE_NETWORKS):
            raise Missing(MANAGE_NETWORKS)
        rows: QuerySet[Any] = Provider.objects.visible_to(user, MANAGE_NETWORKS)
        limited: QuerySet[Any] = self.request.drill.limit(rows)  # type: ignore[attr-defined]
        if above := self._connected_above():
            self.intro = f"{self.intro} {above}"
            self.empty_title = _("No card provider is connected here.")
            self.empty_text = f"{above} {_('Connect one of your own, hand it the registration token, and it tells of its cards.')}"
        return limited

    def _connected_above(self) -> str:
        """What counts here too and is not this person's to see: how many, not which."""
        user, drill = user_of(self.request), self.request.drill  # type: ignore[attr-defined]
        at = drill.organization if drill else user.organization
        mine = Provider.objects.visible_to(user, MANAGE_NETWORKS).values("pk")
        count = Provider.objects.filter(organization__in=at.ancestor_ids, active=True).exclude(pk__in=mine).count()
        return (
            ngettext(
                "%d provider is connected by an organization above: its cards are taken at the stations here that roam.",
                "%d providers are connected by organizations above: their cards are taken at the stations here that roam.",
                count,
            )
            % count
            if count
            else ""
        )

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        user, drill = user_of(self.request), self.request.drill  # type: ignore[attr-defined]
        found = [Action(_("Connect a provider"), link("provider_add"), icon="plus")]
        at = drill.organization if drill else user.organization
        if holds(user, MANAGE_NETWORKS, at.path):
            found.append(Action(_("When one does not answer"), link("organization_roaming", at.pk), icon="clock"))
        return found

    def get_empty_action(self) -> Action | None:
        return self.get_actions()[0]


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Provider
        fields = (
            "organization", "name", "country_code", "party_id", "active", "realtime", "deadline_ms", "ask_unknown", "nightly",
        )  # fmt: skip

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("country_code", "party_id"):
            self.fields[name].widget.attrs |= {"autocapitalize": "characters", "spellcheck": "false", "class": "font-monospace"}
        self.fields["country_code"].help_text = lazy("Of the provider's id in OCPI, such as NL.")
        self.fields["party_id"].help_text = lazy("Of the provider's id in OCPI, such as TNM.")
        self.fields["active"].help_text = lazy("Off: its cards are not taken.")
        self.fields["ask_unknown"].help_text = lazy(
            "Also about cards that it has not told of, and it may tell of cards of other parties. For networks of many providers."
        )
        if self.instance.pk:
            del self.fields["organization"]
        else:
            organization = self.fields["organization"]
            assert isinstance(organization, forms.ModelChoiceField)
            organization.queryset = Organization.objects.visible_to(user, MANAGE_NETWORKS)
            organization.empty_label = _("Choose one")
            organization.help_text = lazy("Its cards are taken at the roaming stations of this organization and of everything below it.")
            del self.fields["active"]

    def _clean_fields(self) -> None:
        """Small letters are no mistake."""
        if self.is_bound:
            typed: Any = self.data
            data = typed.copy()
            for name in ("country_code", "party_id"):
                if name in data:
                    data[name] = str(data[name]).strip().upper()
            self.data = data
        super()._clean_fields()  # type: ignore[misc]


def provider_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, MANAGE_NETWORKS):
        raise Missing(MANAGE_NETWORKS)
    drill = request.drill  # type: ignore[attr-defined]
    proposed = drill.organization if drill else user.organization
    form = ProviderForm(request.POST or None, initial={"organization": proposed.pk}, user=user)

    def save(values: dict[str, Any]) -> Provider:
        owner = get_for(user, Organization.objects.all(), MANAGE_NETWORKS, pk=values.pop("organization").pk)
        return actions.create_provider(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Connect a provider"), submit_label=_("Connect"), cancel_url=link("providers"),
        done=_("Added. Now hand the provider a registration token."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=[(_("Networks"), link("providers"))],
    )  # fmt: skip


# -- the sheet ----------------------------------------------------------------------------------------------------------------------------


def provider_of(request: HttpRequest, pk: int) -> Provider:
    return get_for(user_of(request), Provider.objects.select_related("organization"), MANAGE_NETWORKS, pk=pk)


def head_of(request: HttpRequest, found: Provider) -> dict[str, Any]:
    """What all pages of a provider show: where it hangs, its state, what can be done, its tabs."""
    user, pk = user_of(request), found.pk
    above = [*trail(user, found.organization), (found.organization, found.organization.get_absolute_url())]
    tabs = [("provider", _("Overview")), ("provider_cards", _("Cards"))]
    if holds(user, READ_AUDIT, found.organization.path):
        tabs.append(("provider_history", _("History")))
    here = request.resolver_match.url_name if request.resolver_match else ""
    return {
        "title": found.name,
        "provider": found,
        "provider_state": state_of(found),
        "breadcrumbs": [*((str(name), url) for name, url in above), (_("Networks"), link("providers"))],
        "actions": list(_actions(found)) if not found.leaving_since else [],
        "tabs": [(label, link(name, pk), name == here, None) for name, label in tabs],
    }


def _actions(found: Provider) -> Iterable[Action]:
    if not found.tokens_url:
        yield Action(_("Registration token"), link("provider_register", found.pk), icon="key")
    elif not found.pulling:
        yield Action(_("Fetch all cards now"), link("provider_fetch", found.pk), icon="refresh")
    yield Action(_("Edit"), link("provider_edit", found.pk), icon="pencil")
    if found.tokens_url:
        yield Action(_("New registration token"), link("provider_register", found.pk), icon="key")
        yield Action(_("Disconnect"), link("provider_disconnect", found.pk), icon="plug-off")
    yield Action(_("Delete"), link("provider_delete", found.pk), icon="trash")


def provider(request: HttpRequest, pk: int) -> HttpResponse:
    found = provider_of(request, pk)
    user = user_of(request)
    cards = RoamingToken.objects.visible_to(user).filter(provider=found)
    share = None
    if found.pull_total:
        share = min(100, round(100 * found.pull_count / found.pull_total))
    context = head_of(request, found) | {
        "cards": up_to(counted_up_to(cards)),
        "any_cards": cards.exists(),
        "stations": roaming_stations(request, found).count(),
        "share": share,
        "versions_url": request.build_absolute_uri(reverse("ocpi_versions")),
        "party": "*".join(settings.OCPI_PARTY),
        "awaited": bool(found.registration_until and found.registration_until > timezone.now()),
    }
    return render(request, "passes/provider.html", context)


def roaming_stations(request: HttpRequest, found: Provider) -> QuerySet[Station]:
    """Stations at which cards of the provider are taken, as far as one sees them."""
    modes = [mode for mode in AccessMode if mode.roams]
    here = Station.objects.visible_to(user_of(request)).below(found.organization.path)
    return here.filter(Q(access_mode__in=modes) | Q(access_mode="", location__access_mode__in=modes))


def consequence(request: HttpRequest, found: Provider) -> str:
    """How many cards are no longer taken, at how many stations."""
    cards = counted_up_to(RoamingToken.objects.visible_to(user_of(request)).filter(provider=found))
    stations = roaming_stations(request, found).count()
    said = ngettext("Its cards (%(cards)s) are no longer taken at %(stations)d station.",
                    "Its cards (%(cards)s) are no longer taken at %(stations)d stations.", stations)  # fmt: skip
    return said % {"cards": up_to(cards), "stations": stations}


def provider_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), provider_of(request, pk)
    form = ProviderForm(request.POST or None, instance=copy.copy(found), user=user)
    intro = _("Switched off: %s") % consequence(request, found) if found.active else ""
    return form_page(
        request, form, lambda values: actions.edit_provider(actor=user, provider=found, **values), title=_("Edit %s") % found.name,
        submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."), done_url=found.get_absolute_url(),
        breadcrumbs=[*head_of(request, found)["breadcrumbs"], (found.name, found.get_absolute_url())], intro=intro,
        latest=last_change(user, found),
    )  # fmt: skip


def _confirm(request: HttpRequest, found: Provider, act: Any, **page: Any) -> HttpResponse:
    crumbs = [*head_of(request, found)["breadcrumbs"], (found.name, found.get_absolute_url())]
    return confirm_page(request, act, cancel_url=found.get_absolute_url(), breadcrumbs=crumbs, **page)


def provider_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), provider_of(request, pk)
    return _confirm(
        request, found, lambda: actions.delete_provider(actor=user, provider=found), title=_("Delete %s?") % found.name,
        consequences=[consequence(request, found), _("What is known of its cards is deleted, and it cannot log in here any more. "
                                                     "Transactions stay.")],
        submit_label=_("Delete provider"), done=_("%s is deleted.") % found.name, done_url=link("providers"),
        refusal=_("It is being deleted already.") if found.leaving_since else "",
    )  # fmt: skip


def provider_disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), provider_of(request, pk)
    registered = bool(found.tokens_url or found.registration_digest)
    return _confirm(
        request, found, lambda: actions.disconnect_provider(actor=user, provider=found), title=_("Disconnect %s?") % found.name,
        consequences=[
            _("It can neither log in here nor is it asked any more, until it registers anew."),
            _("What it has told of its cards stays and goes on counting. To refuse its cards, switch the provider off or delete it."),
        ],
        submit_label=_("Disconnect"), done=_("%s is disconnected.") % found.name, done_url=found.get_absolute_url(),
        refusal="" if registered else _("It is not connected."),
    )  # fmt: skip


def provider_fetch(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), provider_of(request, pk)
    return _confirm(
        request, found, lambda: actions.fetch_cards(actor=user, provider=found), title=_("Fetch all cards of %s now?") % found.name,
        consequences=[_("Every card that the provider knows is asked for, page by page. That may take a while and goes on by itself; "
                        "charging goes on meanwhile.")],
        submit_label=_("Fetch all cards"), submit_class="btn-primary", done=_("Its cards are being fetched."),
        done_url=found.get_absolute_url(), refusal=actions.why_not_fetched(found),
    )  # fmt: skip


def provider_register(request: HttpRequest, pk: int) -> HttpResponse:
    """The registration token is in the answer to the POST and nowhere else: it is shown once, and kept by nobody."""
    user, found = user_of(request), provider_of(request, pk)
    crumbs = [*head_of(request, found)["breadcrumbs"], (found.name, found.get_absolute_url())]
    context = {
        "title": _("Registration token for %s") % found.name,
        "provider": found,
        "breadcrumbs": crumbs,
        "versions_url": request.build_absolute_uri(reverse("ocpi_versions")),
        "party": "*".join(settings.OCPI_PARTY),
        "days": REGISTRATION_LASTS.days,
        "cancel_url": found.get_absolute_url(),
    }
    if request.method == "POST" and not found.leaving_since:
        context["token"] = actions.invite_provider(actor=user, provider=found)
        response = render(request, "passes/registration_token.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response
    void = bool(found.registration_digest)
    consequences = [
        _("The provider needs it once, to register here by OCPI 2.2.1. It is shown once, and is valid for %d days.")
        % REGISTRATION_LASTS.days
    ]
    if void:
        consequences.append(_("The one that was made before stops working at once."))
    if found.tokens_url:
        consequences.append(_("The connection that stands goes on until the provider registers with the new token."))
    return render(request, "ui/confirm.html", context | {
        "consequences": consequences, "submit_label": _("Make a token"), "submit_class": "btn-primary",
        "refusal": _("It is being deleted.") if found.leaving_since else "",
    })  # fmt: skip


class ProviderHistory(ObjectHistory):
    of = Provider


# -- when a network does not answer -------------------------------------------------------------------------------------------------------


class PolicyForm(forms.Form):
    when_silent = forms.ChoiceField(label=lazy("When a network does not answer"), required=False, widget=forms.RadioSelect)

    def __init__(self, *args: Any, inherited: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", inherited), *RoamingPolicy.Silent.choices]
        self.fields["when_silent"].choices = choices  # type: ignore[attr-defined]
        self.fields["when_silent"].help_text = lazy(
            "It counts for cards about which the provider must be asked, and has not answered in time. What it said before of a card "
            "that it lets us remember comes first."
        )


def organization_roaming(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), organization_of(request, pk, MANAGE_NETWORKS)
    own = RoamingPolicy.objects.visible_to(user).filter(organization=found).first()
    value, source = policy_above(found)
    words = {"word": RoamingPolicy.Silent(value).label, "source": source_name(user, source) if source else ""}
    inherited = _("As %(source)s: %(word)s") % words if source else _("As usual: %(word)s") % words
    before = own.when_silent if own else ""
    form = PolicyForm(request.POST or None, initial={"when_silent": before}, inherited=inherited)
    context = sheet(request, found, "roaming") | {"providers": list(providers_at(request, found)), "add_url": link("provider_add")}
    return form_page(
        request, form, lambda values: actions.set_roaming_policy(actor=user, organization=found, when_silent=values["when_silent"]),
        title=found.name, submit_label=_("Save"), cancel_url="", done=_("Saved."), done_url=request.get_full_path(),
        breadcrumbs=context["breadcrumbs"], template="passes/organization_roaming.html", context=context,
    )  # fmt: skip


def policy_above(organization: Organization) -> tuple[str, Organization | None]:
    """What holds at it where it says nothing itself, and who says that; what stands above is not one's business, but that it holds is."""
    rows = RoamingPolicy.objects.filter(organization__in=organization.ancestor_ids).select_related("organization")
    nearest = max(rows, key=lambda row: len(row.organization.path), default=None)
    return (nearest.when_silent, nearest.organization) if nearest else (RoamingPolicy.Silent.REFUSE.value, None)


def providers_at(request: HttpRequest, organization: Organization) -> Iterable[tuple[Provider, tuple[str, Any]]]:
    """Those whose cards are taken at its stations, as far as one may know them."""
    user, above = user_of(request), [*organization.ancestor_ids, organization.pk]
    rows = Provider.objects.visible_to(user, MANAGE_NETWORKS).filter(organization__in=above, leaving_since=None)
    return ((one, state_of(one)) for one in rows.select_related("organization")[:50])


def roaming_tab(request: HttpRequest, organization: Organization) -> Iterable[tuple[str, Any, str]]:
    if holds(request.user, MANAGE_NETWORKS, organization.path):
        yield "roaming", _("Roaming"), link("organization_roaming", organization.pk)


urlpatterns: list[URLPattern] = [
    path("networks/", ProviderList.as_view(), name="providers"),
    path("networks/add/", provider_add, name="provider_add"),
    path("networks/<int:pk>/", provider, name="provider"),
    path("networks/<int:pk>/edit/", provider_edit, name="provider_edit"),
    path("networks/<int:pk>/register/", provider_register, name="provider_register"),
    path("networks/<int:pk>/fetch/", provider_fetch, name="provider_fetch"),
    path("networks/<int:pk>/disconnect/", provider_disconnect, name="provider_disconnect"),
    path("networks/<int:pk>/delete/", provider_delete, name="provider_delete"),
    path("networks/<int:pk>/history/", ProviderHistory.as_view(), name="provider_history"),
    path("organizations/<int:pk>/roaming/", organization_roaming, name="organization_roaming"),
]
