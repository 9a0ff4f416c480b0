// Security keys: the button asks the browser for the key, and its answer goes with the form.
"use strict";
(() => {
  const form = document.querySelector("form[data-security-key]");
  if (!form) return;
  const show = (name) => { document.querySelector(`[data-key-${name}]`).hidden = false; };
  if (!window.PublicKeyCredential || !window.isSecureContext) { show("missing"); return; }
  document.addEventListener("allauth.error", (event) => { event.preventDefault(); show("refused"); });
  const adding = form.dataset.securityKey === "add";
  const ids = { [adding ? "add" : "authenticate"]: "security-key", credential: form.querySelector("[name=credential]").id, data: "js_data" };
  window.allauth.webauthn.forms[adding ? "addForm" : "authenticateForm"]({ ids });
  document.getElementById("security-key").disabled = false;
})();
