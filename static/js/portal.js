// The small behaviours of every page. Everything works without them too.
"use strict";
(() => {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });

  // Toasts: good news goes by itself, bad news waits to be read.
  const dismiss = (toast) => toast && toast.remove();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dismiss-toast]");
    if (button) dismiss(button.closest(".toast"));
  });
  for (const toast of document.querySelectorAll("#toasts .toast")) {
    if (!["error", "warning"].includes(toast.dataset.level)) setTimeout(() => dismiss(toast), 6000);
  }

  // Tabs that do not fit: the open one is in sight.
  for (const tab of document.querySelectorAll(".tabs .nav-link.active")) {
    const bar = tab.closest(".tabs"), where = tab.getBoundingClientRect();
    bar.scrollLeft += where.left - bar.getBoundingClientRect().left - (bar.clientWidth - where.width) / 2;
  }

  // Copy buttons: data-copy holds the text.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });

  // Lists: the box in the head ticks the page; the bar for bulk actions appears when something is ticked.
  const refresh = (list) => {
    const boxes = [...list.querySelectorAll("input[name=select]")];
    const ticked = boxes.filter((box) => box.checked).length;
    const head = list.querySelector("[data-select-page]");
    if (head) { head.checked = ticked > 0 && ticked === boxes.length; head.indeterminate = ticked > 0 && ticked < boxes.length; }
    const bar = list.querySelector("[data-bulk]");
    if (bar) {
      bar.classList.toggle("on", ticked > 0);
      const all = bar.querySelector("[data-select-all]"), whole = all?.querySelector("input");
      if (all) all.hidden = ticked < boxes.length;
      if (whole && all.hidden) whole.checked = false;
      const count = bar.querySelector("[data-count]");
      if (count) count.textContent = whole?.checked ? all.dataset.selectAll : String(ticked);
    }
  };
  document.addEventListener("change", (event) => {
    const list = event.target.closest("[data-list]");
    if (!list) return;
    if (event.target.matches("[data-select-page]")) {
      for (const box of list.querySelectorAll("input[name=select]")) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-select-page], [data-select-all] input, input[name=select]")) refresh(list);
  });
})();
