// Shows what needs passkeys where the browser has them, and says it when one could not be made or used.
const show = (name) => {
  for (const element of document.querySelectorAll(`[${name}]`)) element.hidden = false;
};

show(window.isSecureContext && window.PublicKeyCredential ? "data-passkey" : "data-passkey-impossible");

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  show("data-passkey-failed");
});
