from django.urls import URLPattern, path

from tenancy.pages import access, choose, history, invitations, roles, user_roles, users, view_as
from tenancy.pages import organizations as pages

urlpatterns: list[URLPattern] = [
    *choose.urlpatterns,
    path("organizations/", pages.OrganizationList.as_view(), name="organizations"),
    path("organizations/add/", pages.organization_add, name="organization_add"),
    path("organizations/<int:pk>/", pages.organization, name="organization"),
    path("organizations/<int:pk>/edit/", pages.organization_edit, name="organization_edit"),
    path("organizations/<int:pk>/delete/", pages.organization_delete, name="organization_delete"),
    *invitations.urlpatterns,
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
