"""Experiments: assignment of variants, recorded exposures, and when results are conclusive."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from msgspec.structs import replace
from sqlalchemy import event, inspect, select

from app import create_app
from app.accounts import api_tokens
from app.db.clock import utcnow
from app.experiments.results import FEWEST, ExperimentResults, results_of
from app.experiments.store import running, running_plan
from app.extensions import db
from app.models import Experiment, Exposure, Impression, Item, Rating
from app.recommend.model_watcher import serving
from app.recommend.variants import CONTROL, TREATMENT, ExperimentConfig, Variant
from recommender.catalogue import CatalogueItem
from recommender.confidence_intervals import Interval, difference, ratio, times_needed
from recommender.errors import ConfigError
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest, client_with_token
from tests.support.commands import run
from tests.support.experiments import FIRST, SECOND, populate, start
from tests.support.releases import (
    GAMES,
    ITEMS,
    flip_a_byte,
    no_parity_sample,
    publish_tiny,
    remove_a_file,
    tiny_games_release,
    tiny_release,
    truncate,
)
from tests.support.servers import gunicorn
from tests.support.site import register

# Items of the tiny release with at least 12 ratings.
WELL_KNOWN = {1, 8, 13}


def plan(name: str = "tune", share: float = 0.5) -> ExperimentConfig:
    return ExperimentConfig(
        1, name, share, Variant.parse("current"), Variant.parse("min_ratings=12")
    )


def publish_candidate(store: ReleaseStore, **changes: object) -> None:
    store.publish(tiny_release(SECOND, **changes), ITEMS, no_parity_sample())


def people_of_both_arms(app: Flask, rest: Rest) -> dict[str, int]:
    """Return a user of each variant of the experiment "tune" with share 0.5."""
    found: dict[str, int] = {}
    while len(found) < 2:
        user_id = rest.answer("PUT", "/user", {"gender": "F", "year_of_birth": 1990})["user_id"]
        found[plan().arm_of(user_id)] = user_id
    return found


def recommended(rest: Rest, user_id: int) -> tuple[list[int], str]:
    """Return the ids of a user's list, and the release named in the response."""
    answer = rest("GET", f"/user/{user_id}/recommendations?limit=20")
    ids = [each["movie_id"] for each in answer.json["recommendations"]]
    return ids, answer.headers["X-Model-Version"]


def exposures(app: Flask) -> list[tuple[int, int, str, int, str]]:
    with app.app_context():
        rows = db.session.scalars(select(Exposure).order_by(Exposure.user_id, Exposure.place))
        return [(e.user_id, e.item_id, e.arm, e.place, e.model_version) for e in rows]


# Arms


@pytest.mark.parametrize(
    ("text", "release", "settings"),
    [
        ("current", None, {}),
        ("", None, {}),
        (SECOND, SECOND, {}),
        ("popularity_weight=0.2", None, {"popularity_weight": 0.2}),
        (f"{SECOND}, min_ratings=5", SECOND, {"min_ratings": 5}),
        ("current,min_ratings=5,popularity_weight=1", None, {"min_ratings": 5}),
    ],
)
def test_variant_parses_a_release_settings_or_both(
    text: str, release: str | None, settings: dict[str, float]
) -> None:
    arm = Variant.parse(text)
    assert arm.release == release
    assert settings.items() <= arm.settings.items()
    assert Variant.parse(str(arm)) == arm


@pytest.mark.parametrize(
    "text",
    [
        "rank=5",
        "current,min_ratings",
        "current,5",
        "min_ratings=few",
        "min_ratings=0",
        "min_ratings=2.5",
        "popularity_weight=-1",
        "popularity_weight=nan",
        "min_ratings=2,min_ratings=3",
    ],
)
def test_variant_rejects_invalid_text(text: str) -> None:
    with pytest.raises(ConfigError):
        Variant.parse(text)


# Assignment


