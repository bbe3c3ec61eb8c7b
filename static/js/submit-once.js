// A second click on a submit button while the first is on its way does nothing. What is shown in a frame of the same
// page leaves the page where it is, and may be asked for again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.submitter?.formTarget) return;
  if (form.dataset.sending) {
    event.preventDefault();
  } else if (form.method === "post" && !event.defaultPrevented) {
    form.dataset.sending = "true";
  }
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
});
