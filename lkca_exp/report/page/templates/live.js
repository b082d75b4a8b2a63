// Ask whether there is news, and put it in the place of the old without a jump.
const seconds = 3;

async function renew() {
  const said = document.getElementById("live");
  try {
    const version = await (await fetch("version", { cache: "no-store" })).text();
    if (version !== document.documentElement.dataset.version) {
      const text = await (await fetch("./", { cache: "no-store" })).text();
      const fresh = new DOMParser().parseFromString(text, "text/html");
      const focused = document.activeElement?.matches(".filter input");
      const open = [...document.querySelectorAll("details")].map((details) => details.open);
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
      document.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? details.open));
      document.documentElement.dataset.version = fresh.documentElement.dataset.version;
      start();
      if (focused) document.querySelector(".filter input").focus();
    }
  } catch {
    if (said) said.textContent = "The server does not answer; this is what it said last.";
  }
  setTimeout(renew, 1000 * seconds);
}

setTimeout(renew, 1000 * seconds);
