"""Users: the list, the page of one, and what is done to them. Roles given to a user are in tenancy.pages.user_roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from allauth.mfa.models import Authenticator
from django import forms
from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from tenancy import actions, hooks
from tenancy.actions.people import why_not_edited, why_not_manage, why_user_is_kept, why_user_stays
from tenancy.forms import PhoneField
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Invitation, Organization, Role, Team, User
from tenancy.names import NameField
from tenancy.pages.invitations import invitation_address
from tenancy.pages.roles import RoleChoice, role_labels, roles_seen_by
from tenancy.pages.shared import MANY, NAME, place_for_new, user_of
from tenancy.personal import MASK, sees, where_seen
from tenancy.rights import MANAGE_USERS, PERSONAL_DATA, READ, READ_AUDIT, UPDATE_USER_ROLES, VIEW_AS, Missing, anywhere, get_for, may
from tenancy.validation import show_phone
from ui.forms import confirm_page, form_page
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when


def state_of(user: User) -> tuple[str, Any]:
    """Which of the six states, and its word."""
    if not user.is_active:
        return "off", lazy("Deactivated")
    if user.organization.closed:
        return "off", lazy("Organization deactivated")
    if not user.has_login:
        return "busy", lazy("Cardholder")
    return ("available", lazy("Active")) if user.last_login else ("waiting", lazy("Never logged in"))


class UserFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name or e-mail"), method="named")
    kind = django_filters.ChoiceFilter(
        label=lazy("Kind"), empty_label=lazy("Any"), method="of_kind", choices=[("login", lazy("With login")), ("card", lazy("Cardholder"))]
    )
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="with_state",
        choices=[("active", lazy("Active")), ("off", lazy("Deactivated")), ("never", lazy("Never logged in"))],
    )  # fmt: skip
    role = django_filters.ChoiceFilter(label=lazy("Role"), empty_label=lazy("Any"), choices=(), method="with_role")

    class Meta:
        model = User
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if anywhere(self.request.user, UPDATE_USER_ROLES):
            user = user_of(self.request)
            self.filters["role"].extra["choices"] = list(role_labels(user, roles_seen_by(user)).items())
        else:
            del self.filters["role"]

    def named(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        """Only where names are seen: a hit would tell them."""
        text = value.replace("\x00", "").strip()
        return rows.filter(where_seen(self.request.user, User), Q(name__icontains=text) | Q(email__icontains=text))

    def of_kind(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        return rows.filter(email__isnull=value == "card")

    def with_state(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        match value:
            case "off":
                return rows.filter(Q(is_active=False) | Q(organization__closed=True))
            case "never":
                return rows.filter(is_active=True, last_login=None, email__isnull=False)
        return rows.filter(is_active=True, organization__closed=False)

    def with_role(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        teams = Team.objects.visible_to(self.request.user, UPDATE_USER_ROLES).filter(role=int(value))
        return rows.filter(groups__in=teams.values("group")).distinct()


class UserTable(Table):
    name = django_tables2.Column(lazy("User"), order_by=("shown_name", "pk"), attrs=NAME)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    roles = django_tables2.Column(lazy("Roles"), accessor="pk", orderable=False, attrs=NAME)
    state = django_tables2.Column(lazy("State"), accessor="is_active", orderable=False)
    last_login = django_tables2.Column(lazy("Last login"))
    phone = django_tables2.Column(lazy("Phone"), orderable=False)

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self._roles: dict[int, list[str]] | None = None

    def render_name(self, record: User) -> SafeString:
        seen = sees(self.user, record)
        below = (record.email or _("no login")) if seen else (MASK if record.email else _("no login"))
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record if seen else MASK, below)

    def value_name(self, record: User) -> str:
        return str(record) if sees(self.user, record) else MASK

    def render_organization(self, record: User) -> SafeString | str:
        return organization_link(self.user, record.organization)

    def value_organization(self, record: User) -> str:
        return record.organization.name

    def roles_of(self, record: User) -> list[str]:
        """With the organization where it is not the user's own; only those at organizations where roles are seen. One query for all."""
        if self._roles is None:
            self._roles = {}
            own = {row.record.pk: row.record.organization_id for row in self.rows}
            teams = Team.objects.visible_to(self.user, UPDATE_USER_ROLES).filter(group__user__in=own)
            rows = teams.order_by("role__name").values_list("group__user", "role__name", "organization", "organization__name")
            for pk, role, organization, name in rows:
                self._roles.setdefault(pk, []).append(role if organization == own[pk] else f"{role} · {name}")
        return self._roles.get(record.pk, [])

    def render_roles(self, record: User) -> SafeString | str:
        return format_html_join("", '<span class="d-block">{}</span>', ((name,) for name in self.roles_of(record))) or "–"

    def value_roles(self, record: User) -> str:
        return ", ".join(self.roles_of(record))

    def render_state(self, record: User) -> SafeString:
        name, word = state_of(record)
        return state(name, str(word))

    def value_state(self, record: User) -> str:
        return str(state_of(record)[1])

    def render_last_login(self, record: User) -> SafeString | str:
        return when(record.last_login)

    def value_last_login(self, record: User) -> str:
        return record.last_login.isoformat(timespec="seconds") if record.last_login else ""

    def render_phone(self, record: User) -> str:
        return show_phone(record.phone) if sees(self.user, record) else MASK

    value_phone = render_phone


