"""The small words of every page: icons, states, times, numbers with their units."""

from __future__ import annotations

import html
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django import forms, template
from django.conf import settings
from django.template.context import Context
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html, strip_tags
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ui import forms as errors

register = template.Library()

# The six states of everything; a dot in its colour stands before the word, never instead of it.
STATES = ("charging", "available", "busy", "waiting", "fault", "off")


@register.simple_tag
def put_beside(form: Any) -> str:
    """Before the fields of `form` are shown: see ui.forms.put_beside."""
    if isinstance(form, forms.BaseForm) and form.is_bound:
        errors.put_beside(form)
    return ""


@register.simple_tag
def icon(name: str) -> SafeString:
    """A picture beside a word, from the sprite of `scripts/frontend.py`; names are those of Tabler Icons."""
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.simple_tag
def state(name: str, word: str, sentence: str = "") -> SafeString:
    """A state as dot and word; `sentence` says more on hover, for lists that have no room for it."""
    assert name in STATES, name
    if sentence:
        return format_html('<span class="state state-{}" title="{}">{}</span>', name, sentence, word)
    return format_html('<span class="state state-{}">{}</span>', name, word)


@register.filter
def first_line(cell: Any) -> str:
    """The text of a cell without its second line: what the page shows of a row, for those who cannot see that the two belong together."""
    text = str(cell)
    return html.unescape(strip_tags(text.split('<span class="sub">')[0])).strip() if isinstance(cell, SafeString) else text


def own_zone() -> ZoneInfo:
    """The zone of the person who reads; where nobody does, as in a job, the platform's."""
    current = timezone.get_current_timezone()
    if isinstance(current, ZoneInfo) and current != timezone.get_default_timezone():
        return current
    return ZoneInfo(settings.PLATFORM_TIME_ZONE)


def zone_of(zone: tzinfo | str | None) -> tzinfo:
    if isinstance(zone, str) and zone:
        return ZoneInfo(zone)
    return zone if isinstance(zone, tzinfo) else own_zone()


@register.filter
def when(moment: datetime | None, zone: tzinfo | str | None = None) -> SafeString | str:
    """A time: relative within a day, else the date; exact on hover, in `zone` (default: the reader's)."""
    if not moment:
        return "–"
    there = timezone.localtime(moment, zone_of(zone))
    title = f"{formats.date_format(there, 'j M Y')} {there:%H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', there.isoformat(timespec="seconds"), title, _in_words(there))


def _in_words(there: datetime) -> str:
    now = timezone.now()
    seconds = int((now - there).total_seconds())
    if 0 <= seconds < 5:
        return _("just now")
    if 0 <= seconds < 60:
        return _("%d s ago") % seconds
    if 0 <= seconds < 3600:
        return _("%d min ago") % (seconds // 60)
    if 0 <= seconds < 86_400:
        return _("%d h ago") % (seconds // 3600)
    day = formats.date_format(there, "j M" if there.year == now.year else "j M Y")
    return f"{day} {there:%H:%M}"


@register.filter
def exact(moment: datetime | None, zone: tzinfo | str | None = None) -> str:
    """Date and time to the second, in `zone`."""
    if not moment:
        return "–"
    there = timezone.localtime(moment, zone_of(zone))
    return f"{formats.date_format(there, 'j M Y')} {there:%H:%M:%S}"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A timedelta, or seconds, as "1 h 12 min", rounded."""
    if value is None:
        return "–"
    exactly = value.total_seconds() if isinstance(value, timedelta) else value
    if exactly < 0:
        return "–"
    seconds = int(exactly)
    if seconds < 60:
        return _("%d s") % seconds
    whole = (seconds + 30) // 60  # rounded, as everything that is said of it
    if whole < 60:
        return _("%d min") % whole
    hours, minutes = divmod(whole, 60)
    if hours < 48:
        return _("%(h)d h %(m)02d min") % {"h": hours, "m": minutes}
    hours = (whole + 30) // 60
    return _("%(d)d days %(h)d h") % {"d": hours // 24, "h": hours % 24}


@register.filter
def kwh(wh: float | None) -> str:
    """Wh as "12.94 kWh"."""
    return "–" if wh is None else f"{formats.number_format(wh / 1000, 2, force_grouping=True)}\N{NO-BREAK SPACE}kWh"


@register.filter
def grouped(count: int) -> str:
    """A count as "1,469", the way the reader's language groups it."""
    return formats.number_format(count, force_grouping=True)


@register.filter
def kw(watts: float | None) -> str:
    """W as "10.8 kW"."""
    return "–" if watts is None else f"{formats.number_format(watts / 1000, 1, force_grouping=True)}\N{NO-BREAK SPACE}kW"


@register.simple_tag(takes_context=True)
def keep(context: Context, **also: Any) -> str:
    """The query string that keeps the scope: `?in=o12`, and what is given beside it. Empty where there is none."""
    request = context.get("request")
    wanted: dict[str, Any] = {"in": request.GET["in"]} if request and request.GET.get("in") else {}
    wanted |= {key: value for key, value in also.items() if value not in (None, "")}
    return f"?{urlencode(wanted)}" if wanted else ""


@register.simple_tag
def asof(zone: tzinfo | str | None = None) -> SafeString:
    """When this part of the page was made."""
    now = timezone.localtime(timezone.now(), zone_of(zone))
    return format_html('<span class="asof">{}</span>', _("as of %s") % f"{now:%H:%M:%S}")


@register.filter
def control(field: Any) -> Any:
    """A form's bound field with Bootstrap's classes, its help and errors connected to it for screen readers."""
    widget = field.field.widget
    kind = getattr(widget, "input_type", "")
    css = {"checkbox": "form-check-input", "select": "form-select", "radio": "form-check-input"}.get(kind, "form-control")
    attributes: dict[str, str] = {"class": " ".join(part for part in (widget.attrs.get("class", ""), css) if part)}
    described = []
    if field.help_text:
        described.append(f"{field.auto_id}_help")
    if field.errors:
        attributes["class"] += " is-invalid"
        attributes["aria-invalid"] = "true"
        described.append(f"{field.auto_id}_error")
    if described:
        attributes["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attributes)


@register.filter
def kind(field: Any) -> str:
    """ "checkbox", "checkboxes", "select", "textarea", "text" …: what sort of control a bound field has."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxSelectMultiple):
        return "checkboxes"
    return str(getattr(widget, "input_type", "") or type(widget).__name__.lower())


@register.simple_tag
def bar_height(value: float, highest: float, room: float) -> str:
    """How high the bar of `value` is where the one of `highest` fills `room`."""
    return f"{max(0.0, value) / highest * room:.1f}" if highest > 0 else "0"


@register.simple_tag
def bar_top(value: float, highest: float, room: float) -> str:
    """Where the bar of `bar_height` begins, from above."""
    return f"{room - max(0.0, value) / highest * room:.1f}" if highest > 0 else f"{room}"
