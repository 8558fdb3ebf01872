"""Every poster is a valid, small, self-contained SVG with the whole title in readable text."""

import os
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.posters import draw_poster
from app.posters.colours import PALETTES, Colours, luminance
from app.posters.dice import Dice
from app.posters.drawing import HEIGHT, WIDTH
from app.posters.eras import ERAS
from app.posters.genres import GENRES
from app.posters.lettering import LIGHTER, ROOM, em, set_title

ROOT = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"
YEARS = (1902, 1925, 1938, 1955, 1972, 1988, 2005, 2024, None)
NASTY = {
    "empty": "",
    "blank": " \t\n ",
    "one letter": "M",
    "one wide letter": "W",
    "markup": "<script>alert('x')</script> & \"Co\" ]]> <!-- -->",
    "entity": "&amp; &#0; &bogus;",
    "controls": "a\x00b\x07c\x1bd\x7fe\x85f",
    "not XML": "a\ud800b\ufffec\uffffd",
    "bidi override": "abc\u202edef\u2066ghi",
    "long word": "A" * 60,
    "wide word": "W" * 60,
    "long title": "The Persecution and Assassination of Jean-Paul Marat " * 4,
    "200 letters": "x" * 200,
    "10,000 letters": "word " * 2000,
    "Japanese": "千と千尋の神隠し",
    "long Japanese": "「君の名は。」という映画のとても長い題名、" * 5,
    "Korean": "기생충",
    "Russian": "Броненосец «Потёмкин»",
    "Arabic": "باب الحديد",
    "Hebrew": "שבעה",
    "Thai": "ลุงบุญมีระลึกชาติ",
    "emoji": "😀🎬👨\u200d👩\u200d👧 Movie",
    "accents": "Z" + "\u0301" * 50,
    "mixed": "x" * 80 + "中" + "！" * 40,
    "dashes": "Star Wars: Episode IV - A New Hope",
}
MOTIFS = {motif.__name__: motif for motifs, _ in GENRES.values() for motif in motifs}
COLOURS = Colours("000000", "111111", "222222", "333333")


def random_titles(count: int) -> list[str]:
    rng = random.Random(2024)
    alphabet = (
        "aabcdeefghiiklmnooprsttuvwyzABCDEMW0123456789 -'&<>\"éßÆжЩ中ア한عא…😀\u200d\u202e\x01"
    )
    return ["".join(rng.choices(alphabet, k=rng.randint(0, 120))) for _ in range(count)]


CASES = [pytest.param(title, id=name) for name, title in NASTY.items()]
CASES.append(pytest.param(None, id="random"))


@cache
def posters_of(title: str | None) -> list[str]:
    rng = random.Random(7)
    titles = random_titles(200) if title is None else [title] * len(YEARS)
    return [
        draw_poster(name, YEARS[i % len(YEARS)], rng.sample(list(GENRES), rng.randint(0, 3)))
        for i, name in enumerate(titles)
    ]


def lines_of(poster: str) -> list[tuple[str, float, float]]:
    """Return text, estimated width and baseline of every line."""
    text = ElementTree.fromstring(poster).find(f"{SVG}text")
    assert text is not None
    lines = []
    for span in text:
        size = float(span.get("font-size", text.attrib["font-size"]))
        bold = span.get("font-weight", text.attrib["font-weight"]) == "700"
        spacing = float(span.get("letter-spacing", 0)) * len(span.text or "")
        width = em(span.text or "") * size * (1 if bold else LIGHTER) + spacing
        lines.append((span.text or "", width, float(span.attrib["y"])))
    return lines


@pytest.mark.parametrize("title", CASES)
def test_posters_are_well_formed_small_and_self_contained(title):
    for poster in posters_of(title):
        root = ElementTree.fromstring(poster)
        assert root.tag == f"{SVG}svg"
        assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
        assert len(poster.encode()) < 6000
        assert "<script" not in poster
        assert "href" not in poster
        assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", poster))
        assert not re.search(r"\bnan\b|\binf\b", "".join(re.findall(r' d="([^"]*)"', poster)))


@pytest.mark.parametrize("title", CASES)
def test_poster_lines_stay_inside_the_poster(title):
    for poster in posters_of(title):
        for text, width, baseline in lines_of(poster):
            assert width <= ROOM, text
            assert 16 <= baseline <= HEIGHT - 16, text


@pytest.mark.parametrize("genres", [[], ["Drama"], ["Sci-Fi", "Horror"]])
def test_draw_poster_is_deterministic(genres):
    assert draw_poster("Alien", 1979, genres) == draw_poster("Alien", 1979, genres[::-1])


