"""Hostile inputs, and their number for each test.

A test declares two numbers: few inputs, always the same, in the default run; many new ones with
``MARQUEE_FUZZ=long``, as in ``make test-fuzz``. ``pytest -p tests.support.fuzzing`` prints at
the end the number of inputs by kind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COMMON = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("short", derandomize=True, **COMMON)
settings.register_profile("long", print_blob=True, **COMMON)
PROFILE = os.environ.get("MARQUEE_FUZZ", "short")
LONG = PROFILE == "long"
tried: Counter[str] = Counter()

Test = Callable[..., None]


def examples(short: int, long: int) -> settings:
    """Return the settings of this run with its number of examples for a test."""
    return settings(settings.get_profile(PROFILE), max_examples=long if LONG else short)


def fuzz(kind: str, short: int, long: int, **inputs: st.SearchStrategy[Any]) -> Any:
    """Decorate a test to run with many ``inputs``, which are counted as ``kind``."""

    def decorate(test: Test) -> Test:
        @wraps(test)
        def counted(*args: Any, **kwargs: Any) -> None:
            tried[kind] += 1
            test(*args, **kwargs)

        fuzzed: Test = examples(short, long)(given(**inputs)(counted))
        return fuzzed

    return decorate


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("inputs tried")
    for kind, number in sorted(tried.items()):
        terminalreporter.line(f"{number:>8,}  {kind}")
    terminalreporter.line(f"{tried.total():>8,}  in all")


# Text that has caused bugs in programs.
MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "\r\nSet-Cookie: a=b",
    "\x1b[2J\x7f\x85\u2028",
    "\ufeff\u200b\u202eevil\u200f",
    "🎬\U0001f9d1\u200d\U0001f680𝕏",
    "\ufdfa" * 64,
    "İ\u0130ßẞŉΐ",
    "a\u0300" * 40,
    MARKUP,
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "' OR 1=1; DROP TABLE users; --",
    "%' AND 1=1 --\\",
    "../../../etc/passwd",
    "//evil.example/",
    "/\\evil.example",
    "https://evil.example/",
    "${jndi:ldap://x}",
    "NaN",
    "-inf",
    "1e309",
    "1e-400",
    "0x10",
    "1_0",
    "٣",
    "²",
    "-1",
    "0",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "9" * 5000,
    "x" * 100_000,
    "0001-01-01",
    "9999-12-31T23:59:59+23:59",
    "0001-01-01T00:00:00+23:59",
    "2020-02-30",
]
SURROGATE = "\ud800"
hostile_text = st.sampled_from(HOSTILE) | st.text(max_size=60)
# Values that JSON and Python literals can express.
any_text = hostile_text | st.just(f"x{SURROGATE}") | st.text(st.characters(), max_size=20)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**31, 2**63, 2**64, 10**400, -(10**400), 1e308, -0.0])
)
any_json = st.recursive(
    st.none() | st.booleans() | numbers | any_text,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(any_text | st.sampled_from(["a"]), inner, max_size=4)
    ),
    max_leaves=8,
)
DEEP = b"[" * 100_000


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes with some flipped, removed, inserted, or cut off at the end."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["flip", "remove", "insert", "cut"])):
            case "flip" if content:
                content[place] ^= draw(st.integers(1, 255))
            case "remove":
                del content[place : place + draw(st.integers(1, 20))]
            case "insert":
                content[place:place] = draw(st.binary(min_size=1, max_size=20))
            case "cut":
                del content[place:]
    return bytes(content)
