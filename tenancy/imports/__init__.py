"""Importing lists of things from files: which kinds there are. The apps that own the things register them in their `AppConfig.ready`.

A file goes through four hands: `files` reads and cuts it, a Resource (`rows`) makes objects of its rows and says what is wrong with them,
`jobs` does that part after part, and tenancy.pages.imports shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError
from django.http import Http404

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Q

    from tenancy.imports.rows import Rows
    from tenancy.models import Import, Organization, User


class Refused(ValidationError):
    """Nothing of this file can be imported, in words for who uploaded it."""


@dataclass(frozen=True)
class Column:
    name: str
    explanation: Any
    example: str = ""
    required: bool = False
    personal: bool = False  # masked for who does not see personal data at the organization
    empties: bool = False  # a cell with - empties the value; see Rows.empties


class Offer(NamedTuple):
    """Something to be done once an import is over: what it is, and a button that posts to `url`."""

    text: str
    label: str
    url: str


@dataclass(frozen=True)
class Kind:
    """`resource(user, organization, options)` gives what reads and writes rows as this user may, or raises Refused.

    `form` is a subclass of tenancy.pages.imports.ImportForm. `key(row)` of two rows is equal where they would be the same thing: the second
    one is an error then, or a warning where the resource says `repeats_count`: there, and without a key, the
    later one counts. `finish(of, dry)` does what comes after the last row: it gives numbers of rows ended, one for each bite, so that it
    can be interrupted, and writes nothing where `dry`. `touches(options)` says whether it wants to know the keys of all rows. `after` gives
    what there is to do when it is over.
    """

    slug: str
    title: Any
    intro: Any
    right: str
    columns: tuple[Column, ...]
    resource: Callable[[User, Organization, dict[str, Any]], Rows]
    form: str
    done_url: Callable[[Import], str]
    done_label: Any
    list_url: str
    most_rows: int
    key: Callable[[dict[str, Any]], str] | None = None
    finish: Callable[[Import, bool], Iterator[int]] | None = None
    touches: Callable[[dict[str, Any]], bool] | None = None
    ended_label: Any = ""
    after: Callable[[User, Import], Sequence[Offer]] | None = None
    part_rows: int = 2000

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def keeps_empty(self) -> bool:
        """Whether an empty cell leaves what is there."""
        return any(column.empties for column in self.columns)

    @property
    def example(self) -> dict[str, str]:
        return {column.name: column.example for column in self.columns}


KINDS: dict[str, Kind] = {}


def kind_of(slug: str) -> Kind:
    if slug not in KINDS:
        raise Http404
    return KINDS[slug]


def readable(user: User | AnonymousUser) -> Q:
    """The imports that `user` may know of: those at places where they hold the right to such an import."""
    from django.db.models import Q

    from tenancy.models import Import
    from tenancy.rights import anywhere, condition

    found = Q(pk__in=[])
    for kind in KINDS.values():
        if anywhere(user, kind.right):
            found |= Q(kind=kind.slug) & condition(user, kind.right, Import)
    return found
