"""Posters for titles without a picture: one small SVG each, always the same for the same title.

The genres give a motif and a palette, the year gives an era (paper, frame, grain, lettering), and
title, year and genres together seed the dice that compose them. The title is laid out first; the
motif gets the room that is left, its stage, and is clipped by it.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import acos, asin, cos, degrees, hypot, inf, pi, sin, sqrt, tau
from random import Random
from typing import TypeVar
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 200, 300, 14
Option = TypeVar("Option")


class Dice:
    """Seeded choices. Only Random.random() is used: its sequence is the one Python guarantees."""

    def __init__(self, seed: str):
        digest = hashlib.blake2b(seed.encode(errors="replace"), digest_size=8).digest()
        self.roll = Random(int.from_bytes(digest, "big")).random

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def pick(self, *options: Option) -> Option:
        return options[int(len(options) * self.roll())]


# ---- colour, as 'rrggbb' ---------------------------------------------------------------------


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
    """Colour a with a share of colour b."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (0, 2, 4))
    return "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


# ---- drawing: path data first, then elements -----------------------------------------------


def trace(*parts: str | float) -> str:
    return " ".join(p if isinstance(p, str) else f"{p:.1f}".removesuffix(".0") for p in parts)


def poly(*points: tuple[float, float]) -> str:
    return "M" + "L".join(trace(*point) for point in points) + "Z"


def box(x: float, y: float, w: float, h: float) -> str:
    return trace("M", x, y, "h", w, "v", h, "h", -w, "z")


def ring(x: float, y: float, rx: float, ry: float = 0) -> str:
    half = trace("a", rx, ry or rx, "0 1 0 ")
    return trace("M", x - rx, y) + half + trace(2 * rx, 0) + half + trace(-2 * rx, 0)


def bowl(x: float, y: float, r: float, side: str = "0") -> str:
    """The lower half of a disc; the upper with side="1"."""
    return trace("M", x - r, y, "a", r, r, "0 0", side, 2 * r, 0, "z")


def spark(x: float, y: float, r: float) -> str:
    """A star with four points."""
    tips = ((x + r, y), (x, y + r), (x - r, y), (x, y - r))
    return trace("M", x, y - r, *(part for tip in tips for part in ("Q", x, y, *tip)))


def fill(path: str, colour: str, more: str = "") -> str:
    return f'<path d="{path}" fill="#{colour}" {more}/>'


def line(path: str, colour: str, width: float, more: str = "") -> str:
    return f'<path d="{path}" fill="none" stroke="#{colour}" stroke-width="{trace(width)}" {more}/>'


def disc(x: float, y: float, r: float, colour: str) -> str:
    return f'<circle cx="{trace(x)}" cy="{trace(y)}" r="{trace(r)}" fill="#{colour}"/>'


def turn(body: str, angle: float, x: float, y: float) -> str:
    return f'<g transform="rotate({trace(angle, x, y)})">{body}</g>'


def at(x: float, y: float, radius: float, angle: float) -> tuple[float, float]:
    return x + radius * cos(angle), y + radius * sin(angle)


# ---- motifs: dice, width and height of the stage, colours -> elements ------------------------


def place(d: Dice, w: float, h: float) -> tuple[float, float, float]:
    """Centre and radius: whole and central, or large and cut by the side of the poster."""
    if d.roll() < 0.6:
        return w * d.between(0.45, 0.55), h / 2, min(w, h) * d.between(0.4, 0.46)
    return w * d.pick(0.12, 0.24, 0.76, 0.88), h / 2, min(h * 0.47, w * d.between(0.5, 0.7))


def sky(w: float, h: float, c: Colours) -> str:
    return fill(box(0, 0, w, h), mix(c.ground, c.second, 0.3))


