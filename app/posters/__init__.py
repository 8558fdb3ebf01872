"""Draw posters for titles without a picture: one small SVG each, the same for the same title.

The genres give a motif and a palette, the year gives an era (paper, frame, grain, lettering), and
title, year and genres together seed the random choices. The title is laid out first; the motif
fills the rest, its stage, and is clipped by it.
"""

from collections.abc import Sequence
from math import inf

from app.posters.colours import PALETTES, Colours, luminance
from app.posters.dice import Dice
from app.posters.drawing import ALL, HEIGHT, MARGIN, WIDTH, box, fill, line, trace
from app.posters.eras import ERAS, Backdrop, without_cinema
from app.posters.genres import ALIASES, GENRES, look_of
from app.posters.lettering import LEADING, YEAR_SIZE, clean, lettering, set_title


def draw_poster(title: str, year: int | None, genres: Sequence[str], of_films: bool = True) -> str:
    """Return an SVG document, 2:3, for a title without a picture.

    ``of_films``: whether it may look like cinema.
    """
    title, names = clean(title), {ALIASES.get(genre, genre) for genre in genres}
    chosen = [genre for genre in GENRES if genre in names][:2] or [""]
    d = Dice("\n".join((title, str(year), *sorted(names))))
    era = next(era for era in ERAS if (year or inf) <= era.until)
    era = era if of_films else without_cinema(era)
    lead, lender = d.pick(chosen[0], chosen[0], chosen[-1]), d.pick(*chosen)
    palette = PALETTES[d.pick(*look_of(lender, of_films)[1].split())]
    c = Colours(*(era.age(colour) for colour in palette.split()))
    kind, centred, above = d.pick(*era.grounds.split()), d.roll() < era.centred, d.roll() < 0.36
    if kind == "paper" and luminance(c.ground) > 0.74:
        kind = "block"  # pale ground would not contrast with the paper
    if kind == "block" and abs(luminance(c.second) - 0.18) < 0.05:
        kind = "own"  # neither ink is legible on a medium tone
    paper, night = era.age("f5ecda"), "14110d"
    ground = {"own": c.ground, "block": c.second, "paper": paper, "night": night}[kind]
    ink = "12141c" if luminance(ground) > 0.18 else "fbf4e6"

    lines, size = set_title(title, era.weight > 400)
    depth = len(lines) * size * LEADING + (YEAR_SIZE if year else 0)
    top = 20 if above else HEIGHT - 20 - depth
    framed = kind in ("own", "night")
    x = era.inset if framed else MARGIN if kind == "paper" else 0
    y, end = (top + depth + 14, HEIGHT - x) if above else (x, top - 12)
    s = Backdrop(x, y, WIDTH - 2 * x, end - y, above, ground, ink)
    motif = d.pick(*look_of(lead, of_films)[0])(d, s.w, s.h, c)
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