def test_variant_assignment_equals_the_documented_hash() -> None:
    """Digests by printf tune:1 | sha256sum | cut -c1-8, etc.; below 80000000 is the first half."""
    digests = [
        "0d73337a",
        "720b133e",
        "c1a95249",
        "3fdc6a58",
        "c95079ce",
        "24784648",
        "e135ff5c",
        "c437994e",
    ]
    expected = [TREATMENT if digest < "80000000" else CONTROL for digest in digests]
    assert [plan().arm_of(user_id) for user_id in range(1, 9)] == expected
    assert set(expected) == {CONTROL, TREATMENT}


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("first", [1, 1_000_000_000])
def test_variant_assignment_of_consecutive_ids_matches_the_share(share: float, first: int) -> None:
    people = 40_000
    output = plan(share=share)
    treated = sum(output.arm_of(first + n) == TREATMENT for n in range(people))
    four_sigma = 4 * (people * share * (1 - share)) ** 0.5
    assert abs(treated - share * people) < four_sigma


def test_variant_assignments_of_two_experiments_are_independent() -> None:
    people = 40_000
    one, other = plan("one"), plan("other")
    both = sum(one.arm_of(n) == TREATMENT == other.arm_of(n) for n in range(people))
    assert abs(both - people / 4) < 4 * (people * 3 / 16) ** 0.5


def test_variant_assignment_only_adds_users_when_share_grows() -> None:
    small, large = plan(share=0.1), plan(share=0.6)
    treated = [n for n in range(1000) if small.arm_of(n) == TREATMENT]
    assert all(large.arm_of(n) == TREATMENT for n in treated)


# Serving


def test_variant_is_served_with_its_settings(app: Flask, rest: Rest) -> None:
    people = people_of_both_arms(app, rest)
    start(app)
    control, _ = recommended(rest, people[CONTROL])
    treatment, version = recommended(rest, people[TREATMENT])
    assert set(treatment) == WELL_KNOWN
    assert set(control) == {1, 2, 3, 5, 8, 13, 21, 34}
    assert version == FIRST
    assert rest("GET", "//ready").json["experiment"] == "tune"


def test_variant_is_served_with_its_release(app: Flask, rest: Rest, store: ReleaseStore) -> None:
    people = people_of_both_arms(app, rest)
    publish_candidate(store)
    start(app, treatment=SECOND)
    for arm, version in ((CONTROL, FIRST), (TREATMENT, SECOND)):
        user = people[arm]
        assert recommended(rest, user)[1] == version
        for path in (f"/user/{user}/estimate/1", f"/user/{user}/because/1"):
            assert rest("GET", path).headers["X-Model-Version"] == version
        rest.answer("PUT", f"/user/{user}/rating", {"movie_id": 1, "rating": 4})
        with app.app_context():
            assert db.session.get(Rating, (user, 1)).model_version == version
    requests = [{"user_id": user} for user in people.values()]
    batch = rest("POST", "/recommendations/batch", json={"requests": requests})
    assert set(batch.headers["X-Model-Version"].split(", ")) == {FIRST, SECOND}


def test_pages_use_the_variant_of_the_user(
    app: Flask, client: FlaskClient, store: ReleaseStore
) -> None:
    client.get("/ready")
    publish_candidate(store)
    start(app, treatment=SECOND)
    seen = {}
    for number in range(8):
        person = app.test_client()
        register(person, f"p{number}")
        arm = plan().arm_of(21 + number)
        for page in ("/", "/title/1", "/search?q=space", "/popular", "/welcome"):
            seen.setdefault(arm, set()).add(person.get(page).headers["X-Model-Version"])
    assert seen == {CONTROL: {FIRST}, TREATMENT: {SECOND}}


def test_variant_without_release_follows_a_promotion(
    app: Flask, rest: Rest, store: ReleaseStore
) -> None:
    people = people_of_both_arms(app, rest)
    start(app)
    publish_tiny(store, SECOND)
    for arm in (CONTROL, TREATMENT):
        assert recommended(rest, people[arm])[1] == SECOND
    assert set(recommended(rest, people[TREATMENT])[0]) == WELL_KNOWN


