// While a purchase is being checked, asks again every two seconds and shows the answer when it is another one.
const waiting = document.querySelector("[data-look-again]");

async function lookAgain() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.status === 429 || response.status >= 500) throw new Error("not now");
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.querySelector("[data-look-again]")) return location.reload();
  } catch {
    // Offline, or put off for a moment: the next look may succeed, and what is shown still holds.
  }
  setTimeout(lookAgain, 2000);
}

if (waiting) setTimeout(lookAgain, 2000);
