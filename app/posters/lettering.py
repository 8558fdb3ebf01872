"""Break the title into lines, choose its size, and draw it."""

import re
import unicodedata
from functools import cache
from xml.sax.saxutils import escape  # it writes, and parses nothing  # nosec B406

from app.posters.drawing import MARGIN, WIDTH, trace

FONTS = "Iowan Old Style,Palatino,Palatino Linotype,Georgia,serif"
LEADING, YEAR_SIZE = 1.14, 12
ROOM = WIDTH - 2 * MARGIN

# Type sizes and how many lines of each are allowed: a title takes the first in which it fits.
LARGE = ((92, 1), (76, 1), (64, 1), (56, 1), (48, 1), (43, 2), (39, 2), (35, 2), (32, 3), (29, 3))
SMALL = ((26.5, 3), (24, 4), (22, 4), (20, 5), (17.5, 6), (15.5, 7), (13.5, 8))
SIZES = LARGE + SMALL

SOFT_HYPHEN, FIXED_SPACE = "\u00ad", "\u00a0"

# Widths in em, rounded up, of DejaVu Serif Bold: the widest face the font stack can fall to.
GLYPHS = {
    0.38: f" {FIXED_SPACE}ijl|.,:;'’`",
    0.48: f"ftIJ!()[]-/\\{SOFT_HYPHEN}",
    0.56: 'rs"*_–°',
    0.61: "cvyz",
    0.67: "aeox",
    0.7: "kbdgpqLF$0123456789",
    0.76: "hnuAEPSTXYZ",
    0.88: "wBCDGKRUVOQ",
    0.95: "HN&%",
    1.14: "MWmмМщшюжыæœÆŒω",
    1.31: "ЖЩЮШЫ",
}
GLYPH = {glyph: wide for wide, glyphs in GLYPHS.items() for glyph in glyphs}
LIGHTER = 0.92  # how much narrower the regular weight runs

LONGEST_WORD = ROOM / SIZES[-1][0]  # in em; what is longer is hyphenated
CJK = "[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
CJK_PIECES = re.compile(f"{CJK}[、。，」』）】！？：・ー々]*|(?:(?!{CJK}).)+")


@cache
def glyph_width(glyph: str) -> float:
    letter = unicodedata.normalize("NFD", glyph)[0]
    if letter in GLYPH:
        return GLYPH[letter]
    if unicodedata.category(glyph) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(glyph) in "WF":
        return 1.4 if glyph > "\U0001efff" else 1.05
    return 0.95 if glyph.isupper() else 0.78 if glyph.isalnum() else 1.2


def em(text: str) -> float:
    """Return a cautious estimate of the width of bold text, in em."""
    return sum(map(glyph_width, text))


def clean(text: str) -> str:
    """Remove what XML forbids or readers cannot see: control characters, lone surrogates."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", unicodedata.normalize("NFC", text[:300]))
    unseen, joiners = ("Cf", "Cs", "Cn"), "\u200c\u200d"  # these join letters
    kept = (g for g in text if g in joiners or unicodedata.category(g) not in unseen)
    return " ".join("".join(kept).split())


def pieces(word: str) -> list[str]:
    """Split a word where it may break: between CJK characters; anywhere if it is too long."""
    out = []
    for part in CJK_PIECES.findall(word):
        step = len(part) if em(part) <= LONGEST_WORD else 5
        *broken, end = (part[i : i + step] for i in range(0, len(part), step))
        out += [*(piece + SOFT_HYPHEN for piece in broken), end]
    return out


def wrap(words: list[list[tuple[str, float]]], room: float) -> list[str]:
    """Return lines of at most ``room`` em of words, given as pieces with their widths."""
    lines, used = [""], 0.0
    for word in words:
        for i, (piece, wide) in enumerate(word):
            space = "" if i or not lines[-1] else " "
            if lines[-1] and used + GLYPH[" "] + wide > room:
                lines.append("")
                used, space = 0.0, ""
            lines[-1] += space + piece
            used += em(space) + wide
    return [re.sub(f"{SOFT_HYPHEN}$", "-", text).replace(SOFT_HYPHEN, "") for text in lines]


def set_title(title: str, bold: bool) -> tuple[list[str], float]:
    """Return the title as lines of even length, and the type size in which they fit."""
    if not title:
        return [], 0
    title = re.sub(" (?=[-–—] )", FIXED_SPACE, title)  # no line begins with a dash
    words = [[(piece, em(piece)) for piece in pieces(word)] for word in title.split(" ")]
    widest = max(wide for word in words for _, wide in word)
    for size, most in SIZES:
        room = ROOM / size / (1 if bold else LIGHTER)
        lines = wrap(words, room)
        if widest <= room and len(lines) <= most:
            tighter = (wrap(words, max(widest, room * k)) for k in (0.5, 0.6, 0.7, 0.8, 0.9))
            return next((even for even in tighter if len(even) == len(lines)), lines), size
    last = lines[most - 1].removesuffix("-")
    while em(last + "…") > room:
        last = last[:-1].rstrip()
    return [*lines[: most - 1], last + "…"], size


def lettering(
    lines: list[str], size: float, year: int | None, top: float, style: str, centred: bool
) -> str:
    rtl = any(unicodedata.bidirectional(glyph) in ("R", "AL") for glyph in "".join(lines))
    x = WIDTH / 2 if centred else WIDTH - MARGIN if rtl else MARGIN
    rows = [(text, top + size * (0.8 + LEADING * i), "") for i, text in enumerate(lines)]
    if year:
        small = f'font-size="{YEAR_SIZE}" font-weight="400" letter-spacing="1" fill-opacity=".9"'
        rows.append((str(year), top + size * LEADING * len(lines) + YEAR_SIZE, small))
    spans = (
        f'<tspan x="{trace(x)}" y="{trace(y)}" {more}>{escape(t)}</tspan>' for t, y, more in rows
    )
    style += ' text-anchor="middle"' * centred + ' direction="rtl"' * rtl
    return f'<text font-family="{FONTS}" font-size="{trace(size)}" {style}>{"".join(spans)}</text>'
