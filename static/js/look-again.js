// While a purchase is being checked, asks again every two seconds and shows the answer when it is another one.
const waiting = document.querySelector("[data-look-again]");

async function lookAgain() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.querySelector("[data-look-again]")) return location.reload();
  } catch {
    // Offline for a moment: the next look may succeed.
  }
  setTimeout(lookAgain, 2000);
}

if (waiting) setTimeout(lookAgain, 2000);
