// Light or dark before the first paint; what the person chose is kept in this browser.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const apply = () => {
    const theme = chosen() === "auto" ? (dark.matches ? "dark" : "light") : chosen();
    document.documentElement.setAttribute("data-bs-theme", theme);
    document.documentElement.dispatchEvent(new CustomEvent("themechange"));
  };
  document.documentElement.classList.add("js");
  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme]");
    if (!button) return;
    try { localStorage.setItem("theme", button.dataset.theme); } catch { /* not kept then */ }
    apply();
  });
  apply();
})();
