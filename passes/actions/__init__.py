"""Every write to passes: one transaction each, the audit row inside it."""

from passes.actions.groups import create_group, delete_group, edit_group
from passes.actions.guided import free_at_both, put_on_list
from passes.actions.learning import begin_learning
from passes.actions.lists import list_pass, unlist_pass, why_not_listed
from passes.actions.local_lists import read_local_list_version, send_local_list
from passes.actions.many import block_passes, delete_passes, group_passes, switch_listings, unblock_passes
from passes.actions.moves import move_pass, what_moves, why_pass_not_moved
from passes.actions.passes import create_pass, delete_pass, edit_pass
from passes.actions.providers import (
    connect_provider,
    create_provider,
    delete_provider,
    disconnect_provider,
    edit_provider,
    fetch_cards,
    invite_provider,
    set_roaming_policy,
    why_not_fetched,
)
from passes.actions.states import block_pass, unblock_pass

__all__ = [
    "begin_learning",
    "block_pass",
    "block_passes",
    "connect_provider",
    "create_group",
    "create_pass",
    "create_provider",
    "delete_group",
    "delete_pass",
    "delete_passes",
    "delete_provider",
    "disconnect_provider",
    "edit_group",
    "edit_pass",
    "edit_provider",
    "fetch_cards",
    "free_at_both",
    "group_passes",
    "invite_provider",
    "list_pass",
    "move_pass",
    "put_on_list",
    "read_local_list_version",
    "send_local_list",
    "set_roaming_policy",
    "switch_listings",
    "unblock_pass",
    "unblock_passes",
    "unlist_pass",
    "what_moves",
    "why_not_fetched",
    "why_not_listed",
    "why_pass_not_moved",
]
