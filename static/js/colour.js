// A field for a colour gets the browser's own colour picker beside it; without this script the field alone does.
document.querySelectorAll("input[data-colour]").forEach((field) => {
  const picker = document.createElement("input");
  picker.type = "color";
  picker.className = "form-control form-control-color";
  picker.setAttribute("aria-label", field.labels[0] ? field.labels[0].textContent : field.name);
  const readable = () => /^#[0-9a-f]{6}$/i.test(field.value.trim());
  const follow = () => { if (readable()) picker.value = field.value.trim(); };
  const here = document.querySelector(".brand-preview"), now = here ? getComputedStyle(here).getPropertyValue("--tblr-primary").trim() : "";
  if (/^#[0-9a-f]{6}$/i.test(now)) picker.value = now; // nothing chosen: what counts now
  follow();
  picker.addEventListener("input", () => { field.value = picker.value; });
  field.addEventListener("input", follow);
  const row = document.createElement("div");
  row.className = "colour-row";
  field.before(row);
  row.append(picker, field);
});
