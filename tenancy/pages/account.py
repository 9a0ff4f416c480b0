"""One's own account: profile, password, two-factor login, sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from tenancy import actions, two_factor
from tenancy.devices import device, is_phone
from tenancy.forms import PhoneField
from tenancy.models import User
from tenancy.names import NameField
from tenancy.pages.shared import user_of
from tenancy.validation import show_phone
from ui.forms import form_page

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
FEW_CODES = 3


def zone_choices(*also: str) -> list[tuple[Any, Any]]:
    """Grouped by region, so that typing the first letters of a city finds it; `also` are offered whatever they are."""
    groups: dict[Any, list[tuple[str, str]]] = {region: [] for region in REGIONS}
    names = sorted(available_timezones())
    for name in names:
        region, _slash, city = name.partition("/")
        if city and region in groups:
            groups[region].append((name, city.replace("_", " ")))
    groups[_("Other")] = [(name, name) for name in sorted({"UTC", *also}) if name and name.partition("/")[0] not in REGIONS]
    empty = ("", _("As the platform (%(zone)s)") % {"zone": settings.PLATFORM_TIME_ZONE})
    return [empty, *((region, zones) for region, zones in groups.items() if zones)]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("name", "phone", "language", "time_zone")
        field_classes = {"name": NameField, "phone": PhoneField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.fields["phone"].country = self.instance.organization.country  # type: ignore[attr-defined]
        self.initial["phone"] = show_phone(self.initial.get("phone", ""))
        self.fields["phone"].widget.attrs |= {"autocomplete": "tel", "type": "tel"}
        if len(settings.LANGUAGES) > 1:
            choices = [("", _("As the browser asks")), *settings.LANGUAGES]
            self.fields["language"] = forms.ChoiceField(label=lazy("Language"), choices=choices, required=False)
        else:
            del self.fields["language"]
        self.fields["time_zone"] = forms.ChoiceField(
            label=lazy("Time zone"), choices=zone_choices(self.instance.time_zone), required=False,
            help_text=lazy("For times that belong to no location. Those of a station are always in the zone of its location."),
            error_messages={"invalid_choice": lazy("There is no such time zone. Choose one from the list.")},
        )  # fmt: skip


@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    url = reverse("profile")
    return form_page(
        request, form, lambda fields: actions.edit_own_profile(actor=user, **fields), title=_("Your account"), submit_label=_("Save"),
        cancel_url="", done=_("Your profile is saved."), done_url=url, template="tenancy/profile.html",
        context={"now": timezone.localtime(timezone.now(), ZoneInfo(user.time_zone or settings.PLATFORM_TIME_ZONE))},
    )  # fmt: skip


class TwoFactor(IndexView):
    """App, security keys and recovery codes; also the page on which those begin who must set it up first."""

    template_name = "mfa/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = user_of(self.request)
        shown: dict[str, Any] = super().get_context_data(**kwargs)
        of = shown["authenticators"]
        codes = of.get(Authenticator.Type.RECOVERY_CODES)
        factors = list(two_factor.factors_of(user))
        left = len(codes.get_unused_codes()) if codes else 0
        more = {
            "required_by": two_factor.name_of(user, two_factor.required_by(user)),
            "app": of.get(Authenticator.Type.TOTP),
            "keys": of.get(Authenticator.Type.WEBAUTHN, []),
            "on": bool(factors),
            "last": len(factors) == 1,
            "codes_left": left,
            "few_codes": left <= FEW_CODES,
        }
        return {**shown, **more}


class RemoveKeyForm(forms.Form):
    """Says why the last key must stay."""

    def __init__(self, *args: Any, key: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def clean(self) -> dict[str, Any]:
        two_factor.Adapter().can_delete_authenticator(self.key)
        return super().clean() or {}


class RemoveKey(RemoveWebAuthnView):
    form_class = RemoveKeyForm

    def get_form_kwargs(self) -> dict[str, Any]:
        # A reason why it cannot be done is told at once, not only after the button.
        return {**super().get_form_kwargs(), "key": self.object, "data": self.request.POST}


class Sessions(ListUserSessionsView):
    """Where one is logged in. `end` in the POST is the session to end; without it all others end."""

    template_name = "usersessions/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().get_context_data(**kwargs)
        rows = [
            {"session": row, "device": device(row.user_agent), "phone": is_phone(row.user_agent), "here": row.is_current()}
            for row in _latest_first(shown["sessions"])
        ]
        return {**shown, "rows": sorted(rows, key=lambda row: not row["here"]), "others": sum(not row["here"] for row in rows)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = request.POST.get("end", "")
        rows = UserSession.objects.filter(user_id=user_of(request).pk).exclude(session_key=request.session.session_key)
        if wanted:
            known = wanted.isascii() and wanted.isdecimal() and len(wanted) < 19
            rows = rows.filter(pk=int(wanted)) if known else rows.none()
        ended = list(rows)
        actions.end_own_sessions(sessions=ended)
        if ended:
            text = ngettext("%(number)d session is logged out.", "%(number)d sessions are logged out.", len(ended))
            messages.success(request, text % {"number": len(ended)})
        else:
            messages.info(request, _("This session has ended already."))
        return HttpResponseRedirect(reverse("usersessions_list"))


def _latest_first(sessions: Iterable[UserSession]) -> list[UserSession]:
    return sorted(sessions, key=lambda session: session.last_seen_at, reverse=True)
