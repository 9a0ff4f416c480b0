"""`make frontend`: what the pages need of npm packages, to var/frontend, and one sprite with the icons that are used."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES, TARGET = ROOT / "node_modules", ROOT / "var" / "frontend"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "vendor/tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "vendor/tabler/tabler.min.js",
    "htmx.org/dist/htmx.min.js": "vendor/htmx/htmx.min.js",
    "uplot/dist/uPlot.iife.min.js": "vendor/uplot/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "vendor/uplot/uPlot.min.css",
    "leaflet/dist/leaflet.js": "vendor/leaflet/leaflet.js",
    "leaflet/dist/leaflet.css": "vendor/leaflet/leaflet.css",
    "leaflet/dist/images/layers.png": "vendor/leaflet/images/layers.png",
    "leaflet/dist/images/layers-2x.png": "vendor/leaflet/images/layers-2x.png",
    "leaflet/dist/images/marker-icon.png": "vendor/leaflet/images/marker-icon.png",
}
ICONS = PACKAGES / "@tabler/icons/icons/outline"
# In templates {% icon "bolt" %}, in Python icon="bolt".
# In Python also the third of a Door on the page Operations.
USED = (re.compile(r"\{%-?\s*icon\s+[\"']([a-z0-9-]+)[\"']"), re.compile(r"\bicon\s*(?::\s*str\s*)?=\s*\"([a-z0-9-]+)\""),
        re.compile(r"\bDoor\(\s*lazy\(\s*\"[^\"]*\"\s*\),\s*lazy\(\s*\"[^\"]*\"\s*\),\s*\"([a-z0-9-]+)\""))  # fmt: skip


def icon_names() -> dict[str, str]:
    """Every icon that is used, and one file that uses it."""
    found: dict[str, str] = {}
    for folder in ("templates", "ui", "tenancy", "stations", "passes", "support", "energycloud"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".html", ".py"}:
                text = path.read_text()
                for pattern in USED:
                    for name in pattern.findall(text):
                        found.setdefault(name, str(path.relative_to(ROOT)))
    return dict(sorted(found.items()))


def sprite(names: dict[str, str]) -> str:
    symbols = []
    for name, user in names.items():
        source = ICONS / f"{name}.svg"
        if not source.exists():
            sys.exit(f"There is no icon “{name}” ({user}). The names are those of Tabler Icons, outline.")
        inside = re.search(r"<svg[^>]*>(.*)</svg>", source.read_text(), re.DOTALL)
        assert inside, source
        body = re.sub(r"\s+", " ", inside[1]).strip()
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
            f'stroke-linejoin="round">{body}</symbol>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


def main() -> None:
    for source, target in FILES.items():
        there, wanted = TARGET / target, PACKAGES / source
        if not wanted.exists():
            sys.exit(f"{source} is missing from node_modules. Run: make frontend")
        data = wanted.read_bytes()
        if there.suffix in {".css", ".js"}:
            data = re.sub(rb"/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=\S+", b"", data)  # the maps are not served
        _write(there, data)
    _write(TARGET / "icons.svg", sprite(icon_names()).encode())
    wanted_files = {TARGET / target for target in FILES.values()} | {TARGET / "icons.svg"}
    for path in TARGET.rglob("*"):
        if path.is_file() and path not in wanted_files:
            path.unlink()


def _write(path: Path, data: bytes) -> None:
    """Only what differs, so that nothing is collected again for nothing."""
    if path.exists() and hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(data).digest():
        return
    TARGET.parent.mkdir(0o700, exist_ok=True)  # the data will be there, too
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    if not PACKAGES.exists():
        sys.exit("node_modules is missing. Run: make frontend")
    main()
