"""The motifs and palettes of each genre."""

from collections.abc import Callable

from app.posters.colours import Colours
from app.posters.dice import Dice
from app.posters.motifs import patterns, scenes, things

Motif = Callable[[Dice, float, float, Colours], str]

# The most characteristic first: the first two of a title's genres are used.
GENRES: dict[str, tuple[tuple[Motif, ...], str]] = {
    "Film-Noir": ((scenes.blinds, scenes.doorway), "noir slate"),
    "Western": ((scenes.mesas, scenes.ridges), "desert rust mustard"),
    "Racing": ((scenes.road, scenes.road, patterns.slashes), "ember ice cobalt coral"),
    "Sports": ((patterns.slashes, patterns.burst), "lagoon coral forest"),
    "RPG": ((things.blade, scenes.portal, things.crescent), "plum forest wine midnight"),
    "Strategy": ((patterns.hexes, scenes.city, patterns.maze), "olive slate ice lagoon"),
    "Simulation": ((scenes.city, scenes.city, patterns.blocks), "mint ice coral lagoon"),
    "Massively Multiplayer": ((patterns.hexes, scenes.orbit), "orbit lagoon slate"),
    "Musical": ((things.vinyl, patterns.steps), "plum coral mustard rose"),
    "War": ((scenes.searchlights, scenes.dominoes), "olive slate bone"),
    "Documentary": ((things.aperture, things.fingerprint), "ice bone slate"),
    "Animation": ((patterns.zoetrope, patterns.blocks, things.teeter), "lagoon coral cobalt mint"),
    "Horror": ((things.claws, things.eye, things.teeth), "ember noir acid"),
    "Sci-Fi": ((scenes.planet, scenes.orbit), "orbit midnight ice lagoon"),
    "Mystery": ((things.keyhole, scenes.doorway, patterns.vertigo), "midnight plum forest"),
    "Fantasy": ((scenes.portal, things.crescent), "plum midnight lagoon forest"),
    "Children": ((patterns.blocks, things.teeter), "mint mustard coral cobalt"),
    "Crime": ((things.fingerprint, scenes.dominoes, scenes.blinds), "slate bone ember"),
    "Romance": ((things.heart, patterns.halves, patterns.eclipse), "rose wine coral plum"),
    "Thriller": ((patterns.vertigo, things.eye, scenes.dominoes), "ember slate noir bone"),
    "Adventure": ((scenes.ridges, scenes.horizon), "lagoon desert forest mustard"),
    "Action": (
        (patterns.burst, patterns.slashes, things.crosshair),
        "rust ember cobalt mustard slate",
    ),
    "IMAX": ((scenes.projector,), "cobalt midnight noir"),
    "Casual": ((patterns.tumble, patterns.blocks, things.teeter), "rose mint mustard cobalt"),
    "Indie": ((patterns.pixels, patterns.maze), "midnight coral acid plum mint"),
    "Early Access": ((patterns.steps, patterns.maze), "slate mint mustard"),
    "Comedy": ((things.smile, things.teeter, things.googly), "mustard coral mint rose bone"),
    "Drama": (
        (patterns.eclipse, scenes.doorway, scenes.horizon, patterns.steps, patterns.halves),
        "slate bone wine lagoon rust midnight",
    ),
    "Game": ((patterns.pixels, patterns.tumble, patterns.maze), "orbit lagoon plum wine forest"),
    "": ((scenes.projector,), "midnight slate wine"),
}
ALIASES = {
    "Children's": "Children",
    "Education": "Documentary",
    "Free to Play": "Casual",
    "Animation & Modeling": "Animation",
    "Audio Production": "Musical",
    "Video Production": "IMAX",
    "Design & Illustration": "Simulation",
    "Photo Editing": "Documentary",
    "Web Publishing": "Simulation",
    "Software Training": "Documentary",
}

# For what is no film: a projector, a zoetrope, an aperture or searchlights would not fit.
CINEMA = frozenset((scenes.projector, patterns.zoetrope, things.aperture, scenes.searchlights))
ANYTHING: tuple[tuple[Motif, ...], str] = (
    (
        *(patterns.eclipse, patterns.halves, patterns.steps, patterns.blocks, patterns.hexes),
        *(patterns.maze, patterns.tumble, scenes.ridges, scenes.horizon, things.crescent),
    ),
    "midnight slate wine lagoon rust forest mustard plum coral",
)


def look_of(genre: str, of_films: bool) -> tuple[tuple[Motif, ...], str]:
    """Return the motifs and palettes of a genre; those of a film may look like cinema."""
    motifs, palettes = GENRES[genre]
    if of_films:
        return motifs, palettes
    others = tuple(motif for motif in motifs if motif not in CINEMA)
    return (others, palettes) if others else ANYTHING
