// A form with data-unsaved says when it holds what is not saved yet, and the browser asks before it is left.
// "changed" says so from the start: it was sent, and shown again.
for (const form of document.querySelectorAll("form[data-unsaved]")) {
  const words = form.querySelector("[data-unsaved-words]");
  const first = new URLSearchParams(new FormData(form)).toString();
  let changed = form.dataset.unsaved === "changed";
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
