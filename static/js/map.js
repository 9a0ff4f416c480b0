// The map of locations. Without tiles it draws a grid of degrees, the places and their names: how they lie to each other is enough to find one.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-map]");
  if (!box || !window.L) return;
  const read = () => document.getElementById("map-pins").textContent;
  let text = read(), pins = JSON.parse(text);
  const tiles = JSON.parse(document.getElementById("map-tiles").textContent);
  const map = L.map(box, { zoomControl: false, attributionControl: Boolean(tiles.url), worldCopyJump: true, minZoom: 2, maxZoom: 18 });
  L.control.zoom({ zoomInTitle: box.dataset.zoomIn, zoomOutTitle: box.dataset.zoomOut }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  if (tiles.url) L.tileLayer(tiles.url, { attribution: tiles.attribution, maxZoom: 19 }).addTo(map);

  // A grid whose lines are 1, 2 or 5 times a power of ten degrees apart.
  const grid = L.layerGroup();
  const drawGrid = () => {
    grid.clearLayers();
    if (tiles.url) return;
    const bounds = map.getBounds(), span = Math.max(bounds.getEast() - bounds.getWest(), 0.0001);
    const rough = span / 6, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const line = (points) => L.polyline(points, { className: "map-grid", interactive: false, weight: 1 }).addTo(grid);
    for (let x = Math.ceil(bounds.getWest() / step) * step; x <= bounds.getEast(); x += step) line([[-85, x], [85, x]]);
    for (let y = Math.ceil(bounds.getSouth() / step) * step; y <= bounds.getNorth(); y += step) line([[y, bounds.getWest() - 1], [y, bounds.getEast() + 1]]);
  };
  grid.addTo(map);

  const APART = 30;  // pixels between two marks, so that each can be hit
  const rank = ["fault", "waiting", "charging", "busy", "available", "off"];
  const element = (tag, text, css) => { const made = document.createElement(tag); if (text) made.textContent = text; if (css) made.className = css; return made; };
  const popup = (pin) => {
    const content = element("div");
    const link = element("a", pin.name); link.href = pin.url; content.append(link);
    if (pin.city) content.append(element("div", pin.city, "text-secondary"));
    for (const word of pin.words) { const line = element("div"); line.append(element("span", word.text, `state state-${word.state}`)); content.append(line); }
    return content;
  };

  // Places that would lie on each other are one mark with their number.
  const marks = L.layerGroup().addTo(map);
  const markOf = new Map();
  const draw = () => {
    const opened = pins.find((pin) => markOf.get(pin.url)?.isPopupOpen());
    const focused = pins.find((pin) => markOf.get(pin.url)?.getElement() === document.activeElement);
    marks.clearLayers(); markOf.clear();
    const groups = [], cells = new Map();  // a cell holds the groups whose first place lies in it
    const near = (point) => {
      const x = Math.floor(point.x / APART), y = Math.floor(point.y / APART);
      for (const dx of [0, -1, 1]) for (const dy of [0, -1, 1]) {
        const found = (cells.get(`${x + dx}:${y + dy}`) || []).find((group) => group.point.distanceTo(point) < APART);
        if (found) return found;
      }
      const made = { point, at: map.unproject(point), pins: [] }, cell = `${x}:${y}`;
      groups.push(made);
      cells.set(cell, [...(cells.get(cell) || []), made]);
      return made;
    };
    for (const pin of pins) near(map.project([pin.lat, pin.lng])).pins.push(pin);
    const taken = [];
    const isFree = (at, text) => {  // room for a name that hides no other mark and no other name
      const point = map.project(at), box = [point.x + 12, point.y - 12, point.x + 30 + Math.min(7 * text.length, 240), point.y + 12];
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) return false;
      taken.push(box);
      return true;
    };
    for (const { point } of groups) taken.push([point.x - 11, point.y - 11, point.x + 11, point.y + 11]);
    for (const { at, pins: group } of groups) {
      const worst = rank.find((state) => group.some((pin) => pin.state === state)) || "off";
      const many = group.length > 1 && map.getZoom() < 17;
      const words = (pin) => [pin.name, ...pin.words.map((word) => word.text)].join(", ");
      const title = many ? `${group.length} ${box.dataset.many}` : group.map(words).join("; ");
      const face = element("span", many ? String(group.length) : worst === "fault" ? "!" : "", `map-dot state-${worst}`);
      const mark = L.marker(at, { icon: L.divIcon({ className: "map-mark", html: face, iconSize: [26, 26] }), title, alt: title, keyboard: true, riseOnHover: true });
      if (many) mark.on("click keypress", () => map.fitBounds(L.latLngBounds(group.map((pin) => [pin.lat, pin.lng])).pad(0.4), { maxZoom: 17 }));
      else {
        mark.bindPopup(() => { const all = element("div"); for (const pin of group) all.append(popup(pin)); return all; });
      }
      // A text would be taken for HTML: names go in as elements only.
      const cities = [...new Set(group.map((pin) => pin.city))];
      const name = !many ? group.map((pin) => pin.name).join(", ") : cities.length === 1 ? cities[0] : "";
      if (name) mark.bindTooltip(element("span", name), { permanent: isFree(at, name), direction: "right", offset: [12, 0], className: "map-name" });
      mark.addTo(marks);
      for (const pin of group) markOf.set(pin.url, mark);
    }
    if (focused) markOf.get(focused.url)?.getElement()?.focus({ preventScroll: true });
    if (opened && markOf.get(opened.url)?.getPopup()) markOf.get(opened.url).openPopup();
  };
  if (pins.length) map.fitBounds(L.latLngBounds(pins.map((pin) => [pin.lat, pin.lng])).pad(0.2), { maxZoom: 14 });
  else map.setView([50, 8], 5);
  map.on("zoomend", draw); map.on("moveend", drawGrid);
  draw(); drawGrid();

  // The list beside it is made anew when something changes (see live.js), and brings the new states.
  document.body.addEventListener("htmx:afterSettle", () => {
    const now = read();
    if (now === text) return;
    text = now; pins = JSON.parse(now);
    draw();
  });
  const point = (event, on) => {
    const row = event.target.closest("[data-pin]"), mark = row && markOf.get(row.dataset.pin);
    if (mark && mark.getElement()) mark.getElement().classList.toggle("on", on);
  };
  for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) document.addEventListener(name, (event) => point(event, on));
});
