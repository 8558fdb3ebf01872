// Runs before the first paint: the visitor's system decides between dark and light until they do.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  if (!root.hasAttribute("data-theme-chosen") && matchMedia("(prefers-color-scheme: light)").matches) {
    root.dataset.bsTheme = "light";
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const theme = root.dataset.bsTheme === "light" ? "dark" : "light";
    root.dataset.bsTheme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  });
})();
