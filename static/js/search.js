// The search field in the head: answers while one types (htmx), arrows go through them, Enter opens one, Escape closes, Tab leaves.
// Without JavaScript, and with no answer chosen, Enter opens the page of the search.
"use strict";
(() => {
  const field = document.getElementById("search"), box = document.getElementById("search-results");
  if (!field || !box) return;
  let chosen = -1;
  const hits = () => [...box.querySelectorAll("[data-hit]")];
  const status = document.createElement("span"); // what a screen reader says of an answer; the answer itself would be too much
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  field.after(status);
  const set = (attributes) => Object.entries(attributes).forEach(([name, value]) => field.setAttribute(name, value));
  set({ role: "combobox", "aria-controls": "search-options", "aria-haspopup": "listbox", "aria-autocomplete": "list", "aria-expanded": "false" });

  const choose = (index) => {
    const all = hits();
    chosen = all.length ? (index + all.length + 1) % (all.length + 1) : -1;
    if (chosen === all.length) chosen = -1; // past the last one: back in the field
    all.forEach((hit, number) => {
      hit.id = `hit-${number}`;
      hit.classList.toggle("chosen", number === chosen);
      hit.setAttribute("aria-selected", String(number === chosen));
    });
    if (chosen < 0) field.removeAttribute("aria-activedescendant");
    else {
      field.setAttribute("aria-activedescendant", `hit-${chosen}`);
      all[chosen].scrollIntoView({ block: "nearest" });
    }
  };
  const show = (open) => {
    box.hidden = !open;
    field.setAttribute("aria-expanded", String(open && hits().length > 0));
    if (!open) choose(-1);
  };
  const empty = () => { box.replaceChildren(); status.textContent = ""; show(!box.hidden); };

  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // the keys are the input method's
    if (event.key === "ArrowDown") { event.preventDefault(); show(true); choose(chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); show(true); choose(chosen < 0 ? hits().length - 1 : chosen - 1); }
    else if (event.key === "Enter" && chosen >= 0 && !box.hidden) { event.preventDefault(); hits()[chosen].click(); }
    else if (event.key === "Escape") { if (!box.hidden && box.childElementCount) event.preventDefault(); show(false); }
  });
  field.addEventListener("focus", () => show(true));
  field.addEventListener("input", () => { if (!field.value.trim()) empty(); else show(true); });
  box.addEventListener("htmx:afterSwap", () => {
    if (!field.value.trim()) return empty(); // an answer to what was deleted meanwhile
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
    show(document.activeElement === field);
    const said = box.querySelector("[data-said]");
    status.textContent = said ? said.dataset.said || said.textContent : "";
  });
  document.addEventListener("click", (event) => { if (!event.target.closest("form.search")) show(false); });
  field.form.addEventListener("focusout", (event) => { if (event.relatedTarget && !field.form.contains(event.relatedTarget)) show(false); });
  show(false);
})();
