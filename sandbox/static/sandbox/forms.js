// Conveniences over working forms: each page does the same without them.

for (const button of document.querySelectorAll("[data-fill-card]")) {
  button.hidden = false;
  button.addEventListener("click", () => fillCard(button.dataset.fillCard));
}

for (const button of document.querySelectorAll("[data-fill]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.value;
    field.focus();
  });
}

for (const field of document.querySelectorAll("[data-card]")) {
  field.addEventListener("input", () => {
    if (field.selectionStart === field.value.length) field.value = inFours(field.value);
  });
}

for (const field of document.querySelectorAll("[data-expiry]")) {
  field.addEventListener("input", (event) => {
    if (event.inputType?.startsWith("delete")) return;
    const digits = field.value.replace(/\D/g, "").slice(0, 4);
    field.value = digits.length >= 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (!button) return;
    button.setAttribute("aria-disabled", "true");
    if (button.dataset.busy) button.textContent = button.dataset.busy;
  });
}

// A choice made beside a form takes along what is typed there so far; what must not be kept stays behind.
for (const form of document.querySelectorAll("form[data-carry]")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of new FormData(document.getElementById(form.dataset.carry))) {
      if (!event.formData.has(name) && !["card", "expiry", "cvc", "iban"].includes(name)) event.formData.append(name, value);
    }
  });
}

// On narrow screens the rail is a strip: show the page that one is on.
const strip = document.querySelector(".rail ul");
const here = strip?.querySelector("[aria-current]");
if (here) strip.scrollLeft = here.offsetLeft - (strip.clientWidth - here.offsetWidth) / 2;

// A page taken from the back-forward cache must be usable again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

function inFours(value) {
  return value.replace(/\D/g, "").slice(0, 19).replace(/(.{4})(?=.)/g, "$1 ");
}

function fillCard(number) {
  const form = document.querySelector("[data-card]").form;
  form.elements.card.value = inFours(number);
  form.elements.expiry.value = "12 / 34";
  form.elements.cvc.value = "123";
  if (form.elements.name && !form.elements.name.value) form.elements.name.value = "Test Person";
  form.elements.card.focus();
}
