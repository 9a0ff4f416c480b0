"""A colour that somebody chose, made readable: darker or lighter until it has the contrast that WCAG 2.2 AA asks for, in both themes."""

from __future__ import annotations

import re
from typing import NamedTuple

Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
PAPER: Rgb = (245, 247, 247)  # --tblr-body-bg of the light theme in static/css/portal.css
NIGHT: Rgb = (22, 32, 31)  # --tblr-bg-surface of the dark one
TEXT, STRONG = 5.2, 7.0  # AA is 4.5; the rest is for tinted grounds
STEPS = 50


class Shades(NamedTuple):
    """Of one theme: of buttons and marks, of the words on them, of links, and of links under the pointer."""

    primary: Rgb
    on_primary: Rgb
    link: Rgb
    hover: Rgb


def parse(colour: str) -> Rgb:
    """Of "#1f6feb"."""
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), colour
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = ((part / 255 / 12.92) if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def readable(colour: Rgb, on: Rgb, goal: float, towards: Rgb) -> Rgb:
    """`colour`, mixed with as much of `towards` as the contrast with `on` needs."""
    for step in range(STEPS + 1):
        mixed = _mix(colour, towards, step / STEPS)
        if contrast(mixed, on) >= goal:
            return mixed
    return towards


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def light(colour: Rgb) -> Shades:
    link = readable(colour, PAPER, TEXT, BLACK)
    return Shades(readable(colour, WHITE, TEXT, BLACK), WHITE, link, readable(link, PAPER, STRONG + 2, BLACK))


def dark(colour: Rgb) -> Shades:
    link = readable(colour, NIGHT, STRONG, WHITE)
    return Shades(readable(colour, NIGHT, TEXT, WHITE), BLACK, link, readable(link, NIGHT, STRONG + 3, WHITE))


def css(colour: str, where: str = "") -> str:
    """The variables of Tabler that make it the accent, of whole pages or of elements with the class `where`."""
    rgb = parse(colour)
    rules = []
    for theme, shades in (("light", light(rgb)), ("dark", dark(rgb))):
        selector = f"{where}[data-bs-theme={theme}]"
        rules.append(f"{f':root, {selector}' if theme == 'light' and not where else selector} {{ {_variables(shades)} }}")
    return "\n".join(rules) + "\n"


def _variables(shades: Shades) -> str:
    values = {
        "primary": _hex(shades.primary), "primary-rgb": _parts(shades.primary), "primary-fg": _hex(shades.on_primary),
        "primary-darken": _hex(shades.hover), "link-color": _hex(shades.link), "link-color-rgb": _parts(shades.link),
        "link-hover-color": _hex(shades.hover), "link-hover-color-rgb": _parts(shades.hover),
    }  # fmt: skip
    return " ".join(f"--tblr-{name}: {value};" for name, value in values.items())


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _parts(colour: Rgb) -> str:
    return "{}, {}, {}".format(*colour)
