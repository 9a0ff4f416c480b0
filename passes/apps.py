from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PassesConfig(AppConfig):
    name = "passes"
    verbose_name = _("Passes")

    def ready(self) -> None:
        from passes import realtime
        from passes.authorizing import authorize
        from passes.capacity import priorities
        from passes.desk import Desk, tab_of_cards
        from passes.imports import PASSES, TOKENS
        from passes.local_lists import configuration_changed, stations_changed
        from passes.moves import passes_of_users, passes_that_end
        from passes.pages import users
        from passes.pages.local_list import TAB
        from passes.pages.networks import roaming_tab
        from stations import hooks
        from tenancy import imports
        from tenancy.hooks import move_consequences, organization_tabs, recorded_kinds, user_consequences, user_tabs, users_switched

        hooks.authorizer = authorize
        hooks.priorities = priorities
        hooks.cards = Desk()
        hooks.access_changed.append(stations_changed)
        hooks.configuration_changed.append(configuration_changed)
        hooks.sheet_tabs.append(TAB)
        users_switched.append(passes_of_users)
        recorded_kinds.extend(["passes.chargepass", "passes.passgroup", "passes.provider"])
        hooks.inquirer = realtime.inquire
        hooks.closers.append(realtime.close)
        organization_tabs.append(roaming_tab)
        move_consequences.append(passes_that_end)
        user_tabs.append(users.tab)
        user_consequences.append(users.what_it_means)
        organization_tabs.append(tab_of_cards)
        imports.KINDS |= {kind.slug: kind for kind in (PASSES, TOKENS)}
