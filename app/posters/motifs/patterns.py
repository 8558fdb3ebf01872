"""Abstract motifs: rays, tiles, frames and turns that fill the stage."""

from math import hypot, pi, sqrt, tau

from app.posters.colours import Colours, mix
from app.posters.dice import Dice
from app.posters.drawing import at, bowl, box, disc, fill, line, poly, ring, trace, turn


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
    ground, main, second, accent = c.ground, c.main, c.second, c.accent
    pairs = [(ground, main), (second, main), (main, ground)]
    pairs += [(ground, accent), (accent, second), (ground, second)]
    columns, out = d.pick(3, 4), ""
    s, y = w / columns, h
    while y > 0:
        y -= s
        for x in (s * i for i in range(columns)):
            back, front = d.pick(*pairs)
            tile = d.pick(
                trace("M", x, y, "h", s, "a", s, s, "0 0 1", -s, s, "z"),
                trace("M", x + s, y + s, "h", -s, "a", s, s, "0 0 1", s, -s, "z"),
                ring(x + s / 2, y + s / 2, s * d.pick(0.25, 0.5)),
                poly((x, y + s), (x + s, y + s), (x + s, y)),
                bowl(x + s / 2, y + s / 2, s / 2),
            )
            out += fill(box(x, y, s + 0.3, s + 0.3), back) + fill(tile, front)
    return out


def eclipse(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, r, a, gap = w / 2, h / 2, min(w, h) * 0.3, d.between(0, pi), d.between(0.4, 0.66)
    p, q = (at(x, y, side * r * sqrt(1 - gap * gap), a + pi / 2) for side in (1, -1))
    lens = trace("M", *p, "A", r, r, "0 0 1", *q, "A", r, r, "0 0 1", *p)
    pair = disc(*at(x, y, r * gap, a), r, c.main) + disc(*at(x, y, -r * gap, a), r, c.second)
    return pair + fill(lens, c.accent)


def halves(d: Dice, w: float, h: float, c: Colours) -> str:
    """A disc cut in two, the halves slid along the cut."""
    x, y, r = w / 2, h / 2, min(w, h) * d.between(0.32, 0.35)
    half = bowl(x - r * d.between(0.15, 0.4), y + 1, r)
    pair = fill(half, c.main) + turn(fill(half, c.second), 180, x, y)
    return turn(pair, d.between(20, 160), x, y)


def steps(d: Dice, w: float, h: float, c: Colours) -> str:
    n, down, hot = d.pick(5, 6, 7), d.pick(0, 1), d.pick(1, 2, 3, 4)
    run, rise, out = w / n, h * d.between(0.6, 0.75) / n, ""
    for i in range(n):
        x, y = w - (i + 1) * run if down else i * run, h - (i + 1) * rise
        out += fill(box(x, y, run + 0.4, h), mix(c.second, c.main, i / n))
        out += disc(x + run / 2, y - run * 0.4, run * 0.4, c.accent) if i == hot else ""
    return out


def vertigo(d: Dice, w: float, h: float, c: Colours) -> str:
    x, y, sides = w * d.between(0.4, 0.6), h * d.between(0.42, 0.58), d.pick(3, 4, 4, 5, 6)
    r, a, twist = hypot(w, h) * 0.62, d.between(0, tau), d.pick(-1, 1) * d.between(0.1, 0.2)
    out = ""
    for i in range(13):
        colour = c.accent if i == 12 else (c.main, c.ground, c.second, c.ground)[i % 4]
        out += fill(poly(*(at(x, y, r, a + tau * k / sides) for k in range(sides))), colour)
        r, a = r * 0.79, a + twist
    return out


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


def maze(d: Dice, w: float, h: float, c: Colours) -> str:
    """Quarter turns that join into paths (Truchet tiles)."""
    s, paths = d.pick(30, 34, 40), ["", ""]
    for row in range(int(h / s) + 1):
        for column in range(int(w / s) + 1):
            x, y, half = column * s, row * s, s / 2
            if d.roll() < 0.5:
                turns = (x + half, y, -half, half, "1"), (x + half, y + s, half, -half, "1")
            else:
                turns = (x + half, y, half, half, "0"), (x + half, y + s, -half, -half, "0")
            for x1, y1, dx, dy, side in turns:
                which = d.roll() < 0.16
                paths[which] += trace("M", x1, y1, "a", half, half, "0 0", side, dx, dy)
    wide = s * d.between(0.26, 0.42)
    return line(paths[0], c.main, wide) + line(paths[1], c.accent, wide)


def tumble(d: Dice, w: float, h: float, c: Colours) -> str:
    """Falling pieces of four squares, and what has piled up below."""
    s, out = w / 10, ""
    for column in range(10):
        for level in range(d.pick(0, 1, 1, 2, 2, 3)):
            colour = d.pick(c.main, c.second, c.second, c.accent)
            out += fill(box(column * s + 1, h - (level + 1) * s + 1, s - 2, s - 2), colour)
    for place in range(d.pick(2, 3)):
        x, y = d.pick(0, 1, 2) * s + place * 3 * s, h * d.between(0.02, 0.35)
        squares = d.pick("0123", "0145", "1256", "0156", "0156", "1456", "0456")
        piece = "".join(
            box(x + int(n) % 4 * s + 1, y + int(n) // 4 * s + 1, s - 2, s - 2) for n in squares
        )
        out += fill(piece, d.pick(c.main, c.accent))
    return out
