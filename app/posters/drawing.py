"""The size of a poster, and helpers that make SVG path data and elements."""

from math import cos, sin

WIDTH, HEIGHT, MARGIN = 200, 300, 14


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


ALL = box(0, 0, WIDTH, HEIGHT)
