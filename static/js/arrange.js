// Rows below data-arrange can be dragged to another place; the order is sent as it stands. The arrows do it without.
// A row carries data-row, its id; the list that it is in may carry data-section, which is sent before the id.
let dragged = null;

function listsOf(outline) {
  const sections = [...outline.querySelectorAll("[data-section]")];
  return sections.length ? sections : [outline];
}

// How far above or below a box the pointer is; 0 inside.
function gap(box, y) {
  return Math.max(box.top - y, y - box.bottom, 0);
}

// Where a row would go: into which list, and before which row, null for the end. Above the middle of a row is before
// it, below it behind; whatever is nearest counts, so that the gaps between lists and a little around them take it too.
function placeAt(outline, { clientX: x, clientY: y }) {
  const around = outline.getBoundingClientRect();
  if (x < around.left || x > around.right || gap(around, y) > dragged.offsetHeight) return null;
  const distance = (list) => gap(list.getBoundingClientRect(), y);
  const list = listsOf(outline).reduce((best, next) => (distance(next) < distance(best) ? next : best));
  const isAbove = (row) => {
    const box = row.getBoundingClientRect();
    return y < box.top + box.height / 2;
  };
  return { list, next: [...list.querySelectorAll("[data-row]")].find(isAbove) ?? null };
}

function isThere(place) {
  return place.next === dragged || (dragged.parentElement === place.list && dragged.nextElementSibling === place.next);
}

function mark(place) {
  for (const side of ["drop-before", "drop-after"]) {
    for (const marked of document.querySelectorAll(`.${side}`)) marked.classList.remove(side);
  }
  if (!place || isThere(place)) return;
  if (place.next) place.next.classList.add("drop-before");
  else place.list.lastElementChild?.classList.add("drop-after");
}

function written(row) {
  const list = row.closest("[data-section]");
  return list ? `${list.dataset.section}:${row.dataset.row}` : row.dataset.row;
}

function send(outline) {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", outline.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const row of outline.querySelectorAll("[data-row]")) body.append("place", written(row));
  return fetch(outline.dataset.arrange, { method: "POST", body });
}

for (const outline of document.querySelectorAll("[data-arrange]")) {
  for (const row of outline.querySelectorAll("[data-row]")) row.draggable = true;
  outline.addEventListener("dragstart", (event) => {
    // A link or a picture inside a row would be dragged in its stead.
    dragged = event.target.closest?.("[data-row]") ?? event.target.parentElement?.closest("[data-row]");
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    dragged.classList.add("is-dragged");
  });
  outline.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    mark(null);
  });
  document.addEventListener("dragover", (event) => {
    if (!dragged || !outline.contains(dragged)) return;
    const place = placeAt(outline, event);
    mark(place);
    if (place) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    const place = dragged && outline.contains(dragged) ? placeAt(outline, event) : null;
    if (!place) return;
    event.preventDefault();
    if (isThere(place)) return;
    const [row, home, next] = [dragged, dragged.parentElement, dragged.nextElementSibling];
    place.list.insertBefore(row, place.next);
    const answer = await send(outline).catch(() => null);
    if (!answer?.ok) home.insertBefore(row, next);
  });
}
