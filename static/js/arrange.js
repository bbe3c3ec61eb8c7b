// Rows below data-arrange can be dragged to another place; the order is sent as it stands. The arrows do it without.
// A row carries data-row, its id; the list that it is in may carry data-section, which is sent before the id.
let dragged = null;
let before = null;

function rowAt(event) {
  return event.target.closest("[data-row]");
}

function listAt(event) {
  return event.target.closest("[data-section]") ?? event.target.closest("[data-arrange]");
}

function place(row) {
  const list = row.closest("[data-section]");
  return list ? `${list.dataset.section}:${row.dataset.row}` : row.dataset.row;
}

function send(outline) {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", outline.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const row of outline.querySelectorAll("[data-row]")) body.append("place", place(row));
  return fetch(outline.dataset.arrange, { method: "POST", body });
}

function mark(row) {
  for (const marked of document.querySelectorAll(".drop-before")) marked.classList.remove("drop-before");
  row?.classList.add("drop-before");
}

for (const outline of document.querySelectorAll("[data-arrange]")) {
  for (const row of outline.querySelectorAll("[data-row]")) row.draggable = true;
  outline.addEventListener("dragstart", (event) => {
    // A link or a picture inside a row would be dragged in its stead.
    dragged = event.target.matches?.("[data-row]") ? event.target : rowAt(event);
    if (!dragged) return;
    before = dragged.nextElementSibling;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    dragged.classList.add("is-dragged");
  });
  outline.addEventListener("dragover", (event) => {
    if (!dragged || !outline.contains(dragged) || !listAt(event)) return;
    event.preventDefault();
    mark(rowAt(event));
  });
  outline.addEventListener("drop", async (event) => {
    const list = listAt(event);
    if (!dragged || !list) return;
    event.preventDefault();
    const [row, home, back] = [dragged, dragged.parentElement, before];
    list.insertBefore(row, rowAt(event));
    const answer = await send(outline).catch(() => null);
    if (!answer?.ok) home.insertBefore(row, back);
  });
  outline.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    mark(null);
  });
}
