"""Lists that are too long to wait for, as files: which kinds there are. The apps that own the lists register them in `AppConfig.ready`.

A list page that names its kind (`ListPage.export_kind`) sends exports of many rows here. A job asks the same page for the same rows, as
the person who wanted them: what they may not see now is not in the file, and what is masked on the page is masked there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils.module_loading import import_string

from tenancy.rights import Missing, anywhere
from tenancy.scope import drill_of

if TYPE_CHECKING:
    from tenancy.models import User
    from ui.lists import ListPage

FORMATS = ("csv", "xlsx")
MOST_ROWS = {"csv": 1_000_000, "xlsx": 300_000}


@dataclass(frozen=True)
class Kind:
    """`page` is the dotted name of a ListPage, `route` that of its address, with `arguments` of the query. One needs `right` somewhere."""

    slug: str
    title: Any
    page: str
    route: str
    right: str
    arguments: tuple[str, ...] = ()

    def list_url(self, query: str) -> str:
        """The list as it was when the export was asked for."""
        left, arguments = self._split(query)
        return reverse(self.route, kwargs=arguments) + (f"?{left.urlencode()}" if left else "")

    def page_for(self, user: User, query: str) -> ListPage:
        """The page as `user` would get it; Missing or Http404 where they would not."""
        if not anywhere(user, self.right):
            raise Missing(self.right)
        left, arguments = self._split(query)
        request: Any = HttpRequest()
        request.method, request.GET, request.user = "GET", left, user
        request.path = reverse(self.route, kwargs=arguments)
        request.drill = drill_of(user, left.get("in", ""))
        request.htmx = None
        page: ListPage = import_string(self.page)()
        page.setup(request, **arguments)
        page.admit()
        page.exporting = True
        return page

    def _split(self, query: str) -> tuple[QueryDict, dict[str, int]]:
        left, arguments = QueryDict(query, mutable=True), {}
        for name in self.arguments:
            value = left.pop(name, [""])[-1]
            if not (isinstance(value, str) and value.isdecimal() and len(value) < 19):
                raise Http404
            arguments[name] = int(value)
        return left, arguments


KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    KINDS.update((kind.slug, kind) for kind in kinds)


def kind_of(slug: str) -> Kind:
    if slug not in KINDS:
        raise Http404
    return KINDS[slug]
