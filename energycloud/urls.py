from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as keys
from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from tenancy.pages import account as own

# Of allauth's pages those that this portal has: nobody signs up, and addresses are changed by an administrator.
accounts: list[URLPattern] = [
    path("", own.profile, name="profile"),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", account.signup, name="account_signup"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("sessions/", own.Sessions.as_view(), name="usersessions_list"),
    path("two-factor/", own.TwoFactor.as_view(), name="mfa_index"),
    path("two-factor/login/", mfa.authenticate, name="mfa_authenticate"),
    path("two-factor/reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("two-factor/reauthenticate/key/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("two-factor/app/", login_required(app.activate_totp), name="mfa_activate_totp"),
    path("two-factor/app/off/", app.deactivate_totp, name="mfa_deactivate_totp"),
    path("two-factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("two-factor/codes/new/", login_required(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("two-factor/codes/download/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("two-factor/keys/", RedirectView.as_view(pattern_name="mfa_index"), name="mfa_list_webauthn"),
    path("two-factor/keys/add/", login_required(keys.add_webauthn), name="mfa_add_webauthn"),
    path("two-factor/keys/<int:pk>/", login_required(keys.edit_webauthn), name="mfa_edit_webauthn"),
    path("two-factor/keys/<int:pk>/remove/", own.RemoveKey.as_view(), name="mfa_remove_webauthn"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include(accounts)),
    path("", include("energycloud.page_urls")),
    path("", include("tenancy.urls")),
    path("", include("stations.urls")),
    path("", include("passes.urls")),
]

handler400 = "energycloud.errors.bad_request"
handler403 = "energycloud.errors.forbidden"
handler404 = "energycloud.errors.not_found"
handler500 = "energycloud.errors.fault"
handler429 = "energycloud.errors.too_many"  # asked for by allauth