def test_items_are_synced_from_the_release_of_a_variant(
    app: Flask, client: FlaskClient, store: ReleaseStore
) -> None:
    client.get("/ready")
    more = [replace(ITEMS[0], title="Renamed"), *ITEMS[1:], CatalogueItem(99, "Brand New", 2026)]
    store.publish(tiny_release(SECOND), more, no_parity_sample())
    start(app, treatment=SECOND)
    client.get("/ready")
    with app.app_context():
        assert db.session.get(Item, 99).title == "Brand New"
        assert db.session.get(Item, 1).title == "Space Station"


def test_experiment_end_returns_everyone_to_the_promoted_release(
    app: Flask, rest: Rest, store: ReleaseStore
) -> None:
    people = people_of_both_arms(app, rest)
    publish_candidate(store)
    start(app, treatment=SECOND)
    recommended(rest, people[TREATMENT])
    noted = exposures(app)
    assert run(app, "experiments", "end") == (
        0,
        "tune has ended; everyone gets the release in service\n",
    )
    assert {recommended(rest, user)[1] for user in people.values()} == {FIRST}
    assert exposures(app) == noted
    assert "experiment" not in rest("GET", "//ready").json


@pytest.mark.parametrize("damage", [truncate, flip_a_byte, remove_a_file])
def test_experiment_serves_the_promoted_release_when_a_variant_does_not_verify(
    environ: dict[str, str],
    app: Flask,
    rest: Rest,
    store: ReleaseStore,
    damage: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    people = people_of_both_arms(app, rest)
    publish_candidate(store)
    start(app, treatment=SECOND)
    named = damage(store.folder / SECOND)  # type: ignore[operator]
    other = client_with_token(create_app(environ, TESTING=True), "other")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert {recommended(other, user)[1] for user in people.values()} == {FIRST}
        ready = other("GET", "//ready")
    assert (ready.status_code, ready.json["release"]) == (200, FIRST)
    assert named in ready.json["experiment_problem"]
    assert "experiment" not in ready.json
    assert len([line for line in caplog.messages if named in line]) == 1
    assert exposures(app) == []


def test_variant_is_served_again_when_its_release_returns(
    environ: dict[str, str], app: Flask, rest: Rest, store: ReleaseStore
) -> None:
    people = people_of_both_arms(app, rest)
    publish_candidate(store)
    start(app, treatment=SECOND)
    (store.folder / SECOND).rename(store.folder / "away")
    other = client_with_token(create_app(environ, TESTING=True), "other")
    assert "no such release" in other("GET", "//ready").json["experiment_problem"]
    (store.folder / "away").rename(store.folder / SECOND)
    assert other("GET", "//ready").json == {
        "status": "ready",
        "release": FIRST,
        "experiment": "tune",
    }
    assert recommended(other, people[TREATMENT])[1] == SECOND


def test_ready_reports_a_problem_and_serves_when_the_experiments_table_is_missing(
    environ: dict[str, str], app: Flask
) -> None:
    client = app.test_client()
    client.get("/ready")
    with app.app_context():
        downgrade(revision="5e1f7c2a90d3")
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert "flask db upgrade" in ready.json["experiment_problem"]


@pytest.mark.server
def test_processes_agree_and_follow_start_and_end_without_restart(
    app: Flask, environ: dict[str, str], rest: Rest, store: ReleaseStore, tmp_path: Path
) -> None:
    people = people_of_both_arms(app, rest)
    publish_candidate(store)
    with app.app_context():
        secret = api_tokens.create("processes")
    quickly = {**environ, "RELEASE_POLL_SECONDS": "0.1"}

    def served(address: str, user_id: int) -> str:
        request = Request(
            f"{address}/api/v1/user/{user_id}/recommendations",
            headers={"Authorization": f"Bearer {secret}"},
        )
        with urlopen(request, timeout=30) as answer:
            return answer.headers["X-Model-Version"]

    def served_alike(address: str, expected: dict[str, str]) -> None:
        """Return whether both processes give this response, twenty times in a row."""
        in_a_row, deadline = 0, utcnow() + timedelta(seconds=30)
        while in_a_row < 20:
            right = all(served(address, people[arm]) == of for arm, of in expected.items())
            in_a_row = in_a_row + 1 if right else 0
            assert utcnow() < deadline

    with gunicorn(quickly, tmp_path / "gunicorn.log") as address:
        served_alike(address, {CONTROL: FIRST, TREATMENT: FIRST})
        start(app, treatment=SECOND)
        served_alike(address, {CONTROL: FIRST, TREATMENT: SECOND})
        run(app, "experiments", "end")
        served_alike(address, {CONTROL: FIRST, TREATMENT: FIRST})


def test_experiment_is_read_by_the_watcher_and_not_by_requests(
    app: Flask, environ: dict[str, str]
) -> None:
    app.test_client().get("/ready")
    start(app)
    site = create_app({**environ, "RELEASE_POLL_SECONDS": "600"}, TESTING=True)
    client = site.test_client()
    assert client.get("/ready").json["experiment"] == "tune"
    recorded: list[str] = []
    with site.app_context():
        engine = db.engine

    def listen(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        recorded.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    client.get("/ready")
    assert [statement for statement in recorded if "experiments" in statement] == []
    assert recorded
    engine.dispose()


# Exposures


def test_exposures_are_stored_with_variant_for_every_list(app: Flask, rest: Rest) -> None:
    people = people_of_both_arms(app, rest)
    start(app)
    user = people[TREATMENT]
    rest.answer("GET", f"/user/{user}/recommendations?limit=2")
    noted = exposures(app)
    assert [(u, arm, place, v) for u, _, arm, place, v in noted] == [
        (user, TREATMENT, 1, FIRST),
        (user, TREATMENT, 2, FIRST),
    ]
    rest.answer("GET", f"/user/{user}/recommendations?limit=3")
    assert exposures(app)[:2] == noted
    assert len(exposures(app)) == 3
    rest.answer("GET", f"//recommendations?user_id={people[CONTROL]}")
    assert len([e for e in exposures(app) if e[2] == CONTROL]) == 8


@pytest.mark.every_database
def test_exposures_are_stored_per_user_of_a_batch_and_not_for_anonymous_lists(
    app: Flask, rest: Rest
) -> None:
    people = people_of_both_arms(app, rest)
    start(app)
    anonymous = {"ratings": [{"movie_id": 1, "rating": 4.5}]}
    requests = [anonymous, *({"user_id": user} for user in people.values()), anonymous]
    again = {"user_id": people[TREATMENT]}
    answer = rest.answer(
        "POST", "/recommendations/batch", {"limit": 8, "requests": [*requests, again]}
    )
    alone = rest.answer("POST", "/recommendations/batch", {"limit": 8, "requests": [again]})
    assert answer["results"][-1] == alone["results"][0]
    noted = {user: [e for e in exposures(app) if e[0] == user] for user in people.values()}
    assert {e[1] for e in noted[people[TREATMENT]]} == WELL_KNOWN
    assert len(noted[people[CONTROL]]) == 8
    assert len(exposures(app)) == 11


def test_exposures_include_items_that_were_shown_before_the_experiment(
    app: Flask, client: FlaskClient
) -> None:
    register(client, "ann")
    client.get("/")
    start(app)
    client.get("/")
    with app.app_context():
        shown = set(db.session.scalars(select(Impression.item_id)))
        exposed = set(db.session.scalars(select(Exposure.item_id)))
    assert exposed
    assert exposed <= shown


def test_exposures_are_not_stored_without_an_experiment(
    app: Flask, ann: FlaskClient, rest: Rest
) -> None:
    ann.get("/")
    rest.answer("GET", "/user/21/recommendations")
    assert exposures(app) == []


def test_recommendations_are_404_when_user_is_deleted_meanwhile(
    app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.api import legacy_routes, routes

    start(app)
    for module in (routes, legacy_routes):
        monkeypatch.setattr(module, "user_or_404", lambda user_id: None)
    for path in ("/user/999/recommendations", "//recommendations?user_id=999"):
        assert rest("GET", path).status_code == 404, path


# The command line


@pytest.mark.every_database
def test_experiments_command_starts_lists_and_ends(app: Flask) -> None:
    assert run(app, "experiments", "list") == (0, "")
    assert run(
        app, "experiments", "start", "tune", "--treatment", "min_ratings=12", "--share", "0.25"
    ) == (
        0,
        "tune is running: current,min_ratings=12 for 25 % of the people, current for the others\n",
    )
    listed = run(app, "experiments", "list")[1]
    assert re.fullmatch(
        r"\* tune\t.* to now\tcontrol current\ttreatment current,min_ratings=12 \(25%\)\n", listed
    )
    run(app, "experiments", "end")
    assert run(app, "experiments", "list")[1].startswith("  tune\t")
    assert run(app, "experiments", "start", "two", "--treatment", "min_ratings=3")[0] == 0


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["tune", "--treatment", SECOND], "no such release"),
        (["tune", "--treatment", "../else"], "is not a version"),
        (["tune", "--treatment", "rank=5"], "is not a setting of a variant"),
        (["tune", "--treatment", "current"], "nothing to compare"),
        (["tune", "--treatment", "min_ratings=3", "--share", "0"], "above 0 and below 1"),
        (["tune", "--treatment", "min_ratings=3", "--share", "nan"], "above 0 and below 1"),
        (["a:b", "--treatment", "min_ratings=3"], "a name is"),
        (["x" * 65, "--treatment", "min_ratings=3"], "a name is"),
    ],
)
def test_experiments_start_prints_a_one_line_error_when_options_are_invalid(
    app: Flask, options: list[str], printed: str
) -> None:
    status, answer = run(app, "experiments", "start", *options)
    assert (status, answer.count("\n")) == (2, 1), answer
    assert printed in answer
    with app.app_context():
        assert running() is None


