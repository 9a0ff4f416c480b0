from django.urls import URLPattern

from stations.pages import bulk, fleet, history, location_edit, logs, operations, out_of_service, sheet, transactions, vendor_codes

urlpatterns: list[URLPattern] = [
    *bulk.urlpatterns,
    *location_edit.urlpatterns,
    *fleet.urlpatterns,
    *sheet.urlpatterns,
    *transactions.urlpatterns,
    *logs.urlpatterns,
    *history.urlpatterns,
    *operations.urlpatterns,
    *out_of_service.urlpatterns,
    *vendor_codes.urlpatterns,
]
