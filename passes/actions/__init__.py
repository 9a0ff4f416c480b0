"""Every write to passes: one transaction each, the audit row inside it."""

from passes.actions.groups import create_group, delete_group, edit_group
from passes.actions.lists import list_pass, unlist_pass, why_not_listed
from passes.actions.passes import create_pass, delete_pass, edit_pass

__all__ = [
    "create_group",
    "create_pass",
    "delete_group",
    "delete_pass",
    "edit_group",
    "edit_pass",
    "list_pass",
    "unlist_pass",
    "why_not_listed",
]
