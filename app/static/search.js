// The search box: suggestions while typing, `/` to get there, Escape to leave.

const PAUSE = 120;
const search = document.querySelector("[data-search]");

if (search) {
  const input = search.querySelector("input");
  const panel = search.querySelector(".suggestions");
  let pending;
  let asked = 0;

  const close = () => {
    panel.hidden = true;
    asked += 1;
  };

  const suggest = async () => {
    const query = input.value.trim();
    if (!query) return close();
    const turn = ++asked;
    const address = `${input.form.action}?suggest=1&q=${encodeURIComponent(query)}`;
    const response = await fetch(address).catch(() => null);
    if (!response?.ok || response.redirected || turn !== asked) return;
    const found = new DOMParser().parseFromString(await response.text(), "text/html");
    if (turn !== asked) return;
    panel.replaceChildren(...found.body.childNodes);
    panel.hidden = false;
  };

  input.addEventListener("input", () => {
    clearTimeout(pending);
    pending = setTimeout(suggest, PAUSE);
  });
  input.addEventListener("click", () => {
    if (input.value.trim() && panel.hasChildNodes()) panel.hidden = false;
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && event.target === input && !panel.hidden) {
      event.preventDefault();
      panel.querySelector(".rate input:checked, .rate input:not([type=hidden])")?.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!search.contains(event.target)) close();
  });
  search.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !search.contains(event.relatedTarget)) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) {
      close();
      input.focus();
      return;
    }
    const typing = event.target.closest("input:not([type=radio]), textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
}
