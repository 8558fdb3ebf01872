"""What a genre looks like: its motifs, and the palettes they may take."""

from collections.abc import Callable

from app.posters.colours import Colours
from app.posters.dice import Dice
from app.posters.motifs import patterns, scenes, things

Motif = Callable[[Dice, float, float, Colours], str]

# The most telling first: of a title's genres the first two have a say.
GENRES: dict[str, tuple[tuple[Motif, ...], str]] = {
    "Film-Noir": ((scenes.blinds, scenes.doorway), "noir slate"),
    "Western": ((scenes.mesas, scenes.ridges), "desert rust mustard"),
    "Racing": ((patterns.slashes,), "ember ice cobalt"),
    "Sports": ((patterns.slashes, patterns.burst), "lagoon coral forest"),
    "RPG": ((scenes.portal, things.crescent, scenes.ridges), "plum forest wine"),
    "Strategy": ((patterns.hexes,), "olive slate ice"),
    "Simulation": ((patterns.hexes, patterns.blocks), "mint ice coral"),
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
    "Action": ((patterns.burst, patterns.slashes), "rust ember cobalt mustard"),
    "IMAX": ((scenes.projector,), "cobalt midnight noir"),
    "Casual": ((patterns.blocks,), "rose mint mustard"),
    "Indie": ((patterns.pixels,), "midnight coral acid"),
    "Comedy": ((things.smile, things.teeter, things.googly), "mustard coral mint rose bone"),
    "Drama": (
        (patterns.eclipse, scenes.doorway, scenes.horizon, patterns.steps, patterns.halves),
        "slate bone wine lagoon rust midnight",
    ),
    "": ((scenes.projector,), "midnight slate wine"),
}
ALIASES = {"Children's": "Children", "Education": "Documentary", "Free To Play": "Casual"}
