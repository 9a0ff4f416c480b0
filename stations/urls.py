from django.urls import URLPattern

from stations.pages import fleet, history, location_edit, logs, operations, sheet, transactions

urlpatterns: list[URLPattern] = [
    *location_edit.urlpatterns,
    *fleet.urlpatterns,
    *sheet.urlpatterns,
    *transactions.urlpatterns,
    *logs.urlpatterns,
    *history.urlpatterns,
    *operations.urlpatterns,
]
