"""Short guided pages: one for each thing that partners do with passes. Each ends at where the pass works now and who pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes import actions, guide_forms
from passes.forms import MOST_TYPED, taken
from passes.guide_forms import (
    CardForm,
    CustomerForm,
    HomeForm,
    ModeForm,
    ModesForm,
    OfferedForm,
    OfficeForm,
    OrganizationForm,
    PlaceForm,
    PublicCardForm,
    TagForm,
)
from passes.models import ChargePass, Listing, normalize_uid
from passes.pages.sheet import name_of, pass_of
from passes.pages.whitelist import ROAMS, WHITELISTS, Modes, modes_of
from passes.reach import Reach, reach
from passes.uid_check import refused
from stations.actions import edit_location
from stations.models import AccessMode, CardOffer, Location, Station
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import user_of
from tenancy.rights import LABELS, MANAGE_LOCATIONS, MANAGE_PASSES, MANAGE_STATIONS, PERSONAL_DATA, READ, Missing, anywhere, get_for, may
from ui.forms import Trail
from ui.wizard import SUMMARY, Step, Wizard, as_typed

RECENT, MOST_OFFERS, MOST_UNKNOWN = timedelta(days=7), 500, 8
CARD_STEP = "card"


class Guide(Wizard):
    """`what` it does, who `pays`, and what the `station` must be like, in a sentence each; `warning` is what goes wrong most often."""

    template_name = "passes/guide.html"
    slug = route = ""
    icon = "credit-card"
    what: Any = ""
    pays: Any = ""
    station: Any = ""
    warning: Any = ""

    @property
    def user(self) -> User:
        return user_of(self.request)

    def admit(self) -> None:
        if not anywhere(self.user, MANAGE_PASSES):
            raise Missing(MANAGE_PASSES)

    @property
    def organization(self) -> Organization:
        return cast("Organization", self.typed("organization").get("organization"))

    def typed(self, step: str) -> dict[str, Any]:
        """Asked of a step that was not reached yet too: its form may rest on those before it."""
        return super().typed(step) if self.storage.get_step_data(step) is not None else {}

    def propose(self) -> dict[str, Any]:
        found: dict[str, Any] = {"uid": self.request.GET.get("uid", "")[:MOST_TYPED].replace("\x00", "")}
        wanted = self.request.GET.get("organization", "")
        drill = self.request.drill
        if wanted.isdecimal() and len(wanted) < 19:
            found["organization"] = int(wanted)
        elif drill:
            found["organization"] = drill.organization.pk
        if drill and drill.place:
            found["location"] = drill.place.pk
        return found

    def form_options(self, step: str) -> dict[str, Any]:
        if step == CARD_STEP:
            return {"person": self.user, "organization": self.organization}
        return {"user": self.user}

    def cancel_url(self) -> str:
        return link("pass_guides")

    def breadcrumbs(self) -> Trail:
        return [(_("Passes"), link("passes")), (_("Guides"), link("pass_guides"))]

    # -- a card that is not typed: learned at a station, or taken from the activity -------------------------------------------------------

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        step, uid = self.step(), request.GET.get("uid", "")
        if self.lost(step):
            return self.back_to(self.steps.first)
        if uid and self.kept and step == CARD_STEP:
            self._take(uid, self.get_form_initial(step))
            return redirect(self.url(step))
        return super().get(request, *args, **kwargs)

    def post(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        posted, step = self.request.POST, self.step()
        if self.lost(step):
            return self.back_to(self.steps.first)
        if step == CARD_STEP and self.kept and not {"learn", "pick", "take"}.isdisjoint(posted):
            self.storage.current_step = step
            form = self.get_form(data=taken(posted))
            self._take(posted.get("pick", ""), as_typed(form))
            here = self.url(step)
            return redirect(link("pass_learn", next=here) if "learn" in posted else here)
        return super().post(*args, **kwargs)

    def lost(self, step: str) -> bool:
        """What the later steps rest on is not in order any more."""
        return step not in (self.steps.first, SUMMARY) and not self.typed(self.steps.first)

    def _take(self, uid: str, typed: dict[str, Any]) -> None:
        if uid := normalize_uid(uid)[:MOST_TYPED]:
            typed = typed | {self.card_field: uid, "charge_pass": ""}
        self.put_aside(CARD_STEP, {name: value for name, value in typed.items() if name in self.form_list[CARD_STEP].base_fields})
        self.storage.extra_data.setdefault("proposed", self.propose())
        self.storage.save()

    card_field = "uid"

    def page(self, here: str) -> dict[str, Any]:
        learns = here == CARD_STEP and anywhere(self.user, PERSONAL_DATA)
        unknown = list(unknown_cards(self.user, self.organization)) if learns and self.card_field == "uid" else []
        return super().page(here) | {"guide": self, "learns": learns, "unknown": unknown}

    # -- in the end -----------------------------------------------------------------------------------------------------------------------

    def owner(self, values: dict[str, Any], name: str = "organization") -> Organization:
        return get_for(self.user, Organization.objects.all(), MANAGE_PASSES, pk=values[name].pk)

    def fields(self, values: dict[str, Any], kind: str) -> dict[str, Any]:
        """Of a new pass. A card that a network knows is a public one, whatever the guide is for."""
        kind = ChargePass.Kind.PUBLIC if values.get("is_public") else kind
        return {"kind": kind} | {name: values[name] for name in CardForm.NEW if name in values}

    def listed(self, values: dict[str, Any], kind: str, **switches: bool) -> HttpResponseBase:
        found: ChargePass | None = values["charge_pass"]
        made = actions.put_on_list(
            actor=self.user, organization=self.owner(values), charge_pass=found, switches=switches,
            **({} if found else self.fields(values, kind)),
        )  # fmt: skip
        return self.to_result(made)

    def to_result(self, made: ChargePass) -> HttpResponseBase:
        messages.success(self.request, _("Done. Here is where the pass works now, and who pays."))
        if not may(self.user, READ, made):
            return redirect(link("pass_whitelist"))
        return redirect(link("pass_reach", made.pk, guide=self.slug))


class RoamingFree(Guide):
    slug, route = "roaming-free", "pass_guide_roaming_free"
    icon = "world"
    title, submit_label = lazy("A public card as roaming free"), lazy("Make it roaming free")
    what = lazy(
        "A customer's own public card keeps roaming at the customer's stations, without the roaming surcharge. It is not whitelisted."
    )
    pays = lazy("The holder of the card pays the card provider.")
    station = lazy("The station must roam. The card must be known to a connected network.")
    flow = (Step("organization", lazy("Customer"), CustomerForm), Step(CARD_STEP, lazy("Card"), PublicCardForm))

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        return self.listed(values, ChargePass.Kind.PUBLIC, whitelist=False, roaming_free=True)


class PublicWhitelist(Guide):
    slug, route = "whitelist", "pass_guide_whitelist"
    icon = "list-check"
    title, submit_label = lazy("A public card on the whitelist"), lazy("Put it on the whitelist")
    what = lazy("A card of a card provider charges free at the customer's stations.")
    pays = lazy("The driver pays nothing. The owner of the station pays, and gets nothing back.")
    station = lazy("The station must whitelist.")
    warning = lazy(
        "Do not whitelist a card that shall be settled or reimbursed: what is charged free is neither. Make it roaming free instead."
    )
    flow = (Step("organization", lazy("Customer"), OrganizationForm), Step(CARD_STEP, lazy("Card"), CardForm))

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        return self.listed(values, ChargePass.Kind.PUBLIC, whitelist=True)


class Tag(Guide):
    slug, route = "tag", "pass_guide_tag"
    icon = "nfc"
    title, submit_label = lazy("A non-public card or tag on the whitelist"), lazy("Put it on the whitelist")
    what = lazy("A card or tag that no card provider knows, such as a key fob or an access card, charges free at the customer's stations.")
    pays = lazy("The driver pays nothing. The owner of the station pays.")
    station = lazy("The station must whitelist.")
    flow = (Step("organization", lazy("Customer"), OrganizationForm), Step(CARD_STEP, lazy("Card or tag"), TagForm))

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        return self.listed(values, ChargePass.Kind.NON_PUBLIC, whitelist=True)


class Home(Guide):
    slug, route = "home", "pass_guide_home"
    icon = "home"
    title, submit_label = lazy("Free at the office and at home"), lazy("Whitelist it at both")
    what = lazy("An employee charges free with one pass at the office and at the station at home.")
    pays = lazy("The driver pays nothing at either. The owner of each station pays for what is charged at it.")
    station = lazy("The stations at both must whitelist.")
    flow = (
        Step("organization", lazy("Office"), OfficeForm),
        Step(CARD_STEP, lazy("Pass"), TagForm),
        Step("home", lazy("Home"), HomeForm),
        Step(
            "modes", lazy("Access mode"), ModesForm, when=lambda wizard: bool(wizard.roaming_at_home()),
            intro=lazy("At home these take cards of connected networks only, so the pass would not be free there."),
        ),
    )  # fmt: skip

    def roaming_at_home(self) -> dict[str, Location | Station]:
        home = self.typed("home").get("home")
        return guide_forms.only_roaming(self.user, home) if home else {}

    def form_options(self, step: str) -> dict[str, Any]:
        if step == "modes":
            return {"found": self.roaming_at_home()}
        return super().form_options(step) | ({"office": self.organization} if step == "home" else {})

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        found: ChargePass | None = values["charge_pass"]
        places = values.get("places", [])
        for place in places:
            right = MANAGE_STATIONS if isinstance(place, Station) else MANAGE_LOCATIONS
            if not may(self.user, right, place):
                raise Missing(right)
        made = actions.free_at_both(
            actor=self.user, office=self.owner(values), home=self.owner(values, "home"), charge_pass=found, places=places,
            **({} if found else self.fields(values, ChargePass.Kind.NON_PUBLIC)),
        )  # fmt: skip
        return self.to_result(made)


class Reimbursement(Guide):
    """Changes at most the access mode; what it leads to is the check of one card at one location."""

    slug, route = "reimbursement", "pass_guide_reimbursement"
    icon = "coin-euro"
    title, submit_label = lazy("Automatic reimbursement with a public card"), lazy("Check the card")
    what = lazy("What is charged with a public card at the owner's stations is settled with its provider.")
    pays = lazy("The holder of the card pays the card provider, and the owner of the station is reimbursed.")
    station = lazy("The station must roam.")
    warning = lazy("The card must be none of the owner's passes, and not whitelisted: else the kWh are not reimbursed.")
    card_field = "card"
    split = False
    flow = (
        Step("place", lazy("Location"), PlaceForm),
        Step("mode", lazy("Access mode"), ModeForm, when=lambda wizard: wizard.may_roam()),
        Step(CARD_STEP, lazy("Card"), OfferedForm),
    )

    def may_roam(self) -> bool:
        location = self.typed("place").get("location")
        return location is not None and not AccessMode(location.access_mode).roams and may(self.user, MANAGE_LOCATIONS, location)

    def propose(self) -> dict[str, Any]:
        found = super().propose()
        return found | {"card": found["uid"], "access_mode": ""}

    def form_options(self, step: str) -> dict[str, Any]:
        match step:
            case "mode":
                return {}
            case "place":
                return {"user": self.user, "split": self.split}
        return {"user": self.user}

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        location = get_for(self.user, Location.objects.select_related("organization"), MANAGE_PASSES, pk=values["location"].pk)
        if mode := values.get("access_mode"):
            if not may(self.user, MANAGE_LOCATIONS, location):
                raise Missing(MANAGE_LOCATIONS)
            edit_location(actor=self.user, location=location, access_mode=mode)
            messages.success(self.request, _("The access mode of %s is changed.") % location)
        return redirect(link("location_reimbursed", location.pk, card=values["card"], **({"split": "1"} if self.split else {})))


class SplitBilling(Reimbursement):
    slug, route = "split", "pass_guide_split"
    icon = "arrows-split"
    title = lazy("Reimbursement to a private account (split billing)")
    what = lazy(
        "The company pays the subscriptions. The private person has a sub-organization below it, with an own bank account and split "
        "billing switched on; location and station belong to that."
    )
    pays = lazy(
        "The holder of the card pays the card provider. The sub-organization is the owner of the station, and is the one reimbursed."
    )
    warning = lazy(
        "The card must be none of the sub-organization's passes, and not whitelisted there: else the kWh are not reimbursed. "
        "The company may whitelist it for its own stations."
    )
    split = True


GUIDES: tuple[type[Guide], ...] = (RoamingFree, PublicWhitelist, Tag, Home, Reimbursement, SplitBilling)


class Unknown(NamedTuple):
    uid: str
    offer: CardOffer


def unknown_cards(user: User, organization: Organization) -> Iterator[Unknown]:
    """Cards that nobody knew, offered lately at the stations of `organization`, as far as this person may see cards there."""
    rows = CardOffer.objects.visible_to(user).visible_to(user, PERSONAL_DATA).filter(station__location__organization=organization)
    rows = rows.filter(at__gt=timezone.now() - RECENT, pass_key=None, token_key=None).exclude(id_tag="").select_related("station__location")
    newest: dict[str, CardOffer] = {}
    for offer in rows.order_by("-at", "-pk")[:MOST_OFFERS]:
        newest.setdefault(normalize_uid(offer.id_tag), offer)
    listed = Listing.objects.visible_to(user).filter(organization=organization, uid__in=newest)
    for uid in listed.values_list("uid", flat=True):
        del newest[uid]
    good = [Unknown(uid, offer) for uid, offer in newest.items() if not refused(uid, uid, offered=True).text]
    yield from good[:MOST_UNKNOWN]


# -- the pages around them ----------------------------------------------------------------------------------------------------------------


def pass_guides(request: HttpRequest) -> HttpResponse:
    """Whoever may not manage passes reads what there is, and why it is not for them."""
    user = user_of(request)
    context = {
        "title": _("Guides for passes"),
        "guides": [(guide, link(guide.route)) for guide in GUIDES],
        "whitelist_url": link("pass_whitelist"),
        "learn_url": link("pass_learn") if anywhere(user, MANAGE_PASSES) and anywhere(user, PERSONAL_DATA) else "",
        "may": anywhere(user, MANAGE_PASSES),
        "right": LABELS[MANAGE_PASSES],
        "breadcrumbs": [(_("Passes"), link("passes"))],
    }
    return render(request, "passes/guides.html", context)


class Lacking(NamedTuple):
    """Where a switch of the pass has no effect, because the access mode does not ask for it."""

    modes: Modes
    whitelist: bool


def lacking(user: User, found: Reach) -> Iterator[Lacking]:
    for one in found.at:
        organization = one.listing.organization
        if may(user, READ, organization) and (one.listing.whitelist or one.listing.roaming_free):
            modes = modes_of(user, organization, WHITELISTS if one.listing.whitelist else ROAMS)
            if modes.others or not (modes.total or one.charges):  # it may charge below all the same
                yield Lacking(modes, one.listing.whitelist)


def pass_reach(request: HttpRequest, pk: int) -> HttpResponse:
    """Where a pass charges and who pays; the end of a guide."""
    user = user_of(request)
    charge_pass = pass_of(request, pk)
    guide = next((one for one in GUIDES if one.slug == request.GET.get("guide")), None)
    name, found = name_of(user, charge_pass), reach(user, charge_pass)
    context = {
        "title": _("Where %s works") % name,
        "name": name,
        "guide": guide,
        "guide_url": link(guide.route) if guide else "",
        "reach": found,
        "lacking": list(lacking(user, found)),
        "pass_url": charge_pass.get_absolute_url(),
        "whitelist_url": link("pass_whitelist", organization=str(charge_pass.organization_id)),
        "breadcrumbs": [(_("Passes"), link("passes")), (name, charge_pass.get_absolute_url())],
    }
    return render(request, "passes/reached.html", context)


GUIDE_PATHS: Sequence[URLPattern] = [path(f"passes/guides/{guide.slug}/", guide.as_view(), name=guide.route) for guide in GUIDES]
urlpatterns: list[URLPattern] = [
    path("passes/guides/", pass_guides, name="pass_guides"),
    *GUIDE_PATHS,
    path("passes/<int:pk>/reach/", pass_reach, name="pass_reach"),
]
