// Rows with data-page can be dragged to another place; the order is sent as it stands. The arrows do the same without.
const outline = document.querySelector("[data-arrange]");
let dragged = null;
let before = null;

function send() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const row of outline.querySelectorAll("[data-page]")) {
    body.append("place", `${row.closest("[data-section]").dataset.section}:${row.dataset.page}`);
  }
  return fetch(outline.dataset.arrange, { method: "POST", body });
}

function mark(place) {
  for (const row of outline.querySelectorAll(".drop-before")) row.classList.remove("drop-before");
  place?.classList.add("drop-before");
}

outline?.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-page]");
  if (!dragged) return;
  before = dragged.nextElementSibling;
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("is-dragged");
});
outline?.addEventListener("dragover", (event) => {
  const list = dragged && event.target.closest("[data-section]");
  if (!list) return;
  event.preventDefault();
  mark(event.target.closest("[data-page]"));
});
outline?.addEventListener("drop", async (event) => {
  const list = dragged && event.target.closest("[data-section]");
  if (!list) return;
  event.preventDefault();
  const home = dragged.parentElement;
  list.insertBefore(dragged, event.target.closest("[data-page]"));
  const answer = await send().catch(() => null);
  if (!answer?.ok) home.insertBefore(dragged, before);
});
outline?.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
  mark(null);
});
for (const row of outline?.querySelectorAll("[data-page]") ?? []) row.draggable = true;
