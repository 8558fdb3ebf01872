"""The configuration of a training run: a YAML file, whose parameters options override."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
import yaml
from msgspec.structs import asdict, replace

import spark_jobs
from recommender.errors import ConfigError
from recommender.formats.steam import is_steam
from recommender.params import RankingParams, RatingParams, describe_params
from recommender.validation import convert
from spark_jobs.config.configuration import (
    CHOOSABLE,
    PARAMS,
    Config,
    Gate,
    dataset_of,
    load_config,
    read_params,
)
from spark_jobs.config.options import add_options, as_options
from spark_jobs.config.pipeline import Evaluate, Ingest, Pipeline, Process, Publish, Source
from spark_jobs.config.yaml_files import write_yaml
from spark_jobs.tuning.outcome import Measures, check_target, write_best

PROTOCOL_NAMES = "must be some of [A, B, C, D, E, G, T, N]"
DEFAULT = Path(spark_jobs.__file__).parent / "pipelines" / "movies.yaml"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser


def load(*arguments: str) -> Config:
    return load_config(parser().parse_args(arguments))


def write(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_load_returns_default_parameters_without_a_file() -> None:
    # What a file or a manifest lacks keeps the value of earlier versions.
    scaled = {"regularization": 0.3, "regularization_exponent": 0.5, "typical_count": 0.0}
    expected = Config("movie", 1, replace(RankingParams(), **scaled), RatingParams())
    assert load() == replace(expected, chosen=CHOOSABLE)


def test_number_overrides_what_training_would_choose_and_auto_a_number(tmp_path: Path) -> None:
    assert load("--ranking-popularity-weight", "0.2").chosen == ("neighbourhood.weight",)
    fixed = write(tmp_path, "ranking:\n  popularity_weight: 0.2\n")
    assert load("--config", fixed).ranking.popularity_weight == 0.2
    assert load("--config", fixed).chosen == ("neighbourhood.weight",)
    again = load("--config", fixed, "--ranking-popularity-weight", "auto")
    assert again.chosen == CHOOSABLE
    assert as_options(again) == ["--seed", "1"]
    assert as_options(load("--config", fixed))[-2:] == ["--ranking-popularity-weight", "0.2"]


@pytest.mark.parametrize("option", ["--config", "--params"])
def test_load_rejects_auto_for_what_training_cannot_choose(tmp_path: Path, option: str) -> None:
    path = write(tmp_path, "ranking:\n  rank: auto\n")
    with pytest.raises(ConfigError, match="rank must be a whole number"):
        load(option, path)


@pytest.mark.parametrize("model", PARAMS)
def test_default_file_lists_every_parameter(model: str) -> None:
    shown = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))[model]
    assert list(shown) == list(asdict(PARAMS[model]()))


def test_default_file_has_the_default_gate() -> None:
    assert yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))["gate"] == asdict(Gate())


def test_default_file_has_the_default_pipeline() -> None:
    shown = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))["pipeline"]
    assert convert(shown, Pipeline, "here") == Pipeline()
    assert list(shown) == [name for name in asdict(Pipeline()) if name in shown]


def test_load_returns_the_pipeline_for_games() -> None:
    pipeline = load("--dataset", "steam").pipeline
    assert is_steam(source.file_name for source in pipeline.acquire)
    assert "A" not in pipeline.evaluate.protocols  # there are no stars
    assert pipeline.folder != Pipeline().folder


def test_load_reads_a_pipeline(tmp_path: Path) -> None:
    content = f"""
    pipeline:
      folder: here
      acquire:
        - {{from: https://example.com/a/users.json.gz, sha256: {"ab" * 32}}}
        - {{from: "http://example.com/games.json.gz?x=1", md5: "{"12" * 16}"}}
      process: {{upload: s3://bucket/processed}}
      evaluate: {{protocols: [B], seeds: [3, 4]}}
      ingest: {{ratings: true}}
      publish: {{to: s3://bucket/releases}}
    """
    pipeline = load("--config", write(tmp_path, content)).pipeline
    assert pipeline == Pipeline(
        folder="here",
        acquire=(
            Source("https://example.com/a/users.json.gz", sha256="ab" * 32),
            Source("http://example.com/games.json.gz?x=1", md5="12" * 16),
        ),
        process=Process(upload="s3://bucket/processed"),
        evaluate=Evaluate(protocols=("B",), seeds=(3, 4)),
        ingest=Ingest(ratings=True),
        publish=Publish(to="s3://bucket/releases"),
    )
    assert [source.file_name for source in pipeline.acquire] == ["users.json.gz", "games.json.gz"]


WEB = "https://example.com/a.zip"
PIPELINES = {
    "a list": ("[acquire]", ": pipeline must be `name: value` lines, not ['acquire']"),
    "an unknown stage": (
        "{serve: {}}",
        "pipeline: unknown parameter 'serve'; known are folder, acq",
    ),
    "no folder": ("{folder: ''}", "pipeline: folder must be text that is not blank, not ''"),
    "no list": (f"{{acquire: {WEB}}}", "acquire must be a list of `- from: address` entries"),
    "nothing": ("{acquire: []}", "acquire must be a list of `- from: address` entries"),
    "no address": ("{acquire: [{}]}", "acquire, entry 1: from is missing"),
    "an unknown line": (
        "{acquire: [{form: x}]}",
        "unknown parameter 'form'; known are from, sha256",
    ),
    "another scheme": ("{acquire: [{from: 'ftp://x/a'}]}", "must begin with http://, https:// or"),
    "no file": ("{acquire: [{from: 'https://x/'}]}", "'https://x/' names no file or folder"),
    "half a checksum": (
        f"{{acquire: [{{from: '{WEB}', sha256: abc}}]}}",
        "sha256 must be 64 hexadecimal digits",
    ),
    "a number": (f"{{acquire: [{{from: '{WEB}', md5: 12}}]}}", "in quotes where they look like"),
    "a folder's checksum": (
        f"{{acquire: [{{from: 's3://bucket/a', md5: '{'0' * 32}'}}]}}",
        "md5 is of a file, and 's3://bucket/a' is a folder",
    ),
    "one name twice": (
        f"{{acquire: [{{from: '{WEB}'}}, {{from: 'https://b/a.zip'}}]}}",
        "several sources must be files with names of their own",
    ),
    "no place in S3": (
        "{process: {upload: data}}",
        "process: upload must be an S3 URL like s3://bucket/",
    ),
    "an unknown protocol": (
        "{evaluate: {protocols: [Z]}}",
        PROTOCOL_NAMES,
    ),
    "no protocols": (
        "{evaluate: {protocols: []}}",
        f"{PROTOCOL_NAMES}, not []",
    ),
    "a seed alone": ("{evaluate: {seeds: 1}}", "seeds must be whole numbers such as [0, 1, 2]"),
    "a seed below 0": (
        "{evaluate: {seeds: [-1]}}",
        "seeds: entry 1 must be a whole number of at",
    ),
    "a word": ("{ingest: {ratings: all}}", "ingest: ratings must be true or false, not 'all'"),
    "an unknown setting": ("{train: {rank: 8}}", "pipeline: unknown parameter 'train'; known are"),
}


@pytest.mark.parametrize(("section", "expected"), PIPELINES.values(), ids=PIPELINES)
def test_load_rejects_an_invalid_pipeline(tmp_path: Path, section: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        load("--config", write(tmp_path, f"pipeline: {section}\n"))
    assert re.match(re.escape(str(tmp_path / "mine.yaml")) + "[,:] pipeline", str(caught.value))


GATES = {
    "a list": ("[RMSE]", ": gate must be `name: value` lines, not ['RMSE']"),
    "an unknown line": (
        "{floor: 1}",
        "unknown parameter 'floor'; known are people, seed,",
    ),
    "half a person": (
        "{people: 0.5}",
        "gate: people must be a whole number of at least 0, not",
    ),
    "a seed below 0": ("{seed: -1}", "gate: seed must be a whole number of at least 0, not -1"),
    "a single floor": (
        "{floors: 0.7}",
        "gate: floors must be `name: value` lines, each",
    ),
    "an unknown metric": ("{floors: {rmse: 1}}", "unknown metric 'rmse'; known are RMSE, MAE"),
    "a margin in words": (
        "{margins: {AUC: big}}",
        "a number of at least 0, not {'AUC': 'big'}",
    ),
}


@pytest.mark.parametrize(("section", "expected"), GATES.values(), ids=GATES)
def test_load_rejects_an_invalid_gate(tmp_path: Path, section: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        load("--config", write(tmp_path, f"gate: {section}\n"))


def test_load_accepts_a_gate_without_floors_and_margins(tmp_path: Path) -> None:
    gate = load("--config", write(tmp_path, "gate: {floors: {}, margins: {}, people: 9}\n")).gate
    assert gate == Gate(people=9, seed=0, floors={}, margins={})


def test_as_options_round_trips() -> None:
    given = ("--seed", "3", "--ranking-rank", "8", "--rating-taste-weight", "0.0")
    settings = load(*given)
    assert as_options(settings) == list(given)
    assert load(*as_options(settings)) == settings


def test_as_options_round_trips_for_games() -> None:
    assert load("--dataset", "steam").noun == "game"
    given = ("--dataset", "steam", "--seed", "1", "--ranking-alpha", "5.0")
    settings = load(*given)
    assert as_options(settings) == list(given)
    assert load(*as_options(settings)) == settings


def test_dataset_of_recognises_a_folder_of_steam_files(tmp_path: Path) -> None:
    (tmp_path / "x_users_items.json.gz").touch()
    assert (dataset_of([str(tmp_path)]), dataset_of(["s3://x"])) == ("steam", "movielens")


def test_load_rejects_an_unknown_data_set(tmp_path: Path) -> None:
    path = write(tmp_path, "dataset: lastfm\n")
    with pytest.raises(ConfigError, match="dataset must be one of movielens, steam, not 'lastfm'"):
        load("--config", path)


@pytest.mark.parametrize("model", PARAMS)
def test_parser_has_an_option_with_description_for_every_parameter(model: str) -> None:
    options = {option for action in parser()._actions for option in action.option_strings}
    shown = " ".join(parser().format_help().split())
    for name, _, sentence in describe_params(PARAMS[model]):
        assert f"--{model}-{name.replace('_', '-')}" in options
        assert sentence in shown


def test_load_uses_defaults_for_missing_values(tmp_path: Path) -> None:
    path = write(tmp_path, "noun: game\nranking:\n  rank: 8\n")
    expected = load()
    assert load("--config", path) == replace(
        expected, noun="game", ranking=replace(expected.ranking, rank=8)
    )


def test_load_uses_defaults_of_games_for_missing_values_of_games(tmp_path: Path) -> None:
    path = write(tmp_path, "dataset: steam\nranking:\n  rank: 8\n")
    expected = load("--dataset", "steam").ranking
    assert load("--config", path).ranking == replace(expected, rank=8)


@pytest.mark.parametrize("option", ["--config", "--params"])
def test_load_keeps_the_meaning_of_a_regularization_without_typical_count(
    tmp_path: Path, option: str
) -> None:
    path = write(tmp_path, "ranking:\n  regularization: 0.1\n")
    ranking = load(option, path).ranking
    assert (ranking.regularization, ranking.regularization_exponent) == (0.1, 1.0)
    assert ranking.typical_count == 1.0


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "ranking:\nrating:\n"])
def test_load_uses_defaults_for_an_empty_file_or_section(tmp_path: Path, content: str) -> None:
    assert load("--config", write(tmp_path, content)) == load()


def test_options_override_only_their_values_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 7\nranking:\n  rank: 8\n  alpha: 9\nrating:\n  rank: 3\n")
    loaded = load("--config", path, "--ranking-rank", "64", "--rating-bias-sweeps", "2")
    assert loaded.ranking == replace(load().ranking, rank=64, alpha=9.0)
    assert loaded.rating == RatingParams(rank=3, bias_sweeps=2)
    assert loaded.seed == 7


def test_options_accept_zero(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 7\nranking:\n  neutral: 3.0\n")
    loaded = load("--config", path, "--seed", "0", "--ranking-neutral", "0")
    assert (loaded.seed, loaded.ranking.neutral) == (0, 0.0)


def test_load_accepts_an_integer_for_a_float(tmp_path: Path) -> None:
    alpha = load("--config", write(tmp_path, "ranking:\n  alpha: 4\n")).ranking.alpha
    assert isinstance(alpha, float)
    assert alpha == 4.0


def test_params_of_the_objective_watched_change_nothing_else() -> None:
    watched = load("--params", str(DEFAULT.parent / "movies-watched.yaml"))
    expected = load("--ranking-neutral", "0", "--neighbourhood-objective", "watched")
    regularized = replace(expected.neighbourhood, regularization=200.0)
    assert watched == replace(expected, neighbourhood=regularized)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sead: 1\n", "unknown parameter 'sead'; known are noun, seed, ranking, rating"),
        ("1: a\nfoo: b\n", "each name must be text; put it in quotes"),
        ("ranking:\n  rnk: 8\n", "ranking: unknown parameter 'rnk'; known are rank, iterations"),
        ("ranking:\n  1: a\n  foo: b\n", "each name must be text; put it in quotes"),
        ("ranking: 8\n", "ranking must be `name: value` lines, not 8"),
        ("rating: [rank, 8]\n", "rating must be `name: value` lines, not ['rank', 8]"),
        ("ranking:\n  rank: many\n", "rank must be a whole number of at least 1 and at most 1024"),
        ("ranking:\n  rank: 8.5\n", "rank must be a whole number"),
        ("ranking:\n  rank: yes\n", "rank must be a whole number"),
        ("ranking:\n  rank: 0\n", "at least 1 and at most 1024, not 0"),
        ("ranking:\n  rank: 1025\n", "at least 1 and at most 1024, not 1025"),
        ("rating:\n  regularization: 0\n", "regularization must be a number of at least 1e-09"),
        ("rating:\n  regularization: .nan\n", "not nan"),
        ("ranking:\n  alpha: .inf\n", "not inf"),
        pytest.param(f"ranking:\n  alpha: 1{400 * '0'}\n", "alpha must be", id="alpha: 1000..."),
        ("ranking:\n  alpha:\n", "not None"),
        ("seed: soon\n", "seed must be a whole number of at least 0, not 'soon'"),
        ("seed: yes\n", "seed must be a whole number of at least 0, not True"),
        (f"seed: {2**63}\n", "seed must be"),
        ("noun:\n", "noun must be"),
        ("- noun\n- seed\n", "must hold `name: value` lines"),
        ("ranking: {rank: 8\n", "not YAML"),
        (b"noun: f\xfclm\n", "cannot be read"),
    ],
)
def test_load_error_is_one_line_and_names_the_file(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load("--config", path)
    message = str(caught.value)
    assert message.startswith(path)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_load_names_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with pytest.raises(ConfigError, match=r"cannot be read .*; give a YAML file") as caught:
        load("--config", path)
    assert str(caught.value).startswith(path)


def test_load_rejects_an_option_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"rank must be a whole number of at least 1 .*, not 0"):
        load("--ranking-rank", "0")


def test_params_override_the_file_and_options_override_both(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 7\nranking:\n  rank: 8\n  alpha: 9\nrating:\n  rank: 3\n")
    tuned = tmp_path / "tuned.yaml"
    tuned.write_text("ranking:\n  rank: 16\n  neutral: 3.0\n")
    given = ("--config", path, "--params", str(tuned))
    expected = replace(load().ranking, rank=16, alpha=9.0, neutral=3.0)
    assert load(*given).ranking == expected
    assert load(*given).rating == RatingParams(rank=3)
    assert load(*given, "--ranking-rank", "4").ranking == replace(expected, rank=4)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("pipeline: {}\n", ": unknown section 'pipeline'; a file of parameters has ranking, "),
        ("ranking: {rank: [8]}\n", ", ranking: rank must be a whole number"),
        ("rating: {ranks: 8}\n", ", rating: unknown parameter 'ranks'"),
        ("rating: 8\n", ", rating: must be `name: value` lines"),
    ],
)
def test_load_names_what_is_wrong_in_a_file_of_parameters(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError, match=re.escape(f"{path}{expected}")):
        load("--params", path)


def test_written_parameters_are_read_again(tmp_path: Path) -> None:
    params = {
        "ranking": asdict(RankingParams(rank=8, regularization=1e-05)),
        "rating": asdict(RatingParams(taste_weight=0.0)),
    }
    path = write(tmp_path, write_yaml(params, "found"))
    assert read_params(Path(path)) == params
    assert load("--params", path).ranking == RankingParams(rank=8, regularization=1e-05)


def test_missing_file_of_parameters_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `make tune` writes"):
        load("--params", str(tmp_path / "tuned.yaml"))


@pytest.mark.parametrize("content", ["noun: film\n", "ranking: {rank: [8, 16]}\n"])
def test_tuning_does_not_replace_a_file_of_another_kind(tmp_path: Path, content: str) -> None:
    path = Path(write(tmp_path, content))
    with pytest.raises(ConfigError, match="it is not replaced: name another file with --out"):
        check_target(path)
    assert path.read_text() == content


def test_tuning_writes_the_best_of_a_model_and_keeps_those_of_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, configured, better = tmp_path / "a b.yaml", RankingParams(), RankingParams(alpha=9.0)
    measures: Measures = {"ranking": {configured: [0.1, 0.2], better: [0.3, 0.4]}}
    write_best(target, measures, {"rating": {"rank": 3}})
    check_target(target)
    assert read_params(target) == {"rating": {"rank": 3}, "ranking": asdict(better)}
    changed, use = capsys.readouterr().out.splitlines()
    assert changed == f"Written to {target}: ranking.alpha 5 → 9."
    assert use.endswith(f"--params '{target}'")