def test_experiments_start_rejects_a_second_running_one_and_a_used_name(app: Flask) -> None:
    """Two experiments of one name would assign users to the same variants."""
    assert "no experiment is running" in run(app, "experiments", "end")[1]
    start(app)
    status, printed = run(app, "experiments", "start", "two", "--treatment", "min_ratings=3")
    assert (status, printed) == (2, "error: tune is running; `flask experiments end` ends it\n")
    run(app, "experiments", "end")
    status, printed = run(app, "experiments", "start", "tune", "--treatment", "min_ratings=3")
    assert status == 2
    assert "choose another name" in printed
    with app.app_context():
        assert running_plan() is None


def test_experiments_start_rejects_a_release_of_another_feedback_type(
    app: Flask, store: ReleaseStore
) -> None:
    store.publish(tiny_games_release(SECOND), GAMES, no_parity_sample(rating_width=0))
    status, printed = run(app, "experiments", "start", "tune", "--treatment", SECOND)
    assert status == 2
    assert "compare releases of one kind" in printed


def test_experiments_start_needs_force_for_a_release_that_the_gate_refused(
    app: Flask, store: ReleaseStore
) -> None:
    report = {"report.json": b'{"gate": {"passed": false, "reasons": ["too bad"]}}'}
    store.publish(tiny_release(SECOND), ITEMS, no_parity_sample(), report)
    status, printed = run(app, "experiments", "start", "tune", "--treatment", SECOND)
    assert (status, printed.count("\n")) == (2, 1)
    assert "the gate refused it: too bad. Add --force" in printed
    with app.app_context():
        assert running() is None
    start(app, "--force", treatment=SECOND)


