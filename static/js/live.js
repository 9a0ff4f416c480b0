// Keeps the open page true. An element with data-live="station:12" gets the event "live" when that station changed; htmx then asks for
// its content (hx-trigger="live"). Without the websocket, or when it says nothing, every 15 seconds. Nothing while the tab is hidden.
"use strict";
(() => {
  const FLOOR = 15000; // ms without news after which a part is asked for anyway
  const LEAST = 250; // ms between two requests of one part; more where the answer takes long
  const SHARE = 8; // a part waits this many times as long as its last answer took: a page may not keep a server busy
  let socket = null, wait = 500, told = null, lost = false;

  // By part and not by element, because htmx puts a new element in its place.
  const known = new Map();
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const keyOf = (part) => part.id || `${part.dataset.live} ${part.getAttribute("hx-get") || part.dataset.plot || ""}`;
  const stateOf = (part) => {
    const key = keyOf(part);
    if (!known.has(key)) known.set(key, { asked: Date.now(), took: 0, stale: false });
    return known.get(key);
  };

  // Not under the hands of somebody who is using it.
  const inUse = (part) => part.querySelector("dialog[open], .dropdown-menu.show, input:checked[name=select]")
    || (part.contains(document.activeElement) && document.activeElement.matches("input:not([type=submit]), select, textarea, [contenteditable]"))
    || (!document.getSelection().isCollapsed && part.contains(document.getSelection().anchorNode));

  const refresh = (part) => {
    const state = stateOf(part);
    const pause = Math.max(LEAST, SHARE * state.took);
    if (document.hidden || inUse(part) || Date.now() - state.asked < pause) { state.stale = true; return; }
    state.stale = false;
    state.asked = Date.now();
    part.dispatchEvent(new CustomEvent("live"));
  };

  const look = () => {
    if (document.hidden) return;
    for (const part of parts()) {
      const state = stateOf(part);
      if (state.stale || Date.now() - state.asked > FLOOR) refresh(part);
    }
  };

  const subscribe = () => {
    const wanted = [...new Set(parts().map((part) => part.dataset.live))].sort();
    if (!socket || socket.readyState !== WebSocket.OPEN || wanted.join() === told) return;
    const since = told === null && !lost ? Number(document.body.dataset.made) : undefined; // what came while the page was on its way
    told = wanted.join();
    socket.send(JSON.stringify({ subscribe: wanted, since }));
  };

  const connect = () => {
    if (document.hidden || !parts().length) { setTimeout(connect, 1000); return; }
    told = null;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${document.body.dataset.liveUrl || "/live/"}`);
    socket.addEventListener("open", () => {
      wait = 500;
      subscribe();
      if (lost) for (const part of parts()) refresh(part); // what happened meanwhile nobody told
      lost = false;
    });
    socket.addEventListener("message", (event) => {
      const changed = new Set(JSON.parse(event.data).changed);
      for (const part of parts()) if (changed.has(part.dataset.live)) refresh(part);
    });
    socket.addEventListener("close", (event) => {
      lost = true;
      if (event.code === 4401) { location.reload(); return; }
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 30000);
    });
  };

  // What a person has opened, and where the keyboard is, outlives the exchange of a part.
  let opened = [], focused = "";
  const place = (element) => element.id ? `#${CSS.escape(element.id)}`
    : element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]`
      : element.matches("button[name]") ? `button[name="${CSS.escape(element.name)}"][value="${CSS.escape(element.value)}"]` : "";

  const start = () => {
    for (const part of parts()) stateOf(part);
    document.body.addEventListener("htmx:beforeSwap", (event) => {
      const part = event.detail.target;
      if (!part || !part.matches("[data-live]")) return;
      stateOf(part).took = Date.now() - stateOf(part).asked;
      opened = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
      focused = part.contains(document.activeElement) ? place(document.activeElement) : "";
    });
    document.body.addEventListener("htmx:afterSettle", () => {
      for (const id of opened) { const details = document.getElementById(id); if (details) details.open = true; }
      opened = [];
      const again = focused && document.activeElement === document.body ? document.querySelector(focused) : null;
      if (again) again.focus({ preventScroll: true });
      focused = "";
      subscribe();
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) for (const part of parts()) refresh(part); });
    setInterval(look, LEAST);
    connect();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
