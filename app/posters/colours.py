"""Palettes, and functions of colours. A colour is 'rrggbb'."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Colours:
    ground: str
    main: str
    second: str
    accent: str


PALETTES = {
    "midnight": "10182b e9c46a 2f4b7c f4f1de",
    "ember": "1c1014 cf3f2e 6e1a20 f2a541",
    "lagoon": "0f3b3f f2c57c 2a7f7a ef6f53",
    "bone": "efe6d5 c8432b 23303d e3a53a",
    "rust": "96331f f0b35a 5c170f f8ead2",
    "desert": "ebcf9c b4532a 6a2e1c 23535a",
    "forest": "12291f 8fb996 2f5d45 f0c75e",
    "plum": "2a1633 d0719f 5b2a6b f6c177",
    "rose": "f3cfc6 c9405a 7d1f3f fff6ea",
    "slate": "222b36 93a4b5 465668 e8b04b",
    "noir": "0e0e11 d9d4c7 4a4a50 c4272f",
    "acid": "10150f b7d335 3c5a2a f2f0d8",
    "cobalt": "1b3a9e f4f0e4 0f246b f5b32c",
    "mustard": "e5ad36 1f2a37 b5541f fbf1da",
    "mint": "cfe3d4 2f6f62 e46f51 1f3b3a",
    "orbit": "0b0f2a 7c8cff 2b2f77 ff7ab6",
    "ice": "dfe9ee 2b4f6b 8fb3c7 d1493f",
    "coral": "f08a6c 22304a c94b3d fdeed9",
    "olive": "35371f c6b36b 686a38 e2703a",
    "wine": "4a0f22 e8a598 7d1e36 f4dfc4",
}


def mix(a: str, b: str, share: float) -> str:
    """Mix ``a`` with a ``share`` of ``b``, from 0 to 1."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (0, 2, 4))
    return "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2 defines it, from 0 to 1."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
