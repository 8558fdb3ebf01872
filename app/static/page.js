// Small things on pages that work without them: filters that follow each change, menus that close,
// a drawn picture where a photograph does not come, a file looked at before it is sent.
import { refresh, say } from "./rating.js";

const steer = document.querySelector("form[data-steer]");
const PAUSE = 350;
let pending;

const follow = async (address) => {
  history.replaceState(null, "", address);
  await refresh();
};

const address = () => {
  const wanted = new URLSearchParams(new FormData(steer));
  for (const [name, value] of [...wanted]) {
    if (!value || (["known", "mix"].includes(name) && value === "0")) wanted.delete(name);
  }
  return `${steer.action}${wanted.size ? `?${wanted}` : ""}`;
};

steer?.addEventListener("input", (event) => {
  const { name, value, checked } = event.target;
  const other = { genre: "not", not: "genre" }[name];
  if (other && checked) { // a genre is asked for or kept out, not both
    const twin = steer.querySelector(`[name="${other}"][value="${CSS.escape(value)}"]`);
    if (twin) twin.checked = false;
  }
  clearTimeout(pending);
  pending = setTimeout(() => follow(address()), PAUSE);
});

steer?.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pending);
  follow(address());
});

document.addEventListener("click", (event) => {
  const clear = event.target.closest("a[data-clear]");
  if (clear && steer) {
    event.preventDefault();
    for (const field of steer.elements) {
      if (field.type === "checkbox") field.checked = false;
      else if (field.type === "range") field.value = "0";
      else if (field.name) field.value = "";
    }
    follow(clear.href);
  }
  if (event.target.closest("a[data-focus-search]")) {
    const box = document.querySelector("[data-search] input");
    if (box) {
      event.preventDefault();
      box.focus();
    }
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest("details[data-menu][open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

const draw = (picture) => {
  const drawn = picture.dataset?.drawn;
  if (drawn && picture.getAttribute("src") !== drawn) picture.src = drawn;
};

document.addEventListener("error", (event) => draw(event.target), true);
for (const picture of document.images) { // those that failed before this script ran
  if (picture.complete && !picture.naturalWidth) draw(picture);
}

document.addEventListener("submit", (event) => {
  const field = event.target.querySelector("input[type=file][data-most]");
  const file = field?.files[0];
  if (file && file.size > Number(field.dataset.most)) {
    event.preventDefault();
    say(`${file.name} has ${Math.ceil(file.size / 1e6)} MB. ${field.dataset.tooLarge}`);
    field.focus();
  }
});
