"""Accessibility checks of a page with axe-core and the Tab key."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page, where: str) -> list[str]:
    """Return serious and critical violations, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{where}: {v['id']}: {v['nodes'][0]['html'][:200]}"
        for v in results["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def walk(page: Page) -> tuple[list[str], list[str], list[str]]:
    """Return the elements Tab should reach, those it reaches, and those without visible focus."""
    wanted = page.evaluate(EXPECTED_STOPS)
    page.evaluate(RECORD_STOPS)
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
    reached, hidden = [], []
    for stop in page.evaluate("window.stops"):
        if stop is None or (reached and stop["key"] == reached[0]):
            break
        reached.append(stop["key"])
        if not stop["visible"]:
            hidden.append(stop["key"])
    return wanted, reached, hidden


NAMING = """
const key = (e) => {
  const all = [...document.querySelectorAll('a[href],button,input,select,summary')];
  return e.type === 'radio'
    ? `radio ${e.name} ${[...document.forms].indexOf(e.form)}` : `${e.tagName} ${all.indexOf(e)}`;
};
"""

EXPECTED_STOPS = f"""() => {{ {NAMING}
  const seen = (e) => e.checkVisibility({{visibilityProperty: true}}) && !e.disabled &&
    e.type !== 'hidden' && e.closest('[hidden]') === null;
  return [...new Set([...document.querySelectorAll('a[href],button,input,select,summary')]
    .filter(seen).map(key))];
}}"""


# The page itself notes what each Tab reaches: to ask it after each one takes several times as long.
RECORD_STOPS = f"""() => {{ {NAMING}
  const stop = (e) => {{
    if (!e || e === document.body) return null;
    const ring = (n) => n && getComputedStyle(n).outlineStyle !== 'none' ||
      n && getComputedStyle(n).boxShadow !== 'none';
    const visible = ring(e) || ring(e.closest('fieldset')) || ring(e.nextElementSibling);
    return {{ key: key(e), visible: Boolean(visible) }};
  }};
  window.stops = [];
  addEventListener('keyup', (event) => {{
    if (event.key === 'Tab') window.stops.push(stop(document.activeElement));
  }}, true);
}}"""