def test_experiments_start_fails_when_there_is_no_release(closed_app: Flask) -> None:
    status, printed = run(closed_app, "experiments", "start", "x", "--treatment", "min_ratings=3")
    assert status == 2
    assert "no release has been promoted yet" in printed


# The figures


def test_difference_combines_the_standard_errors() -> None:
    """Standard errors 0.3 and 0.4 combine to 0.5 (3-4-5)."""
    z = 1.959964
    before = Interval(3.0, 3.0 - 0.3 * z, 3.0 + 0.3 * z, 10)
    after = Interval(3.6, 3.6 - 0.4 * z, 3.6 + 0.4 * z, 12)
    apart = difference(before, after)
    assert (apart.value, apart.n) == (pytest.approx(0.6), 22)
    assert (apart.low, apart.high) == (pytest.approx(0.6 - 0.5 * z), pytest.approx(0.6 + 0.5 * z))
    assert difference(before, Interval(4.0, None, None, 1)) == Interval(1.0, None, None, 11)


def test_times_needed_equals_the_textbook_sample_size() -> None:
    """One response each, 100 users per variant, a fifth accepts: σ² = 0.2·0.8·100/99.

    By the textbook, detecting 0.02 takes 2·(1.96 + 0.84)²·σ²/0.02² users per variant.
    """
    accepted = ratio([1] * 20 + [0] * 80, [1] * 100)
    assert accepted is not None
    times = times_needed(difference(accepted, accepted), 0.1 * accepted.value)
    textbook = 2 * (1.959964 + 0.841621) ** 2 * (0.2 * 0.8 * 100 / 99) / 0.02**2
    assert 100 * times == pytest.approx(textbook)
    assert textbook == pytest.approx(6343, abs=1)
    assert times_needed(Interval(0.1, None, None, 1), 0.02) is None


