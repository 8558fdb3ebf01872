// Search boxes: suggestions while typing, `/` to get to the one above, Escape to leave.

const PAUSE = 120;
let pending;
let asked = 0;

const boxOf = (element) => element.closest?.("[data-search]");
const fieldOf = (box) => box.querySelector("input[type=search]");
const panelOf = (box) => box.querySelector(".suggestions");
const open = () => [...document.querySelectorAll("[data-search]")].filter((box) => !panelOf(box).hidden);

const close = (box) => {
  panelOf(box).hidden = true;
  asked += 1;
};

const suggest = async (box) => {
  const { form, value } = fieldOf(box);
  if (!value.trim()) return close(box);
  const turn = ++asked;
  const sought = new URLSearchParams(new FormData(form));
  sought.set("suggest", "1");
  sought.set("q", value.trim());
  const response = await fetch(`${form.action}?${sought}`).catch(() => null);
  if (!response?.ok || response.redirected || turn !== asked) return;
  const found = new DOMParser().parseFromString(await response.text(), "text/html");
  if (turn !== asked) return;
  panelOf(box).replaceChildren(...found.body.childNodes);
  panelOf(box).hidden = false;
};

const isField = (element) => element.matches("[data-search] input[type=search]");

document.addEventListener("input", (event) => {
  if (!isField(event.target)) return;
  clearTimeout(pending);
  pending = setTimeout(suggest, PAUSE, boxOf(event.target));
});

document.addEventListener("click", (event) => {
  if (!isField(event.target)) return;
  const panel = panelOf(boxOf(event.target));
  if (event.target.value.trim() && panel.hasChildNodes()) panel.hidden = false;
});

document.addEventListener("pointerdown", (event) => {
  for (const box of open()) if (!box.contains(event.target)) close(box);
});

document.addEventListener("focusout", (event) => {
  for (const box of open()) {
    if (event.relatedTarget && box.contains(event.target) && !box.contains(event.relatedTarget)) close(box);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" && isField(event.target) && !panelOf(boxOf(event.target)).hidden) {
    event.preventDefault();
    panelOf(boxOf(event.target)).querySelector(
      ".rate input:checked, .rate input:not([type=hidden]), form button")?.focus();
    return;
  }
  const [box] = event.key === "Escape" ? open() : [];
  if (box) {
    close(box);
    fieldOf(box).focus();
    return;
  }
  const typing = event.target.closest("input:not([type=radio]), textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.querySelector("header [data-search] input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }
});
