from django.urls import URLPattern, path

from tenancy.pages import (
    access,
    brand,
    choose,
    exports,
    history,
    imports,
    invitations,
    letters,
    organization_add,
    organization_move,
    organization_sheet,
    roles,
    user_roles,
    users,
    view_as,
)
from tenancy.pages.organizations import OrganizationList

urlpatterns: list[URLPattern] = [
    *choose.urlpatterns,
    path("organizations/", OrganizationList.as_view(), name="organizations"),
    *organization_add.urlpatterns,
    *organization_sheet.urlpatterns,
    *organization_move.urlpatterns,
    *brand.urlpatterns,
    *invitations.urlpatterns,
    *exports.urlpatterns,
    *imports.urlpatterns,
    *letters.urlpatterns,
    *users.urlpatterns,
    *user_roles.urlpatterns,
    *roles.urlpatterns,
    *access.urlpatterns,
    *view_as.urlpatterns,
    path("history/", history.HistoryList.as_view(), name="history"),
    path("organizations/<int:pk>/history/", history.OrganizationHistory.as_view(), name="organization_history"),
    path("users/<int:pk>/history/", history.UserHistory.as_view(), name="user_history"),
    path("roles/<int:pk>/history/", history.RoleHistory.as_view(), name="role_history"),
]
