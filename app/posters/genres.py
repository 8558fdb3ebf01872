"""What a genre looks like: its motifs, and the palettes they may take."""

from collections.abc import Callable

from app.posters.colours import Colours
from app.posters.dice import Dice
from app.posters.patterns import *
from app.posters.scenes import *
from app.posters.things import *

Motif = Callable[[Dice, float, float, Colours], str]  # dice, width and height of the stage, colours

# The most telling first: of a title's genres the first two have a say.
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