def test_draw_poster_needs_only_the_standard_library_and_is_equal_in_every_process():
    """Run without site-packages, and without app/__init__.py, which needs them."""
    names = ["Action", "Comedy", "Crime", "Drama", "IMAX", "War"]
    code = (
        "import sys, types; app = sys.modules['app'] = types.ModuleType('app');"
        "app.__path__ = ['app']; from app.posters import draw_poster;"
        f"print(draw_poster('Up', 2009, {names}))"
    )
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-S", "-c", code]
        printed = subprocess.check_output(command, cwd=ROOT, env=env, text=True)
        assert printed == draw_poster("Up", 2009, names) + "\n"


def test_draw_poster_differs_between_items():
    def picture(title: str) -> str:
        return draw_poster(title, 1999, ["Drama"]).split("<text")[0]

    assert len({picture(f"Title {i}") for i in range(200)}) == 200
    assert draw_poster("Emma", 1996, ["Comedy"]) != draw_poster("Emma", 2020, ["Comedy"])


@pytest.mark.parametrize(
    "title", ["Up", "Crouching Tiger, Hidden Dragon", "Fast & Furious <3", "Wallace & Gromit"]
)
def test_poster_contains_the_whole_title(title):
    poster = draw_poster(title, 2000, ["Action"])
    assert " ".join(text for text, *_ in lines_of(poster)) == f"{title} 2000"
    for word in title.split():
        assert word.replace("&", "&amp;").replace("<", "&lt;") in poster


def test_set_title_ends_long_titles_with_an_ellipsis():
    lines, _ = set_title(NASTY["long title"].strip(), bold=True)
    assert lines[0].startswith("The Persecution")
    assert lines[-1].endswith("…")
    assert set_title("x" * 200, bold=True)[0][-1].endswith("x…")  # and not with a hyphen


def test_set_title_uses_larger_type_for_short_titles():
    sizes = [set_title(title, bold=False)[1] for title in ("M", "Alien", "The Big Lebowski")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[-1]


def test_set_title_starts_no_line_with_a_dash():
    assert not any(line[0] in "-–—" for line in set_title(NASTY["dashes"], bold=True)[0])


def test_draw_poster_sets_right_to_left_titles():
    assert 'direction="rtl"' in draw_poster(NASTY["Arabic"], 2014, ["Drama"])
    assert "direction" not in draw_poster("Theeb", 2014, ["Drama"])


@pytest.mark.parametrize(
    ("genres", "key"),
    [
        (["War"], "War"),
        (["Children's"], "Children"),
        (["Utilities", "War"], "War"),
        (["Utilities"], ""),
        (["(no genres listed)"], ""),
        ([], ""),
    ],
)
def test_draw_poster_selects_the_motif_by_genre(genres, key, monkeypatch):
    monkeypatch.setitem(GENRES, key, ((lambda *stage: "<g id='chosen'/>",), "slate"))
    assert "<g id='chosen'/>" in draw_poster("Dust", 2000, genres)


def test_distinctive_genres_share_no_motif():
    films = ("Action", "Comedy", "Documentary", "Horror", "Sci-Fi", "War", "Western")
    motifs = [motif for genre in films for motif in GENRES[genre][0]]
    assert len(set(motifs)) == len(motifs)


@pytest.mark.parametrize("motif", MOTIFS)
def test_motifs_draw_at_every_size(motif):
    for width, height in ((172, 110), (200, 150), (200, 268), (172, 250)):
        for seed in range(9):
            drawn = MOTIFS[motif](Dice(str(seed)), width, height, COLOURS)
            assert len(ElementTree.fromstring(f"<g>{drawn}</g>")) > 0
            assert "nan" not in drawn


@pytest.mark.parametrize("genre", GENRES)
def test_genres_reference_existing_palettes(genre):
    for palette in GENRES[genre][1].split():
        assert re.fullmatch(r"([0-9a-f]{6} ?){4}", PALETTES[palette])


@pytest.mark.parametrize("era", ERAS, ids=lambda era: str(era.until))
def test_poster_text_has_enough_contrast_in_every_era(era):
    year = 2024 if era.until > 2024 else era.until
    for i, genre in enumerate([*GENRES] * 4):
        poster = draw_poster(f"Title {i}", year, [genre])
        ground = re.search(r'fill="#(\w{6})"', poster)[1]
        ink = re.search(r'<text.*? fill="#(\w{6})"', poster)[1]
        low, high = sorted((luminance(ground), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ground, ink)
