// The table of new passwords as a file, made in the browser: the portal does not keep them, so it cannot send them again.
"use strict";
(() => {
  const table = document.querySelector("[data-passwords]");
  const button = document.querySelector("[data-save-passwords]");
  if (!table || !button) return;
  const cell = (text) => {
    const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a spreadsheet would run it as a formula
    return /[",;\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  };
  button.addEventListener("click", () => {
    const rows = [...table.querySelectorAll("[data-row]")].map((row) => JSON.parse(row.dataset.row));
    const heads = JSON.parse(table.dataset.passwords);
    const text = [heads, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
    const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = button.dataset.savePasswords;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
})();