def simulated(rng: np.random.Generator, people: int, rate: float) -> Interval:
    """Simulate users who were shown 1 to 20 items each, with different acceptance rates."""
    shown = rng.integers(1, 21, people)
    estimate = ratio(rng.binomial(shown, rng.beta(4 * rate, 4 * (1 - rate), people)), shown)
    assert estimate is not None
    return estimate


def test_difference_excludes_zero_for_5_percent_of_equal_variants() -> None:
    rng, times, wrong = np.random.default_rng(7), 1000, 0
    for _ in range(times):
        apart = difference(simulated(rng, 300, 0.2), simulated(rng, 300, 0.2))
        wrong += not apart.low <= 0 <= apart.high
    assert abs(wrong / times - 0.05) < 4 * (0.05 * 0.95 / times) ** 0.5


def test_difference_has_80_percent_power_at_the_needed_sample_size() -> None:
    rng, times, seen = np.random.default_rng(8), 500, 0
    first = difference(simulated(rng, 5000, 0.2), simulated(rng, 5000, 0.2))
    people = round(5000 * times_needed(first, 0.02))
    for _ in range(times):
        seen += difference(simulated(rng, people, 0.2), simulated(rng, people, 0.22)).low > 0
    assert abs(seen / times - 0.8) < 4 * (0.8 * 0.2 / times) ** 0.5


def results(app: Flask) -> ExperimentResults:
    with app.app_context():
        return results_of(db.session.scalars(select(Experiment)).one())


@pytest.fixture
def running_app(app: Flask) -> Flask:
    """A site with an experiment running and its catalogue in the database."""
    app.test_client().get("/ready")
    start(app)
    return app