def _set_active(request: HttpRequest, rows: Any, *, active: bool) -> str:
    done, kept = 0, []
    for found in rows.filter(is_active=not active).select_related("organization"):
        try:
            actions.set_user_active(actor=user_of(request), user=found, active=active)
            done += 1
        except forms.ValidationError as error:
            kept.append(" ".join(error.messages))
    said = (
        ngettext("%d user may log in again.", "%d users may log in again.", done)
        if active
        else ngettext("%d user is deactivated.", "%d users are deactivated.", done)
    )
    return " ".join([said % done, *kept[:3]])


def deactivate(request: HttpRequest, rows: Any) -> str:
    return _set_active(request, rows, active=False)


def activate(request: HttpRequest, rows: Any) -> str:
    return _set_active(request, rows, active=True)


def what_else(request: HttpRequest, people: Any, what: str) -> list[str]:
    return [sentence for says in hooks.user_consequences for sentence in says(user_of(request), people, what)]


def what_deactivating_does(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.filter(is_active=True).count()
    return [
        ngettext("%d user is logged out and can no longer log in.", "%d users are logged out and can no longer log in.", count) % count,
        *what_else(request, rows.filter(is_active=True).values("pk"), "deactivate_many"),
        _("What they did stays."),
    ]


class UserList(ListPage):
    model = User
    table_class = UserTable
    filterset_class = UserFilter
    title = lazy("Users")
    export_name = "users"
    hidden_columns = ("phone",)
    empty_title = lazy("No users yet.")
    empty_text = lazy("Invite the people who work here. Those who only charge are cardholders: they need no login.")
    bulk_actions = (
        BulkAction("deactivate", lazy("Deactivate"), deactivate, what_deactivating_does, icon="user-off", right=MANAGE_USERS),
        BulkAction("activate", lazy("Activate"), activate, icon="user-check", right=MANAGE_USERS),
    )

    def get_queryset(self) -> QuerySet[Any]:
        """By name as far as names are seen; all others alike."""
        seen = where_seen(self.request.user, User)
        shown: Any = Case(When(seen, then=F("name")), default=Value(""), output_field=CharField()) if seen else F("name")
        rows: QuerySet[Any] = super().get_queryset().annotate(shown_name=shown).order_by("shown_name", "pk")
        return rows

    def excluded(self) -> list[str]:
        """Who sees no roles anywhere gets no column of them: an empty one would say that there are none."""
        return [*super().excluded(), *([] if anywhere(self.request.user, UPDATE_USER_ROLES) else ["roles"])]

    def column_choice(self) -> list[tuple[str, str, bool, str]]:
        choice = super().column_choice()
        return choice if anywhere(self.request.user, UPDATE_USER_ROLES) else [one for one in choice if one[0] != "roles"]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_USERS):
            return []
        return [
            Action(_("Invite a user"), link("user_invite"), icon="mail"),
            Action(_("Add a cardholder"), link("cardholder_add"), icon="id-badge-2"),
            Action(_("Invitations"), link("invitations"), icon="clock"),
        ]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


