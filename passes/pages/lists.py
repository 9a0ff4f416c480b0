"""Lists: on which a pass stands, and which passes stand on that of an organization."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import django_filters
import django_tables2
from django import forms
from django.contrib import messages
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.forms import NEEDS_PUBLIC
from passes.models import ChargePass, Listing, normalize_uid
from passes.pages.pass_acts import in_words
from passes.pages.sheet import name_of, pass_of, settled_warning, sheet, state_of, warnings_of
from tenancy.forms import ParentChoice, choose_among
from tenancy.links import link, organization_link
from tenancy.models import Organization, User
from tenancy.pages.shared import user_of
from tenancy.personal import MASK, sees
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ, at_platform, get_for, may
from ui.edits import Edit
from ui.forms import confirm_page, form_page
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state

PUBLIC = ChargePass.Kind.PUBLIC
MEANINGS = {
    "whitelist": lazy("Whitelist: the driver charges free at its whitelisting stations; their owner pays."),
    "roaming_free": lazy("Roaming free: the card roams at its stations, paid by the holder, without the roaming surcharge."),
    "below": lazy("Also below: the same at the stations of every organization below it, unless the pass is on their own list."),
}


class ListingForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Listing
        fields: tuple[str, ...] = ("whitelist", "roaming_free", "below")

    def __init__(self, *args: Any, charge_pass: ChargePass, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.charge_pass = charge_pass
        for name, meaning in MEANINGS.items():
            self.fields[name].label, self.fields[name].help_text = meaning, ""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        before = bool(self.instance.pk and self.initial.get("roaming_free"))
        if values.get("roaming_free") and not before and self.charge_pass.kind != PUBLIC:
            self.add_error("roaming_free", NEEDS_PUBLIC)
        return values


class ListAtForm(ListingForm):
    """Onto the list of another organization."""

    organization = ParentChoice(
        queryset=Organization.objects.none(), label=lazy("Organization"), empty_label=lazy("Choose an organization")
    )

    class Meta(ListingForm.Meta):
        fields = ("organization", "whitelist", "roaming_free", "below")

    def __init__(self, *args: Any, user: User, charge_pass: ChargePass, **kwargs: Any) -> None:
        super().__init__(*args, charge_pass=charge_pass, **kwargs)
        own = charge_pass.organization
        rows = Organization.objects.visible_to(user, MANAGE_PASSES)
        rows = rows.filter(Q(path__startswith=own.path) | Q(pk__in=own.ancestor_ids))
        field = choose_among(self, user, rows.exclude(pk__in=charge_pass.listings.values("organization")))
        field.help_text = lazy("One that stands above or below the organization of the pass.")

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        to = values.get("organization")
        if to and (why := actions.why_not_listed(self.charge_pass, to)):
            self.add_error("organization", why)
        return values

    def _post_clean(self) -> None:
        """Nothing is filled in here: the action makes the listing."""


class Row(NamedTuple):
    listing: Listing
    organization: Any
    words: str
    form: ListingForm | None
    drawn: str
    off_url: str
    warning: str


def _form(listing: Listing, charge_pass: ChargePass, data: Any = None) -> ListingForm:
    return ListingForm(data, instance=copy.copy(listing), charge_pass=charge_pass, auto_id=f"id_{listing.pk}_%s")


def pass_lists(request: HttpRequest, pk: int) -> HttpResponse:
    """One row per list; a POST of one row's switches names its listing, one without is for another list."""
    user = user_of(request)
    found = pass_of(request, pk, MANAGE_PASSES if request.method == "POST" else "")
    listings = list(
        Listing.objects.visible_to(user).filter(charge_pass=found).select_related("organization").order_by("organization__path")
    )
    for listing in listings:
        listing.charge_pass = found
    here, data = link("pass_lists", pk), request.POST
    new = ListAtForm(user=user, charge_pass=found, instance=Listing(), auto_id="id_new_%s")
    wanted = data.get("listing", "")
    posted: ListingForm | None = None
    if request.method == "POST" and wanted:
        chosen = next((one for one in listings if str(one.pk) == wanted), None)
        if chosen is None:
            raise Http404
        get_for(user, Listing.objects.all(), MANAGE_PASSES, pk=chosen.pk)
        posted = _form(chosen, found, data)
    elif request.method == "POST":
        new = ListAtForm(data, user=user, charge_pass=found, instance=Listing(), auto_id="id_new_%s")

    def rows() -> list[Row]:
        return [_row(user, found, one, posted if posted and posted.instance.pk == one.pk else None) for one in listings]

    def save(values: dict[str, Any]) -> None:
        to = (
            posted.instance.organization
            if posted
            else get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values.pop("organization").pk)
        )
        made = actions.list_pass(actor=user, charge_pass=found, organization=to, **values)
        if made.whitelist and found.kind == PUBLIC and ("whitelist" in values):
            messages.warning(request, settled_warning())

    context = sheet(request, found, "lists") | {
        "rows": rows,
        "new": new if may(user, MANAGE_PASSES, found) and new.fields["organization"].queryset.exists() else None,  # type: ignore[attr-defined]
        "hidden_above": found.listings.count() > len(listings),
        "warnings": list(warnings_of(found, listings)),
    }
    options = {"title": context["title"], "breadcrumbs": context["breadcrumbs"]}
    return form_page(
        request, posted or new, save, submit_label=_("Save"), cancel_url="", done=_("Saved."), done_url=here,
        template="passes/pass_lists.html", context=context, **options,
    )  # fmt: skip


