from django.urls import URLPattern

from passes.ocpi import receiver
from passes.pages import (
    activity,
    check,
    groups,
    guides,
    learn,
    lists,
    local_list,
    network_cards,
    networks,
    pass_acts,
    pass_form,
    passes,
    reimbursed,
    restrictions,
    sheet,
    users,
    whitelist,
)

urlpatterns: list[URLPattern] = [
    *guides.urlpatterns,
    *learn.urlpatterns,
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
    *reimbursed.urlpatterns,
    *whitelist.urlpatterns,
    *local_list.urlpatterns,
    *activity.urlpatterns,
    *check.urlpatterns,
]