# -- one user -----------------------------------------------------------------------------------------------------------------------------


def teams_here(request: HttpRequest, user: User, right: str = UPDATE_USER_ROLES) -> QuerySet[Team]:
    """Those of `user` at organizations where the person who asks holds `right`: whoever belongs elsewhere can hold a role here."""
    return Team.objects.visible_to(request.user, right).filter(group__user=user)


def tabs_of(request: HttpRequest, user: User, active: str) -> list[tuple[Any, str, bool, None]]:
    tabs: list[tuple[str, Any, str]] = []
    if may(request.user, READ, user):
        tabs.append(("overview", _("Overview"), link("user", user.pk)))
    if active in ("roles", "rights") or may(request.user, UPDATE_USER_ROLES, user):
        tabs += [("roles", _("Roles"), link("user_roles", user.pk)), ("rights", _("What they may do"), link("user_rights", user.pk))]
    for more in hooks.user_tabs:
        tabs += more(request, user)
    if may(request.user, READ_AUDIT, user):
        tabs.append(("history", _("History"), link("user_history", user.pk)))
    return [(label, url, name == active, None) for name, label, url in tabs]


def sheet(request: HttpRequest, user: User, active: str) -> dict[str, Any]:
    """What every tab of a user's page shows: who, of which organization, and what can be done."""
    seen = sees(request.user, user) or teams_here(request, user, PERSONAL_DATA).exists()
    head = []
    if may(request.user, MANAGE_USERS, user):
        head.append(Action(_("Edit"), link("user_edit", user.pk), icon="pencil"))
        if user.is_active:
            head.append(Action(_("Deactivate"), link("user_deactivate", user.pk), icon="user-off"))
        else:
            head.append(Action(_("Activate"), link("user_activate", user.pk), icon="user-check"))
        if Authenticator.objects.filter(user_id=user.pk).exists():
            head.append(Action(_("Reset two-factor login"), link("user_reset_two_factor", user.pk), icon="device-mobile"))
        head.append(Action(_("Delete"), link("user_delete", user.pk), icon="trash"))
    if may(request.user, VIEW_AS, user) and user.pk != request.user.pk and user.has_login:
        head.append(Action(_("View as this user"), link("view_as", user.pk), icon="eye"))
    crumbs: list[tuple[Any, str]] = [(_("Users"), link("users"))]
    return {
        "title": str(user) if seen else MASK,
        "person": user,
        "seen": seen,
        "phone": show_phone(user.phone),
        "person_state": state_of(user),
        "breadcrumbs": crumbs,
        "actions": head,
        "tabs": tabs_of(request, user, active),
        "organization": organization_link(request.user, user.organization) if may(request.user, READ, user) else _("another one"),
    }


def visible_user(request: HttpRequest, pk: int, right: str = "") -> User:
    return get_for(request.user, User.objects.select_related("organization"), right, pk=pk)


def user(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk)
    teams = list(teams_here(request, found).select_related("role", "organization")[:MANY])
    context = sheet(request, found, "overview") | {"teams": teams, "sees_roles": may(request.user, UPDATE_USER_ROLES, found)}
    return render(request, "tenancy/user.html", context)


