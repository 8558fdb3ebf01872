"""The paper, frame, grain and lettering of posters in each era of film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from app.posters.colours import luminance, mix
from app.posters.dice import Dice
from app.posters.drawing import ALL, MARGIN, WIDTH, box, fill, line, ring, trace


def shade(*stops: tuple[float, str, float]) -> str:
    """Return gradient stops of (offset, colour, opacity)."""
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
class Backdrop:
    """The room for the picture, and what it stands in."""

    x: float
    y: float
    w: float
    h: float
    above: bool  # is the title above it?
    ground: str
    ink: str


def iris(d: Dice, s: Backdrop) -> str:
    """A closing iris, the double rule of a title card, the scratches of an old print."""
    edge = box(s.x - 1, s.y - 1, s.w + 2, s.h + 2)
    opening = ring(WIDTH / 2, s.y + s.h / 2, s.w / 2, s.h / 2)
    rules = line(box(6, 6, 188, 288) + box(9.5, 9.5, 181, 281), s.ink, 0.8, 'opacity=".6"')
    tears = (("M", 200 * d.roll(), 99 * d.roll(), "v", 250 * d.roll()) for _ in range(6))
    scratches = line("".join(trace(*tear) for tear in tears), s.ink, 0.5, 'opacity=".35"')
    return fill(edge + opening, s.ground, 'fill-rule="evenodd"') + rules + scratches


def keyline(d: Dice, s: Backdrop) -> str:
    return line(box(7, 7, 186, 286), s.ink, 1.2, 'opacity=".7"')


def dusk(d: Dice, s: Backdrop) -> str:
    """Fade the picture into the dark ground behind the title."""
    if luminance(s.ground) > 0.18:
        return ""
    y1, y2 = (s.y + s.h, s.y) if s.above else (s.y, s.y + s.h)
    span = f'gradientUnits="userSpaceOnUse" x2="0" y1="{trace(y1)}" y2="{trace(y2)}"'
    stops = shade((0.55, s.ground, 0), (1, s.ground, 1))
    cover = f'<path d="{box(s.x, s.y - 1, s.w, s.h + 2)}" fill="url(#dusk)"/>'
    return f'<linearGradient id="dusk" {span}>{stops}</linearGradient>{cover}'


def without_cinema(era: Era) -> Era:
    """Return the era without the closing iris and the lines of a screen."""
    if era.frame is iris:
        return replace(era, frame=keyline, inset=7, grounds="own own paper")
    return replace(era, grain=SPECKLE) if era.grain == SCANLINES else era


def plain(d: Dice, s: Backdrop) -> str:
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
    frame: Callable[[Dice, Backdrop], str]  # where the ground is the motif's own, or night
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
