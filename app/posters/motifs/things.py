"""Motifs that show one thing: a face, a lens, a heart, a moon."""

from math import acos, cos, pi, tau

from app.posters.colours import Colours, mix
from app.posters.dice import Dice
from app.posters.drawing import at, bowl, box, disc, fill, line, poly, ring, spark, trace, turn


def place(d: Dice, w: float, h: float) -> tuple[float, float, float]:
    """Centre and radius: whole and central, or large and cut by the side of the poster."""
    if d.roll() < 0.6:
        return w * d.between(0.45, 0.55), h / 2, min(w, h) * d.between(0.4, 0.46)
    return w * d.pick(0.12, 0.24, 0.76, 0.88), h / 2, min(h * 0.47, w * d.between(0.5, 0.7))


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


def heart(d: Dice, w: float, h: float, c: Colours) -> str:
    s, x, y = min(w, h) * d.between(0.42, 0.5), w / 2, h * 0.54
    left, right = d.pick((c.main, c.second), (c.second, c.main))
    lobe = trace("M", x - s / 2, y + s / 2, "v", -s, "a", s / 2, s / 2, "0 0 1", s, 0, "v", s, "z")
    pair = turn(fill(lobe, left), -45, x, y) + turn(fill(lobe, right), 45, x, y)
    return turn(pair, d.between(-9, 9), x, y)


def crescent(d: Dice, w: float, h: float, c: Colours) -> str:
    (x, y, r), side = place(d, w, h), d.pick(-1, 1)
    stars = "".join(spark(w * d.roll(), h * d.roll(), d.pick(3, 4, 6)) for _ in range(12))
    moon = disc(x, y, r * 0.9, c.main) + disc(x + side * r * 0.4, y - r * 0.15, r * 0.76, c.ground)
    star = spark(x + side * r * 0.45, y - r * 0.1, r * 0.3)
    return fill(stars, c.second) + moon + fill(star, c.accent)


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


def crosshair(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r = place(d, w, h)
    out, start = disc(x, y, r, c.second), d.between(0, tau)
    for share, colour in ((0.86, c.main), (0.46, c.accent)):
        out += line(ring(x, y, r * share), colour, r * 0.07)
    for k in range(4):
        a, b = at(x, y, r * 0.28, k * pi / 2), at(x, y, r * 1.06, k * pi / 2)
        out += line(trace("M", *a, "L", *b), c.main, r * 0.07)
    return out + disc(x, y, r * 0.08, c.accent) + disc(*at(x, y, r * 0.66, start), r * 0.1, c.main)


def blade(d: Dice, w: float, h: float, c: Colours) -> str:
    """A sword before the moon."""
    x, y, r = w * d.between(0.42, 0.58), h / 2, min(w, h) * 0.42
    broad, hilt = r * d.between(0.13, 0.2), y + r * 0.5
    tip = (x, y - r * 1.05)
    steel = poly(tip, (x + broad, y - r * 0.75), (x + broad, hilt), (x - broad, hilt))
    steel += poly(tip, (x - broad, y - r * 0.75), (x - broad, hilt), (x, hilt))
    shade = poly(tip, (x + broad, y - r * 0.75), (x + broad, hilt), (x, hilt))
    guard = box(x - r * 0.42, hilt, r * 0.84, r * 0.12)
    grip = box(x - broad * 0.5, hilt, broad, r * 0.42) + ring(x, hilt + r * 0.46, broad * 0.8)
    sword = fill(steel, c.main) + fill(shade, mix(c.main, c.ground, 0.25)) + fill(guard, c.accent)
    moon = disc(x + r * d.pick(-0.4, 0.4), y - r * 0.2, r * 0.8, c.second)
    return moon + turn(sword + fill(grip, c.accent), d.pick(-1, 1) * d.between(8, 32), x, y)
