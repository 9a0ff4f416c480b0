from django.urls import URLPattern

from passes.pages import groups, lists, pass_acts, pass_form, passes, restrictions, sheet, users

urlpatterns: list[URLPattern] = [
    *passes.urlpatterns,
    *pass_form.urlpatterns,
    *lists.urlpatterns,
    *groups.urlpatterns,
    *restrictions.urlpatterns,
    *pass_acts.urlpatterns,
    *users.urlpatterns,
    *sheet.urlpatterns,
]