@pytest.mark.every_database
def test_results_equal_the_figures_computed_by_hand(running_app: Flask) -> None:
    populate(
        running_app,
        {
            CONTROL: [[4.0, None, None, None], [2.0, 3.0, None, None]],
            TREATMENT: [[5.0, 5.0], [4.0, None], [None, None]],
        },
    )
    output = results(running_app)
    control, treatment = output.arms[CONTROL], output.arms[TREATMENT]
    assert (control.people, control.shown, treatment.people, treatment.shown) == (2, 8, 3, 6)
    assert (control.accepted.value, treatment.accepted.value) == (3 / 8, 0.5)
    assert (control.rating.value, treatment.rating.value) == (3.0, pytest.approx(14 / 3))
    assert output.accepted.difference.value == 0.125
    # Variance between users: 2·(0.5² + 0.5²)/8² and 1.5·(1² + 0² + 1²)/6².
    se = (2 * 0.5 / 64 + 1.5 * 2 / 36) ** 0.5
    assert output.accepted.difference.high == pytest.approx(0.125 + 1.959964 * se)
    assert output.rating.difference.value == pytest.approx(5 / 3)
    times = ((1.959964 + 0.841621) * se / 0.0375) ** 2
    assert output.needed[TREATMENT] == pytest.approx(3 * times, abs=1)
    assert not output.is_enough


def test_results_count_only_ratings_from_recommendations(running_app: Flask) -> None:
    populate(running_app, {CONTROL: [[4.0] * 6], TREATMENT: [[5.0]]})
    ways = {1: "recommendation", 2: "search", 3: "import", 5: "rest", 8: "rest", 13: "popular"}
    with running_app.app_context():
        for item, via in ways.items():
            rating = db.session.get(Rating, (1001, item))
            rating.via, rating.is_implicit = via, item == 8
        db.session.commit()
    assert results(running_app).arms[CONTROL].accepted.value == pytest.approx(2 / 6)


def test_results_exclude_ratings_and_exposures_after_the_end(running_app: Flask) -> None:
    populate(running_app, {CONTROL: [[4.0, 4.0, None, None]], TREATMENT: [[5.0]]})
    run(running_app, "experiments", "end")
    with running_app.app_context():
        ended = db.session.scalars(select(Experiment.ended_at)).one()
        db.session.get(Rating, (1001, 2)).rated_at = ended + timedelta(seconds=1)
        exposure = db.session.scalars(select(Exposure).where(Exposure.item_id == 5)).one()
        exposure.shown_at = ended + timedelta(seconds=1)
        db.session.commit()
    control = results(running_app).arms[CONTROL]
    assert (control.shown, control.accepted.value) == (3, pytest.approx(1 / 3))


def test_results_say_how_many_users_are_missing_when_sample_is_small(running_app: Flask) -> None:
    assert results(running_app).needed is None
    alike: list[list[float | None]] = [[4.0, None]] * (FEWEST - 10)
    populate(running_app, {CONTROL: alike, TREATMENT: alike})
    output = results(running_app)
    assert output.needed == {CONTROL: FEWEST, TREATMENT: FEWEST}
    assert output.missing == {CONTROL: 10, TREATMENT: 10}
    assert not output.is_enough


def test_results_are_never_enough_when_nothing_was_accepted(running_app: Flask) -> None:
    populate(running_app, {CONTROL: [[None]] * FEWEST, TREATMENT: [[4.0]] * FEWEST})
    output = results(running_app)
    assert output.needed is None
    assert not output.is_enough


# The owner's page


@pytest.fixture
def owner(running_app: Flask) -> FlaskClient:
    client = running_app.test_client()
    register(client, "ann")
    run(running_app, "set-role", "ann", "owner")
    return client


@pytest.mark.every_database
def test_experiments_pages_are_for_owners_only(running_app: Flask, owner: FlaskClient) -> None:
    guest, other = running_app.test_client(), running_app.test_client()
    register(other, "bob")
    for page in ("/owner/experiments", "/owner/experiments/tune"):
        assert guest.get(page).status_code == 302
        assert other.get(page).status_code == 403
        assert owner.get(page).status_code == 200
    assert owner.get("/owner/experiments/other").status_code == 404
    assert 'href="/owner/experiments"' in owner.get("/owner").text


def test_experiments_page_explains_how_to_start_when_there_is_none(app: Flask) -> None:
    client = app.test_client()
    register(client, "ann")
    run(app, "set-role", "ann", "owner")
    page = client.get("/owner/experiments").text
    assert "None has been started yet" in page
    assert "flask experiments start" in page


