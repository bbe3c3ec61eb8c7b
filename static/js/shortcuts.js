// Console keys: "/" goes to the search field; "g" and a letter follow the link that carries data-keys.
for (const current of document.querySelectorAll(".rail [aria-current], .tabs [aria-current]")) {
  current.scrollIntoView({ inline: "center", block: "nearest" });
}

let waiting = false;
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    const field = document.querySelector('[data-key="/"]');
    if (field) {
      event.preventDefault();
      field.focus();
    }
    return;
  }
  if (waiting) document.querySelector(`[data-keys="g ${CSS.escape(event.key)}"]`)?.click();
  waiting = event.key === "g" && !waiting;
});