def _row(user: User, charge_pass: ChargePass, listing: Listing, posted: ListingForm | None) -> Row:
    form = (posted or _form(listing, charge_pass)) if may(user, MANAGE_PASSES, listing) and may(user, MANAGE_PASSES, charge_pass) else None
    edit = Edit.of(form) if form else None
    own = listing.organization_id == charge_pass.organization_id
    return Row(
        listing, organization_link(user, listing.organization), words_of(listing), form, edit.drawn if edit else "",
        link("listing_off", listing.pk) if form and not own else "",
        settled_warning() if listing.whitelist and charge_pass.kind == PUBLIC else "",
    )  # fmt: skip


def words_of(listing: Listing) -> str:
    return in_words(whitelist=listing.whitelist, roaming_free=listing.roaming_free, below=listing.below)


def listing_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Also for a pass that the person does not know, because it is one of an organization above."""
    user = user_of(request)
    rows = Listing.objects.select_related("organization", "charge_pass__organization")
    found = get_for(user, rows, MANAGE_PASSES, pk=pk)
    known = may(user, READ, found.charge_pass)
    name = name_of(user, found.charge_pass)
    own = found.organization_id == found.charge_pass.organization_id
    back = link("pass_lists", found.charge_pass_id) if known else link("listings")
    return confirm_page(
        request, lambda: actions.unlist_pass(actor=user, listing=found),
        title=_("Take %(pass)s off the list of %(organization)s?") % {"pass": name, "organization": found.organization},
        consequences=[
            _("It was %s there.") % words_of(found),
            _("From the next charge on that does not hold any more, at the stations of this organization and of those below.")
            if found.below
            else _("From the next charge on that does not hold any more, at the stations of this organization."),
            _("The pass itself stays, and so do its other lists."),
        ],
        refusal=_("This is its own organization: there it stays on the list. Switch off what it may there.") if own else "",
        submit_label=_("Take it off"), cancel_url=back, done=_("%s is off the list.") % name, done_url=back,
        breadcrumbs=[(found.organization, found.organization.get_absolute_url()), (_("Lists"), link("listings"))],
    )  # fmt: skip


# -- who is on our list -------------------------------------------------------------------------------------------------------------------


def named_passes(user: User) -> Q:
    """The listings whose pass is shown with its name and numbers; empty where that is all of them."""
    if at_platform(user, PERSONAL_DATA):
        return Q()
    return Q(charge_pass__in=ChargePass.objects.visible_to(user, PERSONAL_DATA).values("pk"))


def organizations_for(request: HttpRequest) -> list[tuple[str, str]]:
    """To filter by: those within the scope of the page."""
    rows = request.drill.limit(Organization.objects.visible_to(request.user)).in_tree_order()  # type: ignore[attr-defined]
    return [(str(row.pk), row.name) for row in rows]


class ListingFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Nickname, UID or visible number"), method="named")
    whitelist = django_filters.BooleanFilter(label=lazy("Whitelist"))
    roaming_free = django_filters.BooleanFilter(label=lazy("Roaming free"))
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="with_state",
        choices=[("valid", lazy("Valid")), ("blocked", lazy("Blocked")), ("expired", lazy("Expired")), ("not_yet", lazy("Not valid yet"))],
    )  # fmt: skip
    organization = django_filters.ChoiceFilter(label=lazy("Organization"), empty_label=lazy("Any"), choices=())

    class Meta:
        model = Listing
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.filters["organization"].extra["choices"] = organizations_for(self.request)
        for name in ("whitelist", "roaming_free"):
            self.filters[name].extra["widget"] = forms.Select(choices=[("", _("Any")), ("true", _("On")), ("false", _("Off"))])

    def named(self, rows: QuerySet[Listing], name: str, value: str) -> QuerySet[Listing]:
        """What is masked is not found."""
        text = value.replace("\x00", "").strip()
        found = Q(charge_pass__nickname__icontains=text) | Q(charge_pass__visible_number__icontains=text)
        if uid := normalize_uid(text):
            found |= Q(uid__contains=uid)
        return rows.filter(found, named_passes(user_of(self.request)))

    def with_state(self, rows: QuerySet[Listing], name: str, value: str) -> QuerySet[Listing]:
        now = timezone.now()
        off = Q(charge_pass__blocked=True) | Q(charge_pass__user__is_active=False)
        over, early = Q(charge_pass__valid_until__lte=now), Q(charge_pass__valid_from__gt=now)
        match value:
            case "blocked":
                return rows.filter(off)
            case "expired":
                return rows.exclude(off).filter(over)
            case "not_yet":
                return rows.exclude(off).exclude(over).filter(early)
        return rows.exclude(off).exclude(over).exclude(early)


class ListingTable(Table):
    name = django_tables2.Column(lazy("Pass"), accessor="uid", order_by=("shown_nickname", "shown_uid"))
    uid = django_tables2.Column(lazy("UID"), order_by="shown_uid")
    organization = django_tables2.Column(lazy("On the list of"), accessor="organization__name")
    whitelist = django_tables2.Column(lazy("Whitelist"))
    roaming_free = django_tables2.Column(lazy("Roaming free"))
    below = django_tables2.Column(lazy("Also below"))
    state = django_tables2.Column(lazy("State"), accessor="charge_pass__blocked", orderable=False)
    off = django_tables2.Column(lazy("Change"), accessor="pk", orderable=False, exclude_from_export=True)

    class Meta(Table.Meta):
        default = "–"

    def _named(self, record: Listing, text: str) -> str:
        return text if not text or sees(self.request.user, record.charge_pass) else MASK

    def render_name(self, record: Listing) -> SafeString:
        one = record.charge_pass
        name = self._named(record, str(one))
        if not may(self.request.user, READ, one):
            return format_html('{}<span class="sub">{}</span>', name, _("a pass of an organization above"))
        of = "" if one.organization_id == record.organization_id else _("a pass of %s") % one.organization
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', one.get_absolute_url(), name, of)

    def value_name(self, record: Listing) -> str:
        return self._named(record, str(record.charge_pass))

    def render_uid(self, record: Listing) -> SafeString:
        return format_html("<code>{}</code>", self._named(record, record.uid))

    def value_uid(self, record: Listing) -> str:
        return self._named(record, record.uid)

    def render_organization(self, record: Listing) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: Listing) -> str:
        return record.organization.name

    def _switch(self, on: bool) -> SafeString:
        return state("available", _("On")) if on else state("off", _("Off"))

    def render_whitelist(self, record: Listing) -> SafeString:
        settled = record.whitelist and record.charge_pass.kind == PUBLIC
        return format_html(
            '{}<span class="sub">{}</span>', self._switch(record.whitelist), _("a public card: should it be settled?") if settled else ""
        )

    def render_roaming_free(self, record: Listing) -> SafeString:
        return self._switch(record.roaming_free)

    def render_below(self, record: Listing) -> SafeString:
        return self._switch(record.below)

    def value_whitelist(self, record: Listing) -> str:
        return _("On") if record.whitelist else _("Off")

    def value_roaming_free(self, record: Listing) -> str:
        return _("On") if record.roaming_free else _("Off")

    def value_below(self, record: Listing) -> str:
        return _("On") if record.below else _("Off")

    def render_state(self, record: Listing) -> SafeString:
        name, word = state_of(record.charge_pass)
        return state(name, str(word))

    def value_state(self, record: Listing) -> str:
        return str(state_of(record.charge_pass)[1])

    def render_off(self, record: Listing) -> SafeString | str:
        if record.charge_pass.organization_id == record.organization_id or not may(self.request.user, MANAGE_PASSES, record):
            return ""
        return format_html('<a class="btn btn-sm" href="{}">{}</a>', link("listing_off", record.pk), _("Take off"))


def switch(request: HttpRequest, rows: Any, name: str, on: bool) -> int:
    """Sets one switch where it is not so yet. How many there were."""
    return actions.switch_listings(actor=user_of(request), listings=to_switch(rows, name, on), name=name, on=on)


def to_switch(rows: Any, name: str, on: bool) -> Any:
    """Roaming free is for public cards."""
    rows = rows.filter(**{name: not on})
    return rows.filter(charge_pass__kind=PUBLIC) if on and name == "roaming_free" else rows


def nothing_to_switch(rows: Any, name: str, on: bool) -> str:
    """Why nothing would come of it; empty where something would."""
    if to_switch(rows, name, on).exists():
        return ""
    if on and name == "roaming_free" and rows.filter(roaming_free=False).exists():
        return _("Nothing would change: roaming free is for public cards.")
    return _("Nothing would change: it is so already.")


def what_switching_does(rows: Any, name: str, on: bool) -> list[str]:
    """In sentences, for these listings."""
    changed = to_switch(rows, name, on)
    count = changed.count()
    said = {
        ("whitelist", True): ngettext(
            "%d pass is whitelisted: free for the driver at the whitelisting stations of the list's organization, whose owner pays.",
            "%d passes are whitelisted: free for the driver at the whitelisting stations of the list's organization, whose owner pays.",
            count,
        ),
        ("whitelist", False): ngettext(
            "%d pass no longer charges free there. At open stations, and as a roaming card, it charges as before.",
            "%d passes no longer charge free there. At open stations, and as roaming cards, they charge as before.",
            count,
        ),
        ("roaming_free", True): ngettext(
            "%d public card roams without the roaming surcharge there.", "%d public cards roam without the roaming surcharge there.", count
        ),
        ("roaming_free", False): ngettext(
            "%d card roams with the roaming surcharge there.", "%d cards roam with the roaming surcharge there.", count
        ),
    }[name, on]
    sentences = [said % count]
    if on and name == "whitelist" and (public := changed.filter(charge_pass__kind=PUBLIC).count()):
        warning = ngettext(
            "Do not whitelist a card that should be settled: %d of these is a public card.",
            "Do not whitelist a card that should be settled: %d of these are public cards.",
            public,
        )
        sentences.append(warning % public)
    if on and name == "roaming_free" and (own := rows.filter(roaming_free=False).count() - count):
        left = ngettext("%d is left out: roaming free is for public cards.", "%d are left out: roaming free is for public cards.", own)
        sentences.append(left % own)
    return sentences


def done(count: int) -> str:
    return ngettext("%d pass is changed.", "%d passes are changed.", count) % count


SWITCHINGS: tuple[tuple[str, str, bool, Any], ...] = (
    ("whitelist", "whitelist", True, lazy("Whitelist on")),
    ("unwhitelist", "whitelist", False, lazy("Whitelist off")),
    ("roaming-free", "roaming_free", True, lazy("Roaming free on")),
    ("not-roaming-free", "roaming_free", False, lazy("Roaming free off")),
)


def switchings(listings: Callable[[HttpRequest, Any], Any]) -> tuple[BulkAction, ...]:
    """Bulk actions that set a switch; `listings(request, rows)` are those that the rows of the list mean."""

    def make(slug: str, name: str, on: bool, label: Any) -> BulkAction:
        return BulkAction(
            slug, label, lambda request, rows: done(switch(request, listings(request, rows), name, on)),
            lambda request, rows: what_switching_does(listings(request, rows), name, on), icon="list-check", right=MANAGE_PASSES,
            refusal=lambda request, rows: nothing_to_switch(listings(request, rows), name, on),
        )  # fmt: skip

    return tuple(make(*one) for one in SWITCHINGS)


class ListingList(ListPage):
    model = Listing
    table_class = ListingTable
    filterset_class = ListingFilter
    title = lazy("Lists")
    intro = lazy(
        "Which passes may charge where: a pass on the list of an organization does there what its switches say. Look only at one "
        "organization to see who is on its whitelist."
    )
    export_name = "lists"
    empty_title = lazy("No pass is on a list yet.")
    empty_text = lazy("Add a pass: it is on the list of its organization from the beginning.")
    bulk_actions = switchings(lambda request, rows: rows)

    def get_queryset(self) -> QuerySet[Any]:
        """Sorted by what is shown; what is masked is all alike."""
        named = named_passes(user_of(self.request))

        def shown(field: str) -> Any:
            return Case(When(named, then=F(field)), default=Value(None)) if named else F(field)

        rows: QuerySet[Any] = super().get_queryset()
        rows = rows.annotate(shown_nickname=shown("charge_pass__nickname"), shown_uid=shown("uid"))
        return rows.order_by("organization__path", "shown_nickname", "shown_uid", "pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization", "charge_pass__organization", "charge_pass__user", "charge_pass__group")

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Passes"), link("passes"))]

    def get_actions(self) -> Sequence[Action]:
        if not self.request.holds(MANAGE_PASSES):  # type: ignore[attr-defined]
            return []
        return [Action(_("Add a pass"), link("pass_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


urlpatterns: list[URLPattern] = [
    path("passes/<int:pk>/lists/", pass_lists, name="pass_lists"),
    path("passes/lists/", ListingList.as_view(), name="listings"),
    path("passes/lists/<int:pk>/off/", listing_off, name="listing_off"),
]
