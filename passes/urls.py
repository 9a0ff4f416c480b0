from django.urls import URLPattern, path

from passes import pages

urlpatterns: list[URLPattern] = [
    path("passes/", pages.PassList.as_view(), name="passes"),
    path("passes/add/", pages.pass_add, name="pass_add"),
    path("passes/<int:pk>/", pages.pass_edit, name="pass_edit"),
    path("passes/<int:pk>/history/", pages.PassHistory.as_view(), name="pass_history"),
    path("passes/<int:pk>/delete/", pages.pass_delete, name="pass_delete"),
]
