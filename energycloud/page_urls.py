from django.urls import URLPattern, path

from energycloud import dashboard, help, pages

urlpatterns: list[URLPattern] = [
    path("", dashboard.dashboard, name="dashboard"),
    path("search/", pages.search, name="search"),
    path("help/", help.help_index, name="help"),
    path("help/<slug:slug>/", help.help_page, name="help_page"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("robots.txt", pages.robots, name="robots"),
]
