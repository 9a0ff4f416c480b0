// Keeps the open page true. An element with data-live="station:12" gets the event "live" when that station changed; htmx then asks for
// its content (hx-trigger="live"). Without the websocket, or when it says nothing, every 15 seconds. Nothing while the tab is hidden.
"use strict";
(() => {
  const FLOOR = 15000;
  let socket = null, wait = 500, told = "";
  const refreshedAt = new WeakMap();

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topics = () => [...new Set(parts().map((part) => part.dataset.live))].sort();

  // Not under the hands of somebody who is using it.
  const inUse = (part) => part.querySelector("dialog[open], .dropdown-menu.show, input:checked[name=select]")
    || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"))
    || (!document.getSelection().isCollapsed && part.contains(document.getSelection().anchorNode));

  const refresh = (part) => {
    if (document.hidden || inUse(part)) { part.dataset.stale = "1"; return; }
    delete part.dataset.stale;
    refreshedAt.set(part, Date.now());
    part.dispatchEvent(new CustomEvent("live"));
  };

  const subscribe = () => {
    const wanted = topics();
    if (socket && socket.readyState === WebSocket.OPEN && wanted.join() !== told) {
      told = wanted.join();
      socket.send(JSON.stringify({ subscribe: wanted }));
    }
  };

  const connect = () => {
    if (document.hidden || !topics().length) { setTimeout(connect, 2000); return; }
    told = "";
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live/`);
    socket.addEventListener("open", () => { wait = 500; subscribe(); });
    socket.addEventListener("message", (event) => {
      const changed = new Set(JSON.parse(event.data).changed);
      for (const part of parts()) if (changed.has(part.dataset.live)) refresh(part);
    });
    socket.addEventListener("close", (event) => {
      if (event.code === 4401) { location.reload(); return; }
      setTimeout(connect, wait + Math.random() * wait);
      wait = Math.min(wait * 2, 30000);
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    const now = Date.now();
    for (const part of parts()) refreshedAt.set(part, now);
    document.body.addEventListener("htmx:afterSettle", subscribe);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) for (const part of parts()) refresh(part); });
    setInterval(() => {
      if (document.hidden) return;
      for (const part of parts()) {
        if (!refreshedAt.has(part)) refreshedAt.set(part, Date.now());
        else if (Date.now() - refreshedAt.get(part) > FLOOR || part.dataset.stale) refresh(part);
      }
    }, 1000);
    connect();
  });
})();
