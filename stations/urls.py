from django.urls import URLPattern

from stations.pages import fleet, history, logs, places, sheet, transactions

urlpatterns: list[URLPattern] = [
    *places.urlpatterns,
    *fleet.urlpatterns,
    *sheet.urlpatterns,
    *transactions.urlpatterns,
    *logs.urlpatterns,
    *history.urlpatterns,
]
