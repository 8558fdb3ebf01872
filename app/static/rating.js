// Doing things in place: forms with data-rate or data-act are sent by script, then the page's live
// region is fetched again, so what it shows is always what the server would show.

const KEYBOARD_PAUSE = 700; // arrow keys walk over stars on the way to the one that is meant
const SAID_FOR = 8000;
const said = document.getElementById("said");
let pending;
let asked = 0;
let byKeyboard = false;
let silence;

document.addEventListener("keydown", () => (byKeyboard = true), true);
document.addEventListener("pointerdown", () => (byKeyboard = false), true);

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-rate]");
  if (!form) return;
  clearTimeout(pending);
  pending = setTimeout(() => send(form), byKeyboard ? KEYBOARD_PAUSE : 0);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-rate], form[data-act]")) return;
  event.preventDefault();
  clearTimeout(pending);
  send(event.target, event.submitter);
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.replaceState(null, "", link.href);
  const shown = document.querySelectorAll("[data-live] [data-item]").length;
  if (await refresh()) {
    document.querySelectorAll("[data-live] [data-item]")[shown]?.querySelector(".rate input:not([type=hidden])")?.focus();
  }
});

async function send(form, button) {
  const fields = new FormData(form, button);
  const answer = await post(form.action, fields);
  if (!answer) {
    if (form.matches("[data-rate]")) form.reset(); // stars go back; a number that was typed stays
    return;
  }
  say(answer.message, answer.undo && (() => undoing(answer.undo, fields.get("csrf_token"))));
  await refresh();
}

async function undoing({ address, rating }, token) {
  const fields = new FormData();
  fields.set("csrf_token", token);
  if (rating) fields.set("rating", rating);
  if (await post(address, fields)) {
    say("Undone.");
    await refresh();
  }
}

// The server's answer, or null after telling the visitor what went wrong.
async function post(address, fields) {
  let response;
  try {
    response = await fetch(address, {
      method: "POST", body: fields, headers: { Accept: "application/json" },
    });
  } catch {
    say("That was not saved: no connection. Try again.");
    return null;
  }
  if (response.status === 401) { // the session has ended: the page leads to the login
    location.reload();
    return null;
  }
  if (!response.ok) {
    const error = await response.json().catch(() => ({}));
    say(error.message || "That was not saved. Try again.");
    return null;
  }
  return response.json();
}

// Replace the live region by a fresh one; of several at once, the last one asked for wins.
export async function refresh() {
  const live = document.querySelector("[data-live]");
  if (!live) return false;
  const turn = ++asked;
  live.setAttribute("aria-busy", "true");
  const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (turn === asked) live.removeAttribute("aria-busy");
  if (!response?.ok) return false;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html")
    .querySelector("[data-live]");
  if (!fresh || turn !== asked) return false;
  const held = live.contains(document.activeElement)
    ? document.activeElement.closest("[data-item]")?.dataset.item : undefined;
  const hadFocus = live.contains(document.activeElement);
  const before = new Set([...live.querySelectorAll("[data-item]")].map((e) => e.dataset.item));
  live.replaceChildren(...fresh.childNodes);
  for (const item of live.querySelectorAll("[data-item]")) {
    if (!before.has(item.dataset.item)) item.classList.add("arrived");
  }
  if (hadFocus) {
    const again = held && live.querySelector(
      `[data-item="${held}"] input:checked, [data-item="${held}"] button`);
    (again || live.querySelector("h1"))?.focus({ preventScroll: true });
  }
  return true;
}

export function say(message, undo) {
  const line = document.createElement("p");
  line.textContent = message;
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.addEventListener("click", undo, { once: true });
    line.append(button);
  }
  said.replaceChildren(line);
  clearTimeout(silence);
  silence = setTimeout(() => {
    if (!said.contains(document.activeElement)) said.replaceChildren();
  }, SAID_FOR);
}
