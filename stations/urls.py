from django.urls import URLPattern

from stations.pages import (
    bulk,
    configuration,
    configuration_compare,
    configuration_history,
    configuration_templates,
    fleet,
    hardware,
    history,
    imports,
    location_edit,
    logs,
    operations,
    out_of_service,
    sheet,
    transactions,
    vendor_codes,
)

urlpatterns: list[URLPattern] = [
    *bulk.urlpatterns,
    *location_edit.urlpatterns,
    *fleet.urlpatterns,
    *sheet.urlpatterns,
    *configuration.urlpatterns,
    *configuration_history.urlpatterns,
    *configuration_compare.urlpatterns,
    *configuration_templates.urlpatterns,
    *transactions.urlpatterns,
    *logs.urlpatterns,
    *history.urlpatterns,
    *operations.urlpatterns,
    *out_of_service.urlpatterns,
    *vendor_codes.urlpatterns,
    *hardware.urlpatterns,
    *imports.urlpatterns,
]
