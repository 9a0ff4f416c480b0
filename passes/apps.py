from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PassesConfig(AppConfig):
    name = "passes"
    verbose_name = _("Passes")

    def ready(self) -> None:
        from passes.authorizing import authorize
        from passes.desk import Desk
        from passes.moves import passes_that_end
        from stations import hooks
        from tenancy.hooks import move_consequences, recorded_kinds

        hooks.authorizer = authorize
        hooks.cards = Desk()
        recorded_kinds.append("passes.chargepass")
        move_consequences.append(passes_that_end)
