"""Pages read rows through one door only: `visible_to` for lists, `get_for` for one object.

Every statement of the pages that reaches for a model's manager names one of the two, or stands in a place listed here with the reason why
what it reads has passed the door already, or belongs to no tenant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("*/pages.py", "*/pages/*.py", "passes/desk.py", "energycloud/*.py", "*/forms.py", "*/filters.py")
PAGES = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})
# The lower halves of pages: what they show of a station that a page has read through the door
PAGES += [ROOT / "stations" / name for name in ("controls.py", "frames.py", "plots.py", "problems.py", "tables.py", "timeline.py")]
PAGES += [ROOT / "passes" / name for name in ("findings.py", "remedies.py", "steps.py", "trial.py")]
MANAGERS = {"objects", "_default_manager", "_base_manager"}
DOORS = {"visible_to", "get_for"}

PASSED = {
    "stations/pages/capacity.py:is_begun": "only whether any is open, of a location that was read through the door",
    "energycloud/tick.py:enqueue_letters": "the clock's, for nobody who looks",
    "energycloud/live.py:_heard_since": "of stations that were read through the door",
    "energycloud/attention.py:concerns": "a later command joins to rows read through the door; who knocks is the platform's",
    "passes/desk.py:Desk.known": "names a pass only to those who may see it; to others only that there is one",
    "passes/desk.py:Desk.changed_by_move": "given to visible_to before anything is counted",
    "passes/pages/lists.py:ListAtForm": "none at all; __init__ puts those in that the user may use",
    "passes/pages/lists.py:listing_off": "given to get_for in the next statement",
    "passes/pages/many.py:GroupForm": "none at all; __init__ puts those in that the user may use",
    "passes/pages/pass_acts.py:MoveForm": "none at all; __init__ puts those in that the user may use",
    "passes/pages/sheet.py:why_blocked": "of a pass that was read through the door",
    "passes/pages/networks.py:ProviderList._connected_above": "only how many stand above an organization that was read through the door",
    "passes/pages/networks.py:policy_above": "of an organization that was read through the door",
    "passes/pages/activity.py:_group_of": "the group of a pass by which a reservation fits; it is not named",
    "passes/pages/reserve.py:StationForm": "none at all; pass_reserve puts those in that the user may use",
    "passes/pages/reimbursed.py:_owned": "of the owner of a location that was read through the door; named to those alone who see it",
    "passes/steps.py:_read": "what a decision rests on: the functions that name it say of each how much may be known",
    "passes/trial.py:numbered": "of networks that hold at a station read through the door; only the UID of what was typed",
    "passes/pages/check.py:CheckForm": "none at all; check puts those in that the user may check",
    "stations/pages/maintenance.py:window_of": "given to get_for in the next statement",
    "stations/pages/care.py:_found": "given to get_for two statements below",
    "stations/pages/care.py:note_edit": "of a note that was read through the door",
    "stations/pages/care.py:contact_edit": "of a contact that was read through the door",
    "stations/controls.py:Situation.__init__": "of a station that was read through the door",
    "stations/controls.py:Situation.out_of_service": "of a station that was read through the door",
    "stations/controls.py:profiles_of": "of stations that were read through the door",
    "stations/controls.py:situations": "of stations that were read through the door",
    "stations/pages/imports.py:PlaceImportForm": "none at all; __init__ puts those in that the user may use",
    "stations/forms.py:ConnectorForm.clean_number": "of a station that was read through the door",
    "stations/forms.py:StationForm": "none at all; __init__ puts those in that the user may use",
    "stations/forms.py:StationsForm": "none at all; __init__ puts those in that the user may use",
    "stations/forms.py:_consequences": "of a station that was read through the door",
    "stations/pages/commands.py:_connector": "of a station that was read through the door",
    "stations/pages/fleet.py:connector_of": "given to get_for in the next statement",
    "stations/pages/fleet.py:stations_add": "who knocks belongs to no tenant; only the platform sees it",
    "stations/pages/knocking.py:KnockList.get_queryset": "who knocks belongs to no tenant; only the platform sees it",
    "stations/pages/history.py:_of_connectors_and_messages": "of a station or location that was read through the door",
    "stations/pages/history.py:of_location": "of a location that was read through the door",
    "stations/pages/knocking.py:knock_forget": "who knocks belongs to no tenant; only the platform sees it",
    "stations/pages/logs.py:LogFilter.__init__": "of a station that was read through the door",
    "stations/pages/overview.py:_curves": "of connectors of a station that was read through the door",
    "stations/pages/overview.py:_strips": "of connectors of a station that was read through the door",
    "stations/pages/location_list.py:Counts.__init__": "of locations that were read through the door",
    "stations/pages/location_list.py:LocationList.get_queryset": "joins to locations that are read through the door",
    "stations/pages/inbox.py:dismiss": "given to get_for in the next statement",
    "stations/pages/inbox.py:inbox_entry": "given to get_for in the next statement",
    "stations/pages/correct.py:_row": "given to get_for in the next statement",
    "stations/pages/transaction_files.py:_lines": "of a transaction that was read through the door",
    "stations/plots.py:_buckets": "of a transaction that was read through the door",
    "stations/plots.py:of": "of a transaction that was read through the door",
    "stations/timeline.py:_status": "of a station that was read through the door",
    "tenancy/pages/exports.py:_own": "the person's own",
    "tenancy/pages/exports.py:exports": "the person's own",
    "tenancy/pages/imports.py:shown": "of an import that was read through the door",
    "tenancy/pages/imports.py:import_errors.lines": "of an import that was read through the door",
    "passes/pages/imports.py:PassImportForm": "none at all; __init__ puts those in that the user may use",
    "passes/pages/imports.py:TokenImportForm": "none at all; __init__ puts those in that the user may use",
    "tenancy/pages/access.py:AccessForm": "none at all; __init__ puts in what is offered to everybody",
    "tenancy/pages/access.py:AccessForm.__init__": "roles that their owners offer to everybody",
    "tenancy/pages/access.py:access_end": "the next statement asks for the right of who gave it or of who has it",
    "tenancy/pages/organization_sheet.py:guests": "people who belong elsewhere; for those alone who see roles at it",
    "tenancy/pages/user_roles.py:user_with_roles": "only when one of the roles is read through the door; else visible_user reads again",
    "tenancy/pages/user_roles.py:_accesses": "of a user who was read through the door, at teams or organizations that were too",
    "tenancy/pages/view_as.py:_note_end": "of whom the person looked at, for the record",
    "tenancy/pages/view_as.py:_why_not_let_in_too": "what must not be shown: it is counted and never shown itself",
    "tenancy/pages/letters.py:LetterList.get_queryset": "mails belong to no tenant; only who may everything at the platform sees them",
    "tenancy/pages/users.py:sheet": "of a user who was read through the door",
    "tenancy/pages/users.py:user_reset_two_factor": "of a user who was read through the door",
    "tenancy/pages/invitations.py:invitation": "for whoever holds the link that was sent to this very address",
    "tenancy/pages/roles.py:role": "of a role that was read through the door; shown to its owner only",
    "tenancy/pages/roles.py:role_edit": "of a role that was read through the door",
    "tenancy/pages/roles.py:role_users": "of teams that were read through the door",
    "tenancy/pages/roles.py:roles_seen_by": "is the door of roles: also those that are propagated from above",
    "tenancy/pages/view_as.py:ViewAsMiddleware.__call__": "the next statement asks whether one may look through this user",
    "tenancy/pages/brand.py:colours": "of an organization that `shown` has let pass",
    "tenancy/pages/brand.py:logo": "of an organization that `shown` has let pass",
    "tenancy/pages/account.py:Sessions.post": "the person's own",
    "tenancy/pages/account.py:profile": "the person's own",
    "tenancy/pages/organizations.py:OrganizationList.get_queryset": "joins to organizations that are read through the door",
    "tenancy/pages/user_roles.py:GiveRoleForm": "none at all; __init__ puts those in that may be given",
    "tenancy/pages/user_roles.py:GiveRoleForm.__init__": "of an organization and a user that were read through the door",
    "tenancy/pages/user_roles.py:user_roles": "only how many roles a user has elsewhere, who was read through the door",
    "tenancy/pages/users.py:InviteForm": "none at all; __init__ puts those in that may be given",
    "tenancy/pages/users.py:InviteForm.__init__": "of an organization that was read through the door",
}


def own_words(statement: ast.AST) -> Iterator[str]:
    """The names in a statement, without those of the statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            continue
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.Attribute):
            yield child.attr
        yield from own_words(child)


def reads(tree: ast.AST, name: str = "") -> Iterator[tuple[str, int, bool]]:
    """(where, line, by a door) of each statement that names a manager."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            words = set(own_words(node))
            if words & MANAGERS:
                yield name, node.lineno, bool(words & DOORS)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from reads(node, f"{name}.{node.name}" if name else node.name)
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from reads(node, name)


def passed_by() -> Iterator[tuple[str, int]]:
    for path in PAGES:
        for name, line, by_door in reads(ast.parse(path.read_text())):
            if not by_door:
                yield f"{path.relative_to(ROOT)}:{name}", line


def test_pages_read_through_the_door() -> None:
    unknown = [f"{place} (line {line})" for place, line in passed_by() if place not in PASSED]
    assert not unknown, "read these through visible_to or get_for, or say in PASSED why they need not be"


def test_no_exception_outlives_its_reason() -> None:
    assert set(PASSED) == {place for place, _line in passed_by()}
