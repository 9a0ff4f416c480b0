from django.urls import URLPattern

from passes.pages import passes

urlpatterns: list[URLPattern] = [
    *passes.urlpatterns,
]
