// A list too long to look through: a field above it leaves only what contains what is typed. Without this it is an ordinary list.
"use strict";
(() => {
  const MANY = 20, SHOWN = 8, { hint } = document.currentScript.dataset;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const enhance = (select) => {
    const whole = [...select.children];
    const options = [...select.options].map((option) => ({ option, text: plain(option.text), group: option.closest("optgroup") }));
    const find = Object.assign(document.createElement("input"), {
      type: "search", className: "form-control find-in-list", placeholder: hint, autocomplete: "off", maxLength: 100,
    });
    find.setAttribute("aria-label", `${select.labels[0]?.textContent.trim() ?? ""}: ${hint}`);
    select.before(find);

    const matching = () => {
      const words = plain(find.value).split(/\s+/).filter(Boolean);
      return words.length ? options.filter(({ text }) => words.every((word) => text.includes(word))) : options;
    };
    const show = () => {
      const chosen = select.selectedOptions[0], found = matching();
      for (const { option, group } of options) if (group) group.append(option);
      if (found === options) select.replaceChildren(...whole);
      else select.replaceChildren(...options.filter((one) => one.option === chosen || found.includes(one)).map(({ option }) => option));
      if (found === options) select.removeAttribute("size");
      else select.size = Math.max(2, Math.min(SHOWN, select.length));
      if (chosen) chosen.selected = true;
    };
    const take = () => { find.value = ""; show(); };
    find.addEventListener("input", show);
    find.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { event.preventDefault(); select.focus(); }
      if (event.key !== "Enter" || !find.value) return;
      event.preventDefault(); // it takes the first, and does not send the form
      const [first] = matching();
      if (first) { first.option.selected = true; select.dispatchEvent(new Event("change", { bubbles: true })); take(); }
    });
    select.addEventListener("click", () => { if (find.value) take(); });
    select.addEventListener("keydown", (event) => { if (event.key === "Enter" && find.value) { event.preventDefault(); take(); find.focus(); } });
  };

  for (const select of document.querySelectorAll("main select:not([multiple])")) {
    if (select.length > MANY && !select.disabled && !select.closest(".filters")) enhance(select);
  }
})();
