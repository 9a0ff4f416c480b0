from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PassesConfig(AppConfig):
    name = "passes"
    verbose_name = _("Passes")

    def ready(self) -> None:
        from passes.authorizing import authorize
        from passes.desk import Desk
        from passes.moves import passes_that_end
        from passes.pages import users
        from stations import hooks
        from tenancy.hooks import move_consequences, recorded_kinds, user_consequences, user_tabs

        hooks.authorizer = authorize
        hooks.cards = Desk()
        recorded_kinds.extend(["passes.chargepass", "passes.passgroup"])
        move_consequences.append(passes_that_end)
        user_tabs.append(users.tab)
        user_consequences.append(users.what_it_means)
