"""Verdicts in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

# reason of a verdict -> a sentence for people
REASONS: dict[str, Text] = {
    "open": _("The station is open: any card may charge."),
    "listed": _("The pass is on the organization's whitelist."),
    "roaming": _("A connected network lets the card charge."),
    "roaming_free": _("The card roams, free of the roaming surcharge."),
    "no_authorization": _("The station is set to let everybody charge; its owner pays."),
    "no_card": _("The station began without a card. Only open stations may."),
    "typed": _("The number of a card was typed in at the station. It counts only when the card is held to the reader."),
    "unknown": _("No pass with this UID is on the organization's list, and no connected network knows the card."),
    "not_listed": _("The pass is not on the organization's whitelist."),
    "mode": _("The station's access mode does not take this card."),
    "blocked": _("The pass is blocked."),
    "user_off": _("The user of the pass is deactivated."),
    "not_yet": _("The pass is not valid yet."),
    "expired": _("The pass is no longer valid."),
    "not_here": _("The pass is restricted to other stations."),
    "not_now": _("The pass is restricted to other times."),
    "used_up": _("The pass has charged all it may in this day or month."),
    "network_unknown": _("No connected network knows the card."),
    "network_blocked": _("The card provider has blocked the card."),
    "network_expired": _("The card provider says that the card has expired."),
    "network_credit": _("The card provider says that there is no credit left."),
    "network_refused": _("The card provider does not allow the card here."),
    "network_silent": _("The card provider did not answer in time."),
    "concurrent": _("The card charges at another connector already."),
}