def burst(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, n = w * d.pick(0.28, 0.5, 0.72), h * d.between(0.4, 0.75), d.pick(10, 12, 14)
    start, r, rays = d.between(0, tau), d.between(13, 24), ["", ""]
    for i in range(n):
        a, half = start + tau * (i + d.between(-0.2, 0.2)) / n, tau / n * d.between(0.18, 0.32)
        rays[i % 2] += poly((x, y), at(x, y, 400, a - half), at(x, y, 400, a + half))
    core = disc(x, y, r * 1.9, c.ground) + disc(x, y, r, c.accent)
    return fill(rays[0], c.main) + fill(rays[1], c.second) + core


def slashes(d: Dice, w: float, h: float, c: Colours) -> str:
    x, lean, hot, out = -h / 2, d.pick(-1, 1) * d.between(0.35, 0.6), d.pick(5, 6, 7, 8), ""
    for i in range(14):
        wide, y1, y2 = d.pick(5, 9, 16, 26), h * d.between(-0.3, 0.35), h * d.between(0.65, 1.3)
        x1, x2 = x + lean * (h / 2 - y1), x + lean * (h / 2 - y2)
        colour = c.accent if i == hot else d.pick(c.main, c.second, c.second)
        out += fill(poly((x1, y1), (x1 + wide, y1), (x2 + wide, y2), (x2, y2)), colour)
        x += wide + d.pick(4, 7, 12)
    return out


def ridges(d: Dice, w: float, h: float, c: Colours) -> str:
    out = disc(w * d.between(0.2, 0.8), h * d.between(0.25, 0.42), d.between(20, 38), c.main)
    for i in range(4):
        x, y, points = -30.0, h * (0.52 + 0.14 * i), [(-30.0, h + 9)]
        while x < w + 40:
            points.append((x, y + d.between(-4, 8)))
            points.append((x + d.between(14, 30), y - h * d.between(0.1, 0.26)))
            x += d.between(44, 80)
        out += fill(poly(*points, (x, h + 9)), mix(c.second, c.ground, (3 - i) * 0.2))
    return out


def zoetrope(d: Dice, w: float, h: float, c: Colours) -> str:
    """One shape in a dozen frames, from a disc to a square."""
    x, y, r, start, n = w / 2, h / 2, min(w, h) * 0.43, d.between(0, tau), d.pick(9, 11, 13)
    out, spin = disc(x, y, r * 0.13, c.accent), d.pick(60, 90, 135)
    for i in range(n):
        t, (px, py) = i / (n - 1), at(x, y, r * 0.78, start + tau * i / n)
        s, colour = r * (0.8 + 1.6 * t) / n, c.accent if i == n - 1 else mix(c.second, c.main, t)
        size = f'width="{trace(2 * s)}" height="{trace(2 * s)}" rx="{trace(s * (1 - t))}"'
        frame = f'<rect x="{trace(px - s)}" y="{trace(py - s)}" {size} fill="#{colour}"/>'
        out += turn(frame, spin * t, px, py)
    return out


def blocks(d: Dice, w: float, h: float, c: Colours) -> str:
    columns, out = d.pick(3, 4), ""
    s, y = w / columns, h
    while y > 0:
        y -= s
        for x in (s * i for i in range(columns)):
            back, front = d.pick(
                (c.ground, c.main), (c.second, c.main), (c.main, c.ground),
                (c.ground, c.accent), (c.accent, c.second), (c.ground, c.second),
            )  # fmt: skip
            tile = d.pick(
                trace("M", x, y, "h", s, "a", s, s, "0 0 1", -s, s, "z"),
                trace("M", x + s, y + s, "h", -s, "a", s, s, "0 0 1", s, -s, "z"),
                ring(x + s / 2, y + s / 2, s * d.pick(0.25, 0.5)),
                poly((x, y + s), (x + s, y + s), (x + s, y)),
                bowl(x + s / 2, y + s / 2, s / 2),
            )
            out += fill(box(x, y, s + 0.3, s + 0.3), back) + fill(tile, front)
    return out


def smile(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = place(d, w, h)
    eyes = disc(x - r * 0.46, y - r * 0.42, r * d.between(0.18, 0.3), c.accent)
    eyes += disc(x + r * 0.46, y - r * 0.42, r * d.between(0.18, 0.3), c.second)
    return turn(fill(bowl(x, y, r), c.main) + eyes, d.between(-22, 22), x, y)


def teeter(d: Dice, w: float, h: float, c: Colours) -> str:
    """A stack about to fall."""
    x, y, r = w * d.between(0.42, 0.58), h * 0.73, min(w, h) * 0.26
    s, out = r * d.between(0.45, 0.55), fill(bowl(x, y, r), c.main)
    for colour in (c.second, c.accent, c.main):
        shape, tall = d.pick(
            (box(x - s, y - s * 1.1, s * 2, s * 1.1), s * 1.1),
            (ring(x, y - s, s), s * 2),
            (poly((x - s, y), (x + s, y), (x, y - s * 1.6)), s * 1.6),
            (bowl(x, y, s, "1"), s),
        )
        out, y, s = out + fill(shape, colour), y - tall, s * 0.85
    return turn(out, d.pick(-1, 1) * d.between(7, 17), x, h * 0.73)


def googly(d: Dice, w: float, h: float, c: Colours) -> str:
    r, out = min(w * 0.25, h * 0.42), ""
    for side, size, white in ((-1, 1.0, c.main), (1, d.between(0.62, 0.9), c.accent)):
        x, y = w / 2 + side * r * 0.96, h / 2 + d.between(-0.3, 0.3) * r
        pupil = disc(*at(x, y, r * size * 0.42, d.between(0, tau)), r * size * 0.48, c.second)
        out += disc(x, y, r * size, white) + pupil
    return out


def fingerprint(d: Dice, w: float, h: float, c: Colours) -> str:
    (x, y, size), n, out = place(d, w, h), 9, ""
    for i in range(n):
        r = size * (i + 0.8) / n
        gaps = f'stroke-linecap="round" stroke-dasharray="{trace(r * d.between(1.5, 4), size / 9)}"'
        loop = ring(x, y + (n - i) * size / 50, r * 0.76, r)
        out += line(loop, c.accent if i == 1 else c.main, size / n * 0.45, gaps)
    return turn(out, d.between(-25, 25), x, y)


def dominoes(d: Dice, w: float, h: float, c: Colours) -> str:
    floor, tall, side, gap = h * 0.8, h * d.between(0.44, 0.58), d.pick(-1, 1), w * 0.12
    out, lean = fill(box(0, floor, w, h), c.second), 0.0
    for i in range(7):
        x = w / 2 + side * (3 - i) * gap
        tile = fill(box(x - 5, floor - tall, 10, tall), c.accent if i == 0 else c.main)
        out += turn(tile, side * degrees(lean), x + side * 5, floor)
        if i > 1:  # the next one leans until its tip meets this one's back
            lean += asin((gap - 10) / tall * cos(lean))
    return out


def aperture(d: Dice, w: float, h: float, c: Colours) -> str:
    (x, y, r), n, start = place(d, w, h), d.pick(6, 7, 8), d.between(0, tau)
    hole, out = r * d.between(0.25, 0.5), ""
    reach = pi / n + acos(hole * cos(pi / n) / r)
    for i in range(n):
        a = start + tau * i / n
        rim, back = at(x, y, r, a + reach), at(x, y, r, a + reach - tau / n)
        blade = trace("M", *at(x, y, hole, a), "L", *rim, "A", r, r, "0 0 0", *back, "Z")
        out += fill(blade, mix(c.main, c.second, abs(2 * i / n - 1)))
    return out + disc(x, y, hole * 0.3, c.accent)


def eclipse(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r, a, gap = w / 2, h / 2, min(w, h) * 0.3, d.between(0, pi), d.between(0.4, 0.66)
    p, q = (at(x, y, side * r * sqrt(1 - gap * gap), a + pi / 2) for side in (1, -1))
    lens = trace("M", *p, "A", r, r, "0 0 1", *q, "A", r, r, "0 0 1", *p)
    pair = disc(*at(x, y, r * gap, a), r, c.main) + disc(*at(x, y, -r * gap, a), r, c.second)
    return pair + fill(lens, c.accent)


def doorway(d: Dice, w: float, h: float, c: Colours) -> str:
    x, half, floor, man = w * d.between(0.3, 0.7), d.between(17, 26), h * 0.68, d.between(-6, 6)
    far, lean = half + d.between(10, 26), d.between(-40, 40)
    beam = poly((x - half, floor), (x + half, floor), (x + lean + far, h), (x + lean - far, h))
    light = fill(box(x - half, h * 0.18, half * 2, h / 2) + beam, d.pick(c.main, c.accent))
    coat = trace("M", x + man - 5, floor + 2, "l 2 -30 a 3 4 0 0 1 6 0 l 2 30 z")
    figure = fill(coat + ring(x + man, floor - 36, 4.4), c.ground)
    return fill(box(0, 0, w, floor), c.second) + light + figure


def horizon(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = w * d.between(0.3, 0.7), h * d.between(0.55, 0.66), min(w, h) * d.between(0.22, 0.36)
    glints, lone = "", w * d.between(0.15, 0.85)
    for i in range(6):
        half = r * (1 - i * 0.13) * d.between(0.5, 1)
        glints += box(x - half, y + 6 + i * i * 1.2 + i * 5, half * 2, 2 + i * 0.5)
    sea = disc(x, y, r, c.main) + fill(box(0, y, w, h), c.second) + fill(glints, c.main)
    return sea + fill(box(lone - 1.5, y - 18, 3, 20) + ring(lone, y - 22, 3), c.accent)


def steps(d: Dice, w: float, h: float, c: Colours) -> str:
    n, down, hot = d.pick(5, 6, 7), d.pick(0, 1), d.pick(1, 2, 3, 4)
    run, rise, out = w / n, h * d.between(0.6, 0.75) / n, ""
    for i in range(n):
        x, y = w - (i + 1) * run if down else i * run, h - (i + 1) * rise
        out += fill(box(x, y, run + 0.4, h), mix(c.second, c.main, i / n))
        out += disc(x + run / 2, y - run * 0.4, run * 0.4, c.accent) if i == hot else ""
    return out


def halves(d: Dice, w: float, h: float, c: Colours) -> str:
    """A disc cut in two, the halves slid along the cut."""
    x, y, r = w / 2, h / 2, min(w, h) * d.between(0.32, 0.35)
    half = bowl(x - r * d.between(0.15, 0.4), y + 1, r)
    pair = fill(half, c.main) + turn(fill(half, c.second), 180, x, y)
    return turn(pair, d.between(20, 160), x, y)


def heart(d: Dice, w: float, h: float, c: Colours) -> str:
    s, x, y = min(w, h) * d.between(0.42, 0.5), w / 2, h * 0.54
    left, right = d.pick((c.main, c.second), (c.second, c.main))
    lobe = trace("M", x - s / 2, y + s / 2, "v", -s, "a", s / 2, s / 2, "0 0 1", s, 0, "v", s, "z")
    pair = turn(fill(lobe, left), -45, x, y) + turn(fill(lobe, right), 45, x, y)
    return turn(pair, d.between(-9, 9), x, y)


def portal(d: Dice, w: float, h: float, c: Colours) -> str:
    x, n, out = w * d.pick(0.3, 0.5, 0.5, 0.7), d.pick(5, 6, 7), ""
    for i in range(n):
        r, tall = w * 0.44 * (1 - i / n), h * 0.94 * (1 - i / n * 0.7)
        arch = trace("M", x - r, h, "V", h - tall + r, "a", r, r, "0 0 1", 2 * r, 0, "V", h, "z")
        out += fill(arch, mix(c.second, c.main, i / (n - 1)))
    return out + fill(spark(x, h * 0.86, 13), c.accent)


def crescent(d: Dice, w: float, h: float, c: Colours) -> str:
    (x, y, r), side = place(d, w, h), d.pick(-1, 1)
    stars = "".join(spark(w * d.roll(), h * d.roll(), d.pick(3, 4, 6)) for _ in range(12))
    moon = disc(x, y, r * 0.9, c.main) + disc(x + side * r * 0.4, y - r * 0.15, r * 0.76, c.ground)
    star = spark(x + side * r * 0.45, y - r * 0.1, r * 0.3)
    return fill(stars, c.second) + moon + fill(star, c.accent)


def blinds(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r, n = w * d.between(0.35, 0.65), h / 2, min(w, h) * d.between(0.3, 0.38), d.pick(9, 11)
    slats = "".join(box(-60, h * (1.4 * i / n - 0.2), w + 120, h * 0.7 / n) for i in range(n))
    left, right = w * 0.1, w * 0.9
    window = poly((left, h * 0.04), (right, h * 0.12), (right, h * 0.96), (left, h * 0.88))
    lit = fill(window, c.second) + disc(x, y, r, c.main)
    lit += turn(fill(slats, c.ground), d.between(-18, 18), w / 2, h / 2)
    return lit + disc(w * d.pick(0.2, 0.8), h * 0.84, 7, c.accent)


def claws(d: Dice, w: float, h: float, c: Colours) -> str:
    n, wide, bend, out = d.pick(3, 4), d.between(9, 14), d.between(8, 20), ""
    hot = d.pick(*range(n))
    for i in range(n):
        x, y = w / 2 + (i - (n - 1) / 2) * w * 0.19, h * d.between(0.02, 0.14)
        rip = trace("M", x, y, "Q", x + bend + wide, h / 2, x, h - y)
        rip += trace("Q", x + bend - wide, h / 2, x, y)
        out += fill(rip, c.accent if i == hot else c.main)
    return turn(out, d.pick(-1, 1) * d.between(8, 24), w / 2, h / 2)


def eye(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, upright, tilt = w / 2, h / 2, d.roll() < 0.3, d.pick(0, d.between(-20, 20))
    half = h * 0.47 if upright else w * d.between(0.42, 0.56)
    lift, look = min(half, h / 2) * d.between(0.9, 1.2), x + d.between(-14, 14)
    lid = trace("M", x - half, y, "Q", x, y - lift, x + half, y, "Q", x, y + lift, x - half, y)
    iris = disc(look, y, lift * 0.42, c.second)
    iris += fill(ring(look, y, lift * 0.08, lift * 0.36), c.accent)
    return turn(fill(lid, c.main) + iris, 90 if upright else tilt, x, y)


def teeth(d: Dice, w: float, h: float, c: Colours) -> str:
    n, jaws = d.pick(5, 6, 7, 8), ""
    for gum, way in ((0, 1), (h, -1)):
        points = [(-1.0, gum - way)]
        for i in range(n):
            points.append((i * w / n, gum + way * h * d.between(0.05, 0.14)))
            points.append(((i + 0.5) * w / n, gum + way * h * d.between(0.24, 0.44)))
        jaws += poly(*points, (w + 1, gum + way * 9), (w + 1, gum - way))
    prey = disc(w * d.between(0.35, 0.65), h / 2, d.between(13, 22), c.accent)
    return fill(box(0, 0, w, h), c.second) + prey + fill(jaws, c.main)


def vinyl(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = place(d, w, h)
    out = disc(x, y, r, c.second)
    for groove in (r * (0.93 - 0.09 * k) for k in range(6)):
        dash = trace(groove * d.between(1, 5), groove * d.between(0.1, 1))
        out += line(ring(x, y, groove), c.main, 1.2, f'stroke-dasharray="{dash}"')
    return out + disc(x, y, r * 0.34, c.accent) + disc(x, y, r * 0.05, c.ground)


def keyhole(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = place(d, w, h)
    s, top = r * d.between(0.26, 0.32), y - r * 0.28
    slot = trace("M", x - s / 2, top, "h", s, "l", s * 0.4, s * 3, "h", s * -1.8, "z")
    plate = disc(x, y, r, c.second) + line(ring(x, y, r * 0.9), c.main, r * 0.025)
    hole = fill(slot, c.main) + disc(x, top, s, c.main)
    return plate + hole + disc(x, top, s * 0.28, c.accent)


def planet(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = w * d.between(0.4, 0.6), h / 2, min(w, h) * d.between(0.22, 0.3)
    stars = "".join(ring(w * d.roll(), h * d.roll(), d.pick(0.6, 0.9, 1.3)) for _ in range(20))
    back = trace("M", x - r * 1.9, y, "a", r * 1.9, r / 2, "0 0 1", r * 3.8, 0)
    front = trace("M", x - r * 1.9, y, "a", r * 1.9, r / 2, "0 0 0", r * 3.8, 0)
    night = trace("M", x, y - r, "a", r, r, "0 0 1 0", 2 * r, "a", r * 0.6, r, "0 0 0 0", -2 * r)
    globe = line(back, c.accent, 2.6) + disc(x, y, r, c.main) + fill(night, c.second)
    globe = turn(globe + line(front, c.accent, 2.6), d.between(-35, 35), x, y)
    return fill(stars, c.accent, 'opacity=".7"') + globe


def orbit(d: Dice, w: float, h: float, c: Colours) -> str:
    """The limb of a giant planet, its moon, and the paths they keep."""
    side, y, r = d.pick(-1, 1), h * d.between(0.75, 1.1), h * d.between(0.55, 0.75)
    x, level = w * (0.5 + 0.55 * side), h * d.between(0.15, 0.3)
    paths = "".join(ring(x, y, r * k) for k in (1.18, 1.42, 1.72))
    moon = x - side * sqrt(max(0, (r * 1.42) ** 2 - (y - level) ** 2))
    body = disc(x, y, r, c.main)
    body += disc(x - side * r * 0.1, y + r * 0.16, r * 0.92, mix(c.main, c.second, 0.6))
    return sky(w, h, c) + line(paths, c.second, 1.4) + body + disc(moon, level, r * 0.1, c.accent)


def vertigo(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, sides = w * d.between(0.4, 0.6), h * d.between(0.42, 0.58), d.pick(3, 4, 4, 5, 6)
    r, a, twist = hypot(w, h) * 0.62, d.between(0, tau), d.pick(-1, 1) * d.between(0.1, 0.2)
    out = ""
    for i in range(13):
        colour = c.accent if i == 12 else (c.main, c.ground, c.second, c.ground)[i % 4]
        out += fill(poly(*(at(x, y, r, a + tau * k / sides) for k in range(sides))), colour)
        r, a = r * 0.79, a + twist
    return out


def searchlights(d: Dice, w: float, h: float, c: Colours) -> str:
    out = sky(w, h, c)
    for _ in range(d.pick(3, 4, 5)):
        x, a, half = w * d.between(0.1, 0.9), d.between(-2.2, -0.95), d.between(0.05, 0.09)
        beam = poly((x, h), at(x, h, 420, a - half), at(x, h, 420, a + half))
        out += fill(beam, c.main, 'opacity=".5"')
    out += disc(w * d.between(0.25, 0.75), h * d.between(0.2, 0.4), d.between(7, 12), c.accent)
    crest = w * d.between(0.3, 0.7)
    hill = trace("M", 0, h, "V", h * 0.9, "Q", crest, h * 0.76, w, h * 0.92, "V", h, "z")
    return out + fill(hill, c.second)


def mesas(d: Dice, w: float, h: float, c: Colours) -> str:
    floor, r = h * 0.8, min(w, h) * d.between(0.24, 0.34)
    out = disc(w * d.between(0.3, 0.7), floor - r * d.between(0.3, 0.9), r, c.main)
    for i in range(d.pick(2, 3)):
        x, half, tall = w * d.roll(), d.between(17, 40), h * d.between(0.14, 0.34)
        edge = ((half + 12, 0), (half, tall * 0.4), (half - 5, tall))
        left = [(x - k, floor - up) for k, up in edge]
        right = [(x + k, floor - up) for k, up in reversed(edge)]
        out += fill(poly(*left, *right), mix(c.second, c.ground, 0.18 * i))
    return out + fill(box(0, floor, w, h), c.second) + fill(box(0, h * 0.87, w, 2), c.accent)


def hexes(d: Dice, w: float, h: float, c: Colours) -> str:
    r, out = d.pick(20, 25, 29), ""
    for row in range(int(h / r / 1.5) + 2):
        for column in range(int(w / r / sqrt(3)) + 2):
            x, y = (column + row % 2 / 2) * r * sqrt(3), row * r * 1.5
            tile = poly(*(at(x, y, r * 0.93, pi / 6 + k * pi / 3) for k in range(6)))
            tint = mix(c.main, c.second, d.pick(0, 0.4, 0.7, 1))
            out += fill(tile, c.accent if d.roll() < 0.07 else tint) if d.roll() < 0.75 else ""
    return out


def pixels(d: Dice, w: float, h: float, c: Colours) -> str:
    s, out = min(w, h) / 10, ""
    for i in range(32):
        x, y = i % 4 * s, h / 2 + (i // 4 - 4) * s
        pair = box(w / 2 + x, y, s + 0.2, s + 0.2) + box(w / 2 - x - s, y, s + 0.2, s + 0.2)
        out += fill(pair, d.pick(c.main, c.main, c.second, c.accent, c.ground, c.ground, c.ground))
    return out


def projector(d: Dice, w: float, h: float, c: Colours) -> str:
    side, y = d.pick(-1, 1), h * d.between(0.18, 0.3)
    x = w * (0.5 - 0.32 * side)
    low, high = pi / 2 - side * d.between(0.05, 0.3), pi / 2 - side * d.between(0.8, 1.1)
    beam = poly((x, y), at(x, y, 400, low), at(x, y, 400, high))
    return sky(w, h, c) + fill(beam, c.main) + disc(x, y, 26, c.second) + disc(x, y, 11, c.accent)


# ---- genres, the most telling first: of a title's genres the first two have a say ------------

Motif = Callable[[Dice, float, float, Colours], str]
GENRES: dict[str, tuple[tuple[Motif, ...], str]] = {
    "Film-Noir": ((blinds, doorway), "noir slate"),
    "Western": ((mesas, ridges), "desert rust mustard"),
    "Racing": ((slashes,), "ember ice cobalt"),
    "Sports": ((slashes, burst), "lagoon coral forest"),
    "RPG": ((portal, crescent, ridges), "plum forest wine"),
    "Strategy": ((hexes,), "olive slate ice"),
    "Simulation": ((hexes, blocks), "mint ice coral"),
    "Massively Multiplayer": ((hexes, orbit), "orbit lagoon slate"),
    "Musical": ((vinyl, steps), "plum coral mustard rose"),
    "War": ((searchlights, dominoes), "olive slate bone"),
    "Documentary": ((aperture, fingerprint), "ice bone slate"),
    "Animation": ((zoetrope, blocks, teeter), "lagoon coral cobalt mint"),
    "Horror": ((claws, eye, teeth), "ember noir acid"),
    "Sci-Fi": ((planet, orbit), "orbit midnight ice lagoon"),
    "Mystery": ((keyhole, doorway, vertigo), "midnight plum forest"),
    "Fantasy": ((portal, crescent), "plum midnight lagoon forest"),
    "Children": ((blocks, teeter), "mint mustard coral cobalt"),
    "Crime": ((fingerprint, dominoes, blinds), "slate bone ember"),
    "Romance": ((heart, halves, eclipse), "rose wine coral plum"),
    "Thriller": ((vertigo, eye, dominoes), "ember slate noir bone"),
    "Adventure": ((ridges, horizon), "lagoon desert forest mustard"),
    "Action": ((burst, slashes), "rust ember cobalt mustard"),
    "IMAX": ((projector,), "cobalt midnight noir"),
    "Casual": ((blocks,), "rose mint mustard"),
    "Indie": ((pixels,), "midnight coral acid"),
    "Comedy": ((smile, teeter, googly), "mustard coral mint rose bone"),
    "Drama": ((eclipse, doorway, horizon, steps, halves), "slate bone wine lagoon rust midnight"),
    "": ((projector,), "midnight slate wine"),
}
ALIASES = {"Children's": "Children", "Education": "Documentary", "Free To Play": "Casual"}


# ---- eras: paper, frame and grain ------------------------------------------------------------

ALL = box(0, 0, WIDTH, HEIGHT)


def shade(*stops: tuple[float, str, float]) -> str:
    """Gradient stops: offset, colour, opacity."""
    stop = '<stop offset="{}" stop-color="#{}" stop-opacity="{}"/>'
    return "".join(stop.format(*values) for values in stops)


def grain(kind: str, shape: str, body: str) -> str:
    return f'<{kind} id="grain" {shape}>{body}</{kind}><path d="{ALL}" fill="url(#grain)"/>'


def tiles(size: int, body: str, angle: int = 0) -> str:
    units = f'patternUnits="userSpaceOnUse" patternTransform="rotate({angle})"'
    return grain("pattern", f'width="{size}" height="{size}" {units}', body)


def specks(d: Dice) -> str:
    return "".join(trace("M", 80 * d.roll(), 80 * d.roll(), "h.6") for _ in range(64))


VIGNETTE = grain("radialGradient", 'r=".75"', shade((0.55, "000", 0), (1, "000", 0.55)))
ENGRAVING = tiles(3, line("M0 .5h3", "777", 0.7, 'opacity=".2"'))
HALFTONE = tiles(5, '<circle cx="2.5" cy="2.5" r="1.2" opacity=".09"/>', 45)
SPECKLE = tiles(80, line(specks(Dice("dust")), "987", 0.6, 'opacity=".5"'), 20)
SCANLINES = tiles(4, line("M0 1h4", "000", 1, 'opacity=".07"'))
GLOSS = shade((0, "fff", 0.08), (0.5, "fff", 0), (1, "000", 0.06))
SHEEN = grain("linearGradient", 'x2="1" y2="1"', GLOSS)


@dataclass(frozen=True)
class Stage:
    """The room for the picture, and what it stands in."""

    x: float
    y: float
    w: float
    h: float
    above: bool  # is the title above it?
    ground: str
    ink: str


def iris(d: Dice, s: Stage) -> str:
    """A closing iris, the double rule of a title card, the scratches of an old print."""
    edge = box(s.x - 1, s.y - 1, s.w + 2, s.h + 2)
    opening = ring(WIDTH / 2, s.y + s.h / 2, s.w / 2, s.h / 2)
    rules = line(box(6, 6, 188, 288) + box(9.5, 9.5, 181, 281), s.ink, 0.8, 'opacity=".6"')
    tears = (("M", 200 * d.roll(), 99 * d.roll(), "v", 250 * d.roll()) for _ in range(6))
    scratches = line("".join(trace(*tear) for tear in tears), s.ink, 0.5, 'opacity=".35"')
    return fill(edge + opening, s.ground, 'fill-rule="evenodd"') + rules + scratches


def keyline(d: Dice, s: Stage) -> str:
    return line(box(7, 7, 186, 286), s.ink, 1.2, 'opacity=".7"')


def dusk(d: Dice, s: Stage) -> str:
    """The picture sinks into the dark behind the title."""
    if luminance(s.ground) > 0.18:
        return ""
    y1, y2 = (s.y + s.h, s.y) if s.above else (s.y, s.y + s.h)
    span = f'gradientUnits="userSpaceOnUse" x2="0" y1="{trace(y1)}" y2="{trace(y2)}"'
    stops = shade((0.55, s.ground, 0), (1, s.ground, 1))
    cover = f'<path d="{box(s.x, s.y - 1, s.w, s.h + 2)}" fill="url(#dusk)"/>'
    return f'<linearGradient id="dusk" {span}>{stops}</linearGradient>{cover}'


def plain(d: Dice, s: Stage) -> str:
    return ""


@dataclass(frozen=True)
class Era:
    """How films of the years up to `until` were printed."""

    until: float
    colour: float  # the share of its colour that the ink has kept
    tint: str  # what the paper has turned to ...
    wash: float  # ... and how far
    weight: int  # of the title
    centred: float  # how often the title is centred
    grounds: str  # what the title may stand on: the motif's ground, a block, paper, night
    frame: Callable[[Dice, Stage], str]  # where the ground is the motif's own, or night
    inset: int  # of the picture in that frame
    grain: str

    def age(self, colour: str) -> str:
        grey = f"{round(255 * luminance(colour) ** (1 / 2.2)):02x}" * 3
        return mix(mix(grey, colour, self.colour), self.tint, self.wash)


ERAS = (
    Era(1929, 0.12, "b08850", 0.16, 400, 1, "night", iris, MARGIN, VIGNETTE),
    Era(1945, 0.5, "c09a60", 0.14, 400, 1, "own own paper", keyline, 7, ENGRAVING),
    Era(1964, 0.9, "e8c890", 0.08, 700, 0.3, "own paper paper", plain, 0, HALFTONE),
    Era(1979, 0.85, "b86a20", 0.14, 700, 0.3, "own paper paper", plain, 0, SPECKLE),
    Era(1999, 1, "101030", 0.06, 700, 0.3, "own own own own block paper", dusk, 0, SCANLINES),
    Era(inf, 1, "ffffff", 0, 400, 0.2, "own own own block paper paper", plain, 0, SHEEN),
)


# ---- lettering -------------------------------------------------------------------------------

FONTS = "Iowan Old Style,Palatino,Palatino Linotype,Georgia,serif"
LEADING, YEAR_SIZE = 1.14, 12
ROOM = WIDTH - 2 * MARGIN

# Type sizes and how many lines of each are allowed: a title takes the first in which it fits.
SIZES = (
    *((92, 1), (76, 1), (64, 1), (56, 1), (48, 1), (43, 2), (39, 2), (35, 2), (32, 3), (29, 3)),
    *((26.5, 3), (24, 4), (22, 4), (20, 5), (17.5, 6), (15.5, 7), (13.5, 8)),
)

# Widths in em, rounded up, of DejaVu Serif Bold: the widest face the font stack can fall to.
SOFT_HYPHEN, FIXED_SPACE = "\u00ad", "\u00a0"
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
    """A cautious estimate of the width of bold text, in em."""
    return sum(map(glyph_width, text))


def clean(text: str) -> str:
    """Text without what XML forbids and readers cannot see: controls, lone surrogates."""
    kept = []
    for glyph in unicodedata.normalize("NFC", text[:300]):
        kind = unicodedata.category(glyph)
        if kind == "Cc":
            kept.append(" ")
        elif kind not in ("Cf", "Cs", "Cn") or glyph in "\u200c\u200d":  # these join letters
            kept.append(glyph)
    return " ".join("".join(kept).split())


def pieces(word: str) -> list[str]:
    """Where a word may break: between CJK characters; anywhere if it is too long to set."""
    out = []
    for part in CJK_PIECES.findall(word):
        if em(part) <= LONGEST_WORD:
            out.append(part)
        else:
            out += [part[i : i + 5] + SOFT_HYPHEN for i in range(0, len(part), 5)]
            out[-1] = out[-1].removesuffix(SOFT_HYPHEN)
    return out


def wrap(words: list[list[tuple[str, float]]], room: float) -> list[str]:
    """Lines of at most room em, of words given as pieces with their widths."""
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
    """The title as lines of even length, and the type size in which they fit."""
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


# ---- the poster ------------------------------------------------------------------------------


def draw_poster(title: str, year: int | None, genres: Sequence[str]) -> str:
    """A whole SVG document, 2:3, for a title that has no known picture."""
    title, names = clean(title), {ALIASES.get(genre, genre) for genre in genres}
    telling = [genre for genre in GENRES if genre in names][:2] or [""]
    d = Dice("\n".join((title, str(year), *sorted(names))))
    era = next(era for era in ERAS if (year or inf) <= era.until)
    lead, lender = d.pick(telling[0], telling[0], telling[-1]), d.pick(*telling)
    palette = PALETTES[d.pick(*GENRES[lender][1].split())]
    c = Colours(*(era.age(colour) for colour in palette.split()))
    kind, centred, above = d.pick(*era.grounds.split()), d.roll() < era.centred, d.roll() < 0.36
    if kind == "paper" and luminance(c.ground) > 0.74:
        kind = "block"  # a picture as pale as the paper would be lost on it
    if kind == "block" and abs(luminance(c.second) - 0.18) < 0.05:
        kind = "own"  # no ink is legible on a middling tone
    paper = era.age("f5ecda")
    ground = {"own": c.ground, "block": c.second, "paper": paper, "night": "14110d"}[kind]
    ink = "12141c" if luminance(ground) > 0.18 else "fbf4e6"

    lines, size = set_title(title, era.weight > 400)
    depth = len(lines) * size * LEADING + (YEAR_SIZE if year else 0)
    top = 20 if above else HEIGHT - 20 - depth
    framed = kind in ("own", "night")
    x = era.inset if framed else MARGIN if kind == "paper" else 0
    y, end = (top + depth + 14, HEIGHT - x) if above else (x, top - 12)
    s = Stage(x, y, WIDTH - 2 * x, end - y, above, ground, ink)
    motif = d.pick(*GENRES[lead][0])(d, s.w, s.h, c)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}">{fill(ALL, ground)}<svg x="{x}" y="{trace(y)}" width="{s.w}"'
        f' height="{trace(s.h)}">{fill(box(0, 0, s.w, s.h), c.ground)}{motif}</svg>'
        + (era.frame(d, s) if framed else "")
        + era.grain
        + line(box(0.5, 0.5, WIDTH - 1, HEIGHT - 1), ink, 1, 'opacity=".16"')
        + lettering(lines, size, year, top, f'font-weight="{era.weight}" fill="#{ink}"', centred)
        + "</svg>"
    )
