"""Motifs that show a place."""

from math import asin, cos, degrees, pi, sqrt

from app.posters.colours import Colours, mix
from app.posters.dice import Dice
from app.posters.drawing import at, box, disc, fill, line, poly, ring, spark, trace, turn


def sky(w: float, h: float, c: Colours) -> str:
    return fill(box(0, 0, w, h), mix(c.ground, c.second, 0.3))


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


def horizon(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = w * d.between(0.3, 0.7), h * d.between(0.55, 0.66), min(w, h) * d.between(0.22, 0.36)
    glints, lone = "", w * d.between(0.15, 0.85)
    for i in range(6):
        half = r * (1 - i * 0.13) * d.between(0.5, 1)
        glints += box(x - half, y + 6 + i * i * 1.2 + i * 5, half * 2, 2 + i * 0.5)
    sea = disc(x, y, r, c.main) + fill(box(0, y, w, h), c.second) + fill(glints, c.main)
    return sea + fill(box(lone - 1.5, y - 18, 3, 20) + ring(lone, y - 22, 3), c.accent)


def doorway(d: Dice, w: float, h: float, c: Colours) -> str:
    x, half, floor, man = w * d.between(0.3, 0.7), d.between(17, 26), h * 0.68, d.between(-6, 6)
    far, lean = half + d.between(10, 26), d.between(-40, 40)
    beam = poly((x - half, floor), (x + half, floor), (x + lean + far, h), (x + lean - far, h))
    light = fill(box(x - half, h * 0.18, half * 2, h / 2) + beam, d.pick(c.main, c.accent))
    coat = trace("M", x + man - 5, floor + 2, "l 2 -30 a 3 4 0 0 1 6 0 l 2 30 z")
    figure = fill(coat + ring(x + man, floor - 36, 4.4), c.ground)
    return fill(box(0, 0, w, floor), c.second) + light + figure


def blinds(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r, n = w * d.between(0.35, 0.65), h / 2, min(w, h) * d.between(0.3, 0.38), d.pick(9, 11)
    slats = "".join(box(-60, h * (1.4 * i / n - 0.2), w + 120, h * 0.7 / n) for i in range(n))
    left, right = w * 0.1, w * 0.9
    window = poly((left, h * 0.04), (right, h * 0.12), (right, h * 0.96), (left, h * 0.88))
    lit = fill(window, c.second) + disc(x, y, r, c.main)
    lit += turn(fill(slats, c.ground), d.between(-18, 18), w / 2, h / 2)
    return lit + disc(w * d.pick(0.2, 0.8), h * 0.84, 7, c.accent)


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


def portal(d: Dice, w: float, h: float, c: Colours) -> str:
    x, n, out = w * d.pick(0.3, 0.5, 0.5, 0.7), d.pick(5, 6, 7), ""
    for i in range(n):
        r, tall = w * 0.44 * (1 - i / n), h * 0.94 * (1 - i / n * 0.7)
        arch = trace("M", x - r, h, "V", h - tall + r, "a", r, r, "0 0 1", 2 * r, 0, "V", h, "z")
        out += fill(arch, mix(c.second, c.main, i / (n - 1)))
    return out + fill(spark(x, h * 0.86, 13), c.accent)


def planet(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = w * d.between(0.4, 0.6), h / 2, min(w, h) * d.between(0.22, 0.3)
    stars = "".join(ring(w * d.roll(), h * d.roll(), d.pick(0.6, 0.9, 1.3)) for _ in range(20))
    half = ("M", x - r * 1.9, y, "a", r * 1.9, r / 2, "0 0")
    back, front = (trace(*half, side, r * 3.8, 0) for side in "10")
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


def projector(d: Dice, w: float, h: float, c: Colours) -> str:
    side, y = d.pick(-1, 1), h * d.between(0.18, 0.3)
    x = w * (0.5 - 0.32 * side)
    low, high = pi / 2 - side * d.between(0.05, 0.3), pi / 2 - side * d.between(0.8, 1.1)
    beam = poly((x, y), at(x, y, 400, low), at(x, y, 400, high))
    return sky(w, h, c) + fill(beam, c.main) + disc(x, y, 26, c.second) + disc(x, y, 11, c.accent)


def city(d: Dice, w: float, h: float, c: Colours) -> str:
    """Blocks seen from above, the far ones first."""
    s, out = d.pick(56, 64, 72), ""
    deep, half = s // 4, s // 2 - 2
    for row in range(int(h / s * 2) + 2):
        left, right, roofs = "", "", ["", ""]
        for column in range(int(w / s) + 2):
            x, tall = column * s + row % 2 * s // 2, d.pick(0, 0, 20, 36, 36, 60)
            y = row * s // 2 - tall
            if not tall:
                continue
            left += trace("M", x - half, y, "l", half, deep, "v", tall, "l", -half, -deep, "z")
            right += trace("M", x + half, y, "l", -half, deep, "v", tall, "l", half, -deep, "z")
            edges = ("l", half, deep, "l", -half, deep, "l", -half, -deep, "z")
            roofs[d.roll() < 0.12] += trace("M", x, y - deep, *edges)
        out += fill(left, c.second) + fill(right, mix(c.second, c.ground, 0.5))
        out += fill(roofs[0], c.main) + fill(roofs[1], c.accent)
    return out


def road(d: Dice, w: float, h: float, c: Colours) -> str:
    """A road that bends on its way to the sun."""
    x, y, lean = w * d.between(0.3, 0.7), h * d.between(0.36, 0.5), d.pick(-1, 1) * w * 0.5
    bend = trace((x + lean), h * 0.72, x, y)
    far = fill(box(0, y, w, h - y), c.second)
    way = trace("M", w * 0.08, h, "Q", bend, "Q", x + lean + w * 0.3, h * 0.7, w * 0.92, h, "z")
    dashes = f'stroke-dasharray="{trace(h * 0.09, h * 0.07)}"'
    middle = line(
        trace("M", w / 2, h, "Q", x + lean + w * 0.1, h * 0.72, x, y), c.accent, 3, dashes
    )
    sun = disc(x - lean * 0.3, y, min(w, h) * d.between(0.2, 0.3), c.accent)
    return sun + far + fill(way, c.main if d.roll() < 0.5 else c.ground) + middle
