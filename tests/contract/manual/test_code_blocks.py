"""How tests read and type the code blocks of pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.manual_pages import code_blocks
from tests.support.typist import Typed, differences

PAGE = """# A page

## First

```sh
make run
```

```text
Release 20261121-2114 is in service: 58,015 ratings
…
curl -H "Authorization: Bearer marquee_…" here
```

## Second

<!-- not typed by tests: needs AWS -->
```sh
eb deploy
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_code_blocks_have_their_section_line_and_reason(page: Path) -> None:
    blocks = code_blocks(page)
    assert [(b.language, b.section, b.line, b.reason) for b in blocks] == [
        ("sh", "First", 6, ""),
        ("text", "First", 10, ""),
        ("sh", "Second", 19, "needs AWS"),
    ]


def test_differences_ignore_numbers_ids_tokens_and_ellipses(page: Path) -> None:
    printed = """Release 20270101-0001 is in service: 7 ratings
more
curl -H "Authorization: Bearer marquee_abc123" here
"""
    assert list(differences([Typed(code_blocks(page)[0], printed)], page)) == []


def test_differences_name_the_line_that_was_not_printed(page: Path) -> None:
    printed = 'Release 1 is served\ncurl -H "Authorization: Bearer marquee_abc" here\n'
    [difference] = differences([Typed(code_blocks(page)[0], printed)], page)
    assert difference == "page.md, line 10: Release 20261121-2114 is in service: 58,015 ratings"


def test_differences_name_fields_that_no_answer_has(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('```sh\ncall $api/user/5    # {"gender", "user_id"}\n```\n', encoding="utf-8")
    [block] = code_blocks(page)
    assert list(differences([Typed(block, '{"gender":"F","user_id":5}\n')], page)) == []
    [difference] = differences([Typed(block, '{"gender": "F", "user": {"user_id": 5}}')], page)
    assert difference == 'page.md, block at line 2: {"gender", "user_id"}'
