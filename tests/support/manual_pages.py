"""The code blocks of the README and the manual, in order, with the sections they are in.

A comment before a block says why no test types it: ``<!-- not typed by tests: needs AWS -->``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARK = re.compile(r"<!-- not typed by tests: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced code block. ``line``: of the page; ``reason``: why it is not typed, or empty."""

    language: str
    text: str
    section: str
    line: int
    reason: str


@cache
def tokens(path: Path) -> list[Token]:
    """Return the tokens of a page, including those inside paragraphs."""
    blocks = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    return [token for block in blocks for token in (block, *(block.children or []))]


@cache
def code_blocks(path: Path) -> tuple[Block, ...]:
    """Return the code blocks of a page; ``section`` is the nearest heading of level 2 above."""
    blocks, section, reason = [], "", ""
    found = tokens(path)
    for token, following in zip(found, [*found[1:], None], strict=True):
        if token.type == "heading_open" and token.tag == "h2" and following:
            section = following.content
        elif token.type == "html_block":
            mark = MARK.search(token.content)
            reason = mark[1] if mark else ""
        elif token.type == "fence":
            line = token.map[0] + 2 if token.map else 0
            blocks.append(Block(token.info.strip(), token.content, section, line, reason))
            reason = ""
    return tuple(blocks)
