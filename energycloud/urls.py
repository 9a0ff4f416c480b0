from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("allauth.account.urls")),
    path("", include("energycloud.page_urls")),
    path("", include("tenancy.urls")),
    path("", include("stations.urls")),
    path("", include("passes.urls")),
]