# -- forms --------------------------------------------------------------------------------------------------------------------------------


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("name", "phone")
        field_classes = {"name": NameField, "phone": PhoneField}

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["phone"].country = organization.country  # type: ignore[attr-defined]
        self.initial["phone"] = show_phone(self.initial.get("phone", ""))


class InviteForm(forms.Form):
    name = NameField(label=lazy("Name"), max_length=100)
    email = forms.EmailField(
        label=lazy("E-mail"), max_length=254, help_text=lazy("The invitation goes there; later it is what one logs in with.")
    )
    role = RoleChoice(
        queryset=Role.objects.none(), label=lazy("Role"), required=False, empty_label=lazy("None yet: may log in and sees nothing"),
        help_text=lazy("It holds here and everywhere below. Roles that give more than your own cannot be given."),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, organization: Organization, sees_roles: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sees_roles:
            self.fields["role"].offer(user, Role.objects.assignable_at(organization))  # type: ignore[attr-defined]
        else:
            del self.fields["role"]


def user_invite(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    organization = place_for_new(request, MANAGE_USERS)
    if organization is None:
        return redirect(link("organization_choose", to="user_invite"))
    sees_roles = may(user, UPDATE_USER_ROLES, organization)
    form = InviteForm(request.POST or None, user=user, organization=organization, sees_roles=sees_roles)

    def save(values: dict[str, Any]) -> Invitation:
        return actions.invite_user(
            actor=user, organization=organization, email=values["email"], name=values["name"], role=values.get("role"),
            address=lambda token: invitation_address(request, token),
        )  # fmt: skip

    return form_page(
        request, form, save, title=_("Invite a user"), submit_label=_("Send the invitation"), cancel_url=link("users"),
        done=_("The invitation is on its way. The link in it works for 48 hours."), done_url=link("invitations"),
        breadcrumbs=[(_("Users"), link("users"))], template="tenancy/for_organization.html",
        context={"organization": organization, "choose_url": link("organization_choose", to="user_invite")},
    )  # fmt: skip


def cardholder_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    organization = place_for_new(request, MANAGE_USERS)
    if organization is None:
        return redirect(link("organization_choose", to="cardholder_add"))

    return form_page(
        request, PersonForm(request.POST or None, organization=organization),
        lambda values: actions.create_user(actor=user, organization=organization, email=None, password=None, **values),
        title=_("Add a cardholder"), submit_label=_("Add"), cancel_url=link("users"), done=_("Cardholder added."),
        done_url=lambda made: made.get_absolute_url(), breadcrumbs=[(_("Users"), link("users"))],
        intro=_("A cardholder owns passes and has no login and gets no mail."), template="tenancy/for_organization.html",
        context={"organization": organization, "choose_url": link("organization_choose", to="cardholder_add")},
    )  # fmt: skip


def user_edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk, MANAGE_USERS)
    if not sees(request.user, found):
        raise Missing("personal_data", found.organization.path)
    if reason := why_not_edited(user_of(request), found):
        context = {
            "title": _("Edit %s") % found, "refusal": reason, "cancel_url": found.get_absolute_url(),
            "breadcrumbs": [(_("Users"), link("users")), (found, found.get_absolute_url())],
        }  # fmt: skip
        return render(request, "ui/confirm.html", context)
    row = User.objects.visible_to(request.user).get(pk=pk)
    form = PersonForm(request.POST or None, instance=row, organization=found.organization)
    return form_page(
        request, form, lambda values: actions.edit_user(actor=user_of(request), user=found, **values), title=_("Edit %s") % found,
        submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."), done_url=found.get_absolute_url(),
        breadcrumbs=[(_("Users"), link("users")), (found, found.get_absolute_url())],
        intro=_("The e-mail address is the login and stays. Somebody with a new address is invited again.") if found.has_login else "",
        latest=last_change(user_of(request), found),
    )  # fmt: skip


def _name(request: HttpRequest, user: User) -> str:
    return str(user) if sees(request.user, user) else MASK


def user_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk, MANAGE_USERS)
    name = _name(request, found)
    return confirm_page(
        request, lambda: actions.set_user_active(actor=user_of(request), user=found, active=False), title=_("Deactivate %s?") % name,
        consequences=[
            _("%s is logged out and can no longer log in. Roles stay and hold again after activating.") % name,
            *what_else(request, [found.pk], "deactivate"),
        ],
        refusal=why_not_manage(user_of(request), found) or why_user_stays(user_of(request), found), submit_label=_("Deactivate user"),
        cancel_url=found.get_absolute_url(), done=_("%s is deactivated.") % name, done_url=found.get_absolute_url(),
        breadcrumbs=[(_("Users"), link("users")), (name, found.get_absolute_url())],
    )  # fmt: skip