def test_experiments_page_says_too_early_when_sample_is_small(
    running_app: Flask, owner: FlaskClient
) -> None:
    page = owner.get("/owner/experiments").text
    assert "Too early to conclude." in page
    assert "the release in service, min_ratings 12" in page
    assert '<svg class="scale"' not in page
    populate(running_app, {CONTROL: [[4.0, None]] * 5, TREATMENT: [[5.0, None, None, None]] * 5})
    page = owner.get("/owner/experiments").text
    assert "Too early to conclude." in page
    assert "about 100 people in the control and 100 in the treatment: 95 and 95 more" in page
    assert page.count('<svg class="scale"') == 4
    assert "−25.0 points" in page


@pytest.mark.parametrize(
    ("treatment", "words"),
    [
        ([5.0, 4.0, None], "The treatment does better:"),
        ([None, None, 4.0], "No clear difference"),
        ([None, None, None], "The treatment does worse:"),
    ],
)
def test_experiments_page_states_the_result_when_sample_is_large(
    running_app: Flask, owner: FlaskClient, treatment: list[float | None], words: str
) -> None:
    control: list[list[float | None]] = [[4.0, None, None]] * FEWEST
    populate(running_app, {CONTROL: control, TREATMENT: [treatment] * FEWEST})
    page = owner.get("/owner/experiments").text
    assert words in page
    assert "Too early" not in page


def test_experiments_page_omits_stars_when_feedback_is_implicit(
    running_app: Flask, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(running_app, {CONTROL: [[4.0, None]] * 5, TREATMENT: [[5.0, None]] * 5})
    assert "Stars for what was accepted" in owner.get("/owner/experiments").text
    model = running_app.extensions["serving"].model
    monkeypatch.setattr(model, "catalogue", replace(model.catalogue, feedback="implicit"))
    page = owner.get("/owner/experiments").text
    assert "Recommendations accepted" in page
    assert "tars" not in page.split("<main")[1].replace("has been started", "")


def test_experiments_page_links_earlier_experiments(running_app: Flask, owner: FlaskClient) -> None:
    run(running_app, "experiments", "end")
    run(running_app, "experiments", "start", "next", "--treatment", "popularity_weight=0.5")
    page = owner.get("/owner/experiments").text
    assert '<h2 class="section">next</h2>' in page
    assert 'href="/owner/experiments/tune"' in page
    assert '<h2 class="section">tune</h2>' in owner.get("/owner/experiments/tune").text


def test_experiments_page_says_why_a_variant_cannot_be_served(
    running_app: Flask, owner: FlaskClient, store: ReleaseStore
) -> None:
    run(running_app, "experiments", "end")
    publish_candidate(store)
    run(running_app, "experiments", "start", "next", "--treatment", SECOND)
    remove_a_file(store.folder / SECOND)
    page = owner.get("/owner/experiments").text
    assert "everyone gets the release in service" in page
    assert "item_ids.npy" in page


# The tables


def test_experiments_migration_creates_and_drops_its_tables(app: Flask) -> None:
    ours = {"experiments", "exposures"}
    with app.app_context():
        assert ours <= set(inspect(db.engine).get_table_names())
        downgrade(revision="5e1f7c2a90d3")
        assert not ours & set(inspect(db.engine).get_table_names())
        upgrade()
        assert ours <= set(inspect(db.engine).get_table_names())
        assert serving.watcher.trials.current is None


def test_delete_user_deletes_their_exposures(running_app: Flask) -> None:
    populate(running_app, {CONTROL: [[None] * 4], TREATMENT: [[None] * 2]})
    rest = client_with_token(running_app, "service")
    rest.answer("DELETE", "/user/1001")
    assert {user for user, *_ in exposures(running_app)} == {1002}
    assert results(running_app).arms[CONTROL].people == 0
