"""Releases of every format are read as the code of their day read them."""

import json
from pathlib import Path

import pytest

from recommender import VERSION
from recommender.errors import ReleaseError
from recommender.model import Model
from recommender.parity import check_parity
from recommender.storage.older_formats import ADDED
from recommender.storage.release import FORMAT_VERSION, WRITTEN_BY
from recommender.storage.release_reader import read_release
from recommender.storage.release_store import ReleaseStore
from tests.support.older_releases import FOLDER, FORMATS, copy_release
from tests.support.releases import ITEMS, TINY, change, no_parity_sample

FIRST, GAMES, LAST, NEIGHBOURS, KEYED = FORMATS
# What the code of the first commit answered, for a person who gave 5 stars to 1 and half a star
# to 8: the best titles in their order.
ANSWER = [2, 3, 5, 13, 21, 34]


def test_there_is_a_release_of_every_format() -> None:
    assert sorted(set(FORMATS.values())) == list(range(1, FORMAT_VERSION + 1))
    for version, written_as in FORMATS.items():
        manifest = json.loads((FOLDER / version / "release.json").read_text())
        assert manifest["format_version"] == written_as


@pytest.mark.parametrize("version", FORMATS)
def test_a_release_of_each_format_folds_in_and_recommends(version: str) -> None:
    release = read_release(FOLDER / version)
    parity = check_parity(release)
    assert parity.users == 3
    assert parity.holds
    model = Model(release)
    person = model.fold_in({int(release.arrays.item_ids[0]): 5.0})
    assert len(model.recommend(person, 5)) == 5
    assert len(list(release.items())) == 9


@pytest.mark.parametrize("version", [FIRST, LAST])
def test_format_1_gives_the_answers_of_its_day(version: str) -> None:
    model = Model(read_release(FOLDER / version))
    best = model.recommend(model.fold_in({1: 5.0, 8: 0.5}), 6)
    assert [title.item_id for title in best] == ANSWER


def test_the_first_format_1_has_the_parameters_of_its_day() -> None:
    release = read_release(FOLDER / FIRST)
    assert (release.ranking.regularization_exponent, release.ranking.typical_count) == (1.0, 1.0)
    assert release.rating is not None
    assert (release.rating.taste_weight, release.rating.description_weight) == (0.0, 0.0)
    assert release.neighbourhood is None
    assert read_release(FOLDER / GAMES).rating is None


def test_read_release_requires_parameters_that_every_release_of_its_format_has(
    tmp_path: Path,
) -> None:
    for version, section, name in (
        (FIRST, "ranking", "alpha"),
        (NEIGHBOURS, "ranking", "typical_count"),
        (KEYED, "rating", "taste_weight"),
    ):
        copy_release(version, tmp_path)
        path = tmp_path / version / "release.json"
        manifest = json.loads(path.read_text())
        del manifest[section][name]
        path.write_text(json.dumps(manifest))
        with pytest.raises(ReleaseError, match=f"{section}: {name} is missing; publish"):
            read_release(tmp_path / version)


@pytest.mark.parametrize("section", [*ADDED, "catalogue"])
@pytest.mark.parametrize("writer", ["9.1.0", None])
def test_read_release_names_the_version_that_wrote_an_unknown_parameter(
    tmp_path: Path, section: str, writer: str | None
) -> None:
    copy_release(NEIGHBOURS, tmp_path)
    change(tmp_path / NEIGHBOURS, section, {"depth": 2})
    change(tmp_path / NEIGHBOURS, "", {WRITTEN_BY: writer})
    with pytest.raises(ReleaseError) as refused:
        read_release(tmp_path / NEIGHBOURS)
    assert f"{section}: unknown parameter 'depth'" in str(refused.value)
    named = "Marquee 9.1.0 wrote it, this is" if writer else "a newer version of Marquee wrote it"
    assert named in str(refused.value)
    assert str(refused.value).endswith("upgrade Marquee, or train again with this version")


def test_a_new_release_names_the_version_that_wrote_it(store: ReleaseStore) -> None:
    folder = store.publish(TINY, ITEMS, no_parity_sample()).folder
    assert folder is not None
    assert json.loads((folder / "release.json").read_text())[WRITTEN_BY] == VERSION
