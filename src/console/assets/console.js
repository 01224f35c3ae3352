// Refreshes the page, asks before actions that lose something, and copies. The page works without it.
const PERIOD = 5000;
const pause = document.getElementById("pause");
const ask = document.getElementById("ask");

if (ask) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.question) return;
    event.preventDefault();
    const inner = ask.querySelector("form");
    inner.action = form.dataset.post;
    inner.elements.target.value = form.elements.target.value;
    document.getElementById("ask-what").textContent = form.querySelector("button").ariaLabel;
    document.getElementById("ask-question").textContent = form.dataset.question;
    document.getElementById("ask-yes").textContent = form.dataset.label;
    ask.showModal();
  });
  document.getElementById("ask-no").addEventListener("click", () => ask.close());
}

// Over plain HTTP browsers have no clipboard for pages, but for what is selected.
async function copy(code) {
  if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent);
  document.getSelection().selectAllChildren(code);
  document.execCommand("copy");
}

function addCopyButtons(root) {
  for (const details of root.querySelectorAll("details.copy")) {
    if (details.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await copy(details.querySelector("code"));
      button.textContent = "Copied";
    });
    details.append(button);
  }
}
addCopyButtons(document);

// What is open stays open. A panel with the focus or a selection in it is left as it is.
function isInUse(element) {
  const selection = document.getSelection();
  return element.contains(document.activeElement) && element !== document.activeElement ||
    (selection && !selection.isCollapsed && element.contains(selection.anchorNode)) ||
    element.querySelector("details[open]") !== null;
}

function replace(old, fresh) {
  if (!old || !fresh || isInUse(old)) return;
  const copy = document.importNode(fresh, true);
  addCopyButtons(copy);
  if (old.innerHTML !== copy.innerHTML) old.replaceChildren(...copy.childNodes);
}

async function refresh() {
  if (document.hidden || ask.open || pause.ariaPressed === "true") return;
  const query = new URLSearchParams(location.search);
  query.delete("outcome");
  const answer = await fetch("/?" + query, { cache: "no-store" }).catch(() => null);
  if (!answer || !answer.ok) {
    document.querySelector("#top .state").textContent = "clawgate does not answer";
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  document.querySelector("header.top").className = fresh.querySelector("header.top").className;
  for (const id of ["top", "since", "nav"]) replace(document.getElementById(id), fresh.getElementById(id));
  for (const panel of document.querySelectorAll(".panels > section")) {
    replace(panel, fresh.getElementById(panel.id));
  }
}

if (pause && ask) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.ariaPressed !== "true";
    pause.ariaPressed = String(paused);
  });
  setInterval(refresh, PERIOD);
}
