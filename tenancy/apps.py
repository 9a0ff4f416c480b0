from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = _("Organizations and users")

    def ready(self) -> None:
        from tenancy import account_events  # noqa: F401  (its receivers)

        post_migrate.connect(bring_rights_up_to_date, dispatch_uid="tenancy.rights")


def bring_rights_up_to_date(app_config: AppConfig, **_rest: Any) -> None:
    """A new version may bring new rights: administrators hold them too. After the last app, when all permissions are there."""
    from tenancy.actions.roles import bring_up_to_date

    if app_config.name == "django.contrib.auth":
        bring_up_to_date()
