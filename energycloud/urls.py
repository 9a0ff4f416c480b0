from allauth.account import views as account
from django.urls import URLPattern, URLResolver, include, path, re_path

# Of allauth's pages those that this portal has: nobody signs up, and addresses are changed by an administrator.
accounts: list[URLPattern] = [
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
