"""Invitations: the list of those that are open, and the door that one of them opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from allauth.account.utils import perform_login
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tenancy import actions
from tenancy.actions.invitations import find_invitation, why_void
from tenancy.links import link, organization_link
from tenancy.models import Invitation, User
from tenancy.names import NameField
from tenancy.pages.shared import NAME, user_of
from tenancy.personal import MASK, sees, where_seen
from tenancy.rights import MANAGE_USERS, UPDATE_USER_ROLES, Missing, anywhere, may
from ui.forms import refuse
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when


def invitation_address(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[token]))


class InvitationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name or e-mail"), method="named")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Invitation], name: str, value: str) -> QuerySet[Invitation]:
        text = value.replace("\x00", "").strip()
        return rows.filter(where_seen(self.request.user, Invitation), Q(name__icontains=text) | Q(email__icontains=text))


class InvitationTable(Table):
    name = django_tables2.Column(lazy("Invited"), accessor="pk", orderable=False, attrs=NAME)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    role = django_tables2.Column(lazy("Role"), accessor="role__name", orderable=False, attrs=NAME)
    sent_at = django_tables2.Column(lazy("Sent"))
    state = django_tables2.Column(lazy("State"), accessor="expires_at")

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def render_name(self, record: Invitation) -> SafeString | str:
        if not sees(self.user, record):
            return MASK
        return format_html('{}<span class="sub">{}</span>', record.name, record.email)

    def value_name(self, record: Invitation) -> str:
        return f"{record.name} <{record.email}>" if sees(self.user, record) else MASK

    def render_organization(self, record: Invitation) -> SafeString:
        return organization_link(self.user, record.organization)

    def value_organization(self, record: Invitation) -> str:
        return record.organization.name

    def render_role(self, record: Invitation) -> str:
        return str(record.role) if record.role and may(self.user, UPDATE_USER_ROLES, record) else "–"

    value_role = render_role

    def render_sent_at(self, record: Invitation) -> SafeString | str:
        return when(record.sent_at)

    def value_sent_at(self, record: Invitation) -> str:
        return record.sent_at.isoformat(timespec="seconds")

    def render_state(self, record: Invitation) -> SafeString:
        return state("off" if record.expired else "waiting", self.value_state(record))

    def value_state(self, record: Invitation) -> str:
        if record.expired:
            return _("Over: send it again")
        hours = int((record.expires_at - timezone.now()).total_seconds() // 3600)
        return ngettext("Open, %d hour left", "Open, %d hours left", hours) % hours if hours else _("Open, less than an hour left")


def send_again(request: HttpRequest, rows: Any) -> str:
    sent, refused = 0, []
    for invitation in rows.select_related("organization", "role__organization"):
        try:
            actions.send_again(
                actor=user_of(request), invitation=invitation, address=lambda token: invitation_address(request, token),
            )  # fmt: skip
            sent += 1
        except forms.ValidationError as error:
            refused.append(" ".join(error.messages))
    said = ngettext("%d invitation is on its way again; its old link no longer works.",
                    "%d invitations are on their way again; their old links no longer work.", sent)  # fmt: skip
    return " ".join([said % sent, *refused[:3]])


def withdraw(request: HttpRequest, rows: Any) -> str:
    count = 0
    for invitation in rows:
        actions.withdraw_invitation(actor=user_of(request), invitation=invitation)
        count += 1
    return ngettext("%d invitation is withdrawn.", "%d invitations are withdrawn.", count) % count


def what_withdrawing_does(request: HttpRequest, rows: Any) -> list[str]:
    count = rows.count()
    return [ngettext("The link of %d invitation no longer works.", "The links of %d invitations no longer work.", count) % count]


class InvitationList(ListPage):
    """Those that wait. Who may manage users sees them."""

    model = Invitation
    table_class = InvitationTable
    filterset_class = InvitationFilter
    title = lazy("Invitations")
    intro = lazy("An invitation works once and for 48 hours. Sent again it gets a new link.")
    export_name = "invitations"
    empty_title = lazy("No open invitations.")
    empty_text = lazy("Whoever accepts one becomes a user.")
    bulk_actions = (
        BulkAction("again", lazy("Send again"), send_again, icon="mail", right=MANAGE_USERS),
        BulkAction("withdraw", lazy("Withdraw"), withdraw, what_withdrawing_does, icon="trash", right=MANAGE_USERS),
    )

    def get_queryset(self) -> QuerySet[Any]:
        if not anywhere(self.request.user, MANAGE_USERS):
            raise Missing(MANAGE_USERS)
        rows = self.request.drill.limit(Invitation.objects.visible_to(self.request.user, MANAGE_USERS))  # type: ignore[attr-defined]
        waiting: QuerySet[Any] = rows.filter(accepted_at=None, withdrawn_at=None)
        return waiting

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization", "role")

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return [(_("Users"), link("users"))]

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Invite a user"), link("user_invite"), icon="mail")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


# -- the door -----------------------------------------------------------------------------------------------------------------------------


class AcceptForm(forms.Form):
    name = NameField(label=lazy("Your name"), max_length=100)
    password = forms.CharField(
        label=lazy("Password"), max_length=128, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label=lazy("Password once more"), max_length=128, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = invitation.name
        self.invitation = invitation
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        password = values.get("password")
        if password:
            try:
                validate_password(password, User(email=self.invitation.email, name=values.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
            if values.get("again") and values["again"] != password:
                self.add_error("again", _("The two passwords differ."))
        return values


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link. A new address chooses a password; a known one logs in and takes the role."""
    found = find_invitation(token)
    if found is None or (reason := why_void(found)):
        sentence = reason if found else why_void(None)
        return render(request, "account/invitation_void.html", {"sentence": sentence}, status=410 if found else 404)
    known = User.objects.filter(email=found.email).first()
    if known is not None:
        return _join(request, found, known)
    form = AcceptForm(request.POST or None, invitation=found)
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.accept_invitation(invitation=found, password=form.cleaned_data["password"], name=form.cleaned_data["name"])
        except forms.ValidationError as error:
            refuse(form, error)
        else:
            answer: HttpResponse = perform_login(request, user, redirect_url="/")
            return answer
    return render(request, "account/invitation.html", {"form": form, "invitation": found})


def _join(request: HttpRequest, found: Invitation, known: User) -> HttpResponse:
    """Somebody with a login elsewhere: it is them who decide whether they take the role here."""
    me = request.user if isinstance(request.user, User) and request.user.pk == known.pk else None
    if request.method == "POST" and me is not None:
        try:
            actions.accept_invitation(invitation=found, user=me)
        except forms.ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("You now work for %s too.") % found.organization)
        return redirect("/")
    context = {"invitation": found, "me": me, "login_url": f"{reverse('account_login')}?next={request.path}"}
    return render(request, "account/invitation_join.html", context)


urlpatterns: list[URLPattern] = [
    path("users/invitations/", InvitationList.as_view(), name="invitations"),
    path("invitation/<str:token>/", invitation, name="invitation"),
]
