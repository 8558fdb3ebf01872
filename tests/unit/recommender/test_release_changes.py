"""What promoting a release would change: the gate's verdict, the catalogue, the counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from recommender.errors import ReleaseError
from recommender.storage.release import Release
from recommender.storage.release_changes import refusal, worrying_changes
from tests.support.releases import tiny_games_release, tiny_release

BEFORE = tiny_release()


def changed(**values: object) -> Release:
    return tiny_release("20260102-x", catalogue=replace(BEFORE.catalogue, **values))


def reported(folder: Path, text: str) -> Release:
    """Return a release with this report."""
    (folder / "report").mkdir()
    (folder / "report" / "report.json").write_text(text, encoding="utf-8")
    return tiny_release("20260102-x", folder=folder)


def test_worrying_changes_are_none_when_data_grows() -> None:
    grown = changed(name="tiny + ratings given here", ratings=176, users=40, items=18)
    assert worrying_changes(grown, BEFORE) == []
    assert worrying_changes(changed(name="other", items=1), None) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "other"}, "its catalogue is other (9 movies), in service is tiny (9 movies)"),
        ({"items": 4}, "it has 4 movies, in service are 9"),
        ({"items": 19}, "it has 19 movies, in service are 9"),
        ({"users": 9}, "it has 9 users, in service are 20"),
        ({"ratings": 177}, "it has 177 ratings, in service are 88"),
    ],
)
def test_worrying_changes_name_catalogue_and_counts(values: dict[str, object], words: str) -> None:
    assert worrying_changes(changed(**values), BEFORE) == [words]


def test_worrying_changes_name_another_noun() -> None:
    (change,) = worrying_changes(tiny_games_release(), BEFORE)
    assert change == "its catalogue is tiny games (9 games), in service is tiny (9 movies)"


def test_worrying_changes_name_the_refusal_of_the_gate(tmp_path: Path) -> None:
    verdict = {"passed": False, "reasons": ["NDCG@10 0.0100 is below its floor of 0.1"]}
    refused = reported(tmp_path, json.dumps({"gate": verdict, "protocols": {}}))
    assert worrying_changes(refused, None) == [
        "the gate refused it: NDCG@10 0.0100 is below its floor of 0.1"
    ]


@pytest.mark.parametrize("text", ["{}", '{"gate": {"passed": true, "reasons": []}}'])
def test_refusal_is_none_when_gate_passed_or_did_not_judge(tmp_path: Path, text: str) -> None:
    assert refusal(reported(tmp_path, text)) == []
    assert refusal(tiny_release(folder=tmp_path / "no such report")) == []


@pytest.mark.parametrize("text", ["", "[]", '{"gate": {"reasons": 1}}', "[" * 100_000])
def test_refusal_fails_when_report_is_damaged(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReleaseError, match=r"report\.json: not the report .* publish the release"):
        refusal(reported(tmp_path, text))
