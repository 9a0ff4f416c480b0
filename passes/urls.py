from django.urls import URLPattern

from passes.ocpi import receiver
from passes.pages import groups, lists, network_cards, networks, pass_acts, pass_form, passes, restrictions, sheet, users

urlpatterns: list[URLPattern] = [
    *passes.urlpatterns,
    *pass_form.urlpatterns,
    *lists.urlpatterns,
    *groups.urlpatterns,
    *restrictions.urlpatterns,
    *pass_acts.urlpatterns,
    *users.urlpatterns,
    *sheet.urlpatterns,
    *networks.urlpatterns,
    *network_cards.urlpatterns,
    *receiver.urlpatterns,
]
