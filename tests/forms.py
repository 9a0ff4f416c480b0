"""What a browser sends when somebody presses the button of a form."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """Of the forms that are posted and are not the one for logging out: the fields as they are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.inside, self.select, self.area = False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form" and at.get("method") == "post":
            self.inside = True
            self.forms.append({})
        if not self.inside or "disabled" in at:
            return
        name, fields = at.get("name", ""), self.forms[-1]
        if tag == "input" and name:
            if at.get("type") in {"checkbox", "radio"}:
                if "checked" in at:
                    fields[name] = at.get("value", "on")
            elif at.get("type") not in {"file", "submit"}:
                fields[name] = at.get("value", "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in at or self.select not in fields):
            fields[self.select] = at.get("value", "")
        elif tag == "textarea":
            self.area = name
            fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.area:
            self.forms[-1][self.area] += data


def drawn(page: Any, name: str) -> dict[str, str]:
    """The fields of the form on `page` (an answer) that has a field `name`, as it is sent when nothing is touched."""
    parser = _Fields()
    parser.feed(page.text)
    (found,) = [form for form in parser.forms if name in form]
    return {key: value for key, value in found.items() if key != "csrfmiddlewaretoken"}