def user_activate(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk, MANAGE_USERS)
    name = _name(request, found)
    return confirm_page(
        request, lambda: actions.set_user_active(actor=user_of(request), user=found, active=True), title=_("Activate %s?") % name,
        consequences=[_("%s can log in again, with the roles from before.") % name, *what_else(request, [found.pk], "activate")],
        refusal=why_not_manage(user_of(request), found), submit_label=_("Activate user"), submit_class="btn-primary",
        cancel_url=found.get_absolute_url(),
        done=_("%s is active again.") % name, done_url=found.get_absolute_url(),
        breadcrumbs=[(_("Users"), link("users")), (name, found.get_absolute_url())],
    )  # fmt: skip


def user_delete(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk, MANAGE_USERS)
    name = _name(request, found)
    return confirm_page(
        request, lambda: actions.delete_user(actor=user_of(request), user=found), title=_("Delete %s?") % name,
        consequences=[
            _("%s is gone, with all roles. What they did stays in the history.") % name, *what_else(request, [found.pk], "delete"),
        ],
        refusal=why_not_manage(user_of(request), found) or why_user_is_kept(user_of(request), found), submit_label=_("Delete user"),
        cancel_url=found.get_absolute_url(), done=_("%s is deleted.") % name, done_url=link("users"),
        breadcrumbs=[(_("Users"), link("users")), (name, found.get_absolute_url())],
    )  # fmt: skip


def user_reset_two_factor(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_user(request, pk, MANAGE_USERS)
    name = _name(request, found)
    has_any = Authenticator.objects.filter(user_id=pk).exists()
    return confirm_page(
        request, lambda: actions.reset_two_factor(actor=user_of(request), user=found), title=_("Reset the two-factor login of %s?") % name,
        consequences=[
            _("App, security keys and recovery codes of %s are removed, and every browser is logged out.") % name,
            _("The password alone opens the account until they are set up anew. Make sure that it is really %s who asks.") % name,
        ],
        refusal=why_not_manage(user_of(request), found) or ("" if has_any else _("No two-factor login is set up.")),
        submit_label=_("Reset two-factor login"), cancel_url=found.get_absolute_url(), done_url=found.get_absolute_url(),
        done=_("The two-factor login of %s is reset.") % name, breadcrumbs=[(_("Users"), link("users")), (name, found.get_absolute_url())],
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("users/", UserList.as_view(), name="users"),
    path("users/invite/", user_invite, name="user_invite"),
    path("users/add-cardholder/", cardholder_add, name="cardholder_add"),
    path("users/<int:pk>/", user, name="user"),
    path("users/<int:pk>/edit/", user_edit, name="user_edit"),
    path("users/<int:pk>/deactivate/", user_deactivate, name="user_deactivate"),
    path("users/<int:pk>/activate/", user_activate, name="user_activate"),
    path("users/<int:pk>/reset-two-factor/", user_reset_two_factor, name="user_reset_two_factor"),
    path("users/<int:pk>/delete/", user_delete, name="user_delete"),
]
