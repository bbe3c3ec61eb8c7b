// A form with data-unsaved says when it holds what is not saved yet, and the browser asks before it is left.
for (const form of document.querySelectorAll("form[data-unsaved]")) {
  const words = form.querySelector("[data-unsaved-words]");
  const first = new URLSearchParams(new FormData(form)).toString();
  // A page that shows what was typed and refused, or a preview, was changed from the start.
  let changed = Boolean(form.querySelector("[aria-invalid], [role=alert]")) || Boolean(document.getElementById("preview"));
  let sending = false;

  const look = () => {
    changed = changed || new URLSearchParams(new FormData(form)).toString() !== first;
    if (words) words.hidden = !changed;
  };
  form.addEventListener("input", look);
  form.addEventListener("submit", () => (sending = true));
  addEventListener("pageshow", () => {
    sending = false;
    look();
  });
  addEventListener("beforeunload", (event) => {
    if (changed && !sending) event.preventDefault();
  });
}
