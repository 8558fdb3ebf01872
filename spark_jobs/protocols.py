"""What evaluation measures: one table of metrics and one of protocols.

Evaluation, its reports, the promotion gate and the configuration of the pipeline all read these
tables, so this module holds data alone and imports nothing of the jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SERVED = "Marquee"
# The rating from which on a title counts as liked, and the one that every rating reaches.
LIKED = 4.0
ANY_RATING = 0.0
# How many titles a list holds, and how many the longer list of recall@20.
LIST_LENGTH = 10
LONG_LIST_LENGTH = 20


@dataclass(frozen=True)
class Metric:
    """``direction``: 1 where higher is better, -1 where lower is, 0 where neither is by itself."""

    direction: int
    sentence: str


METRICS = {
    "RMSE": Metric(-1, "root mean squared error of predicted stars"),
    "MAE": Metric(-1, "mean absolute error of predicted stars"),
    "PR-AUC": Metric(1, "area under the precision–recall curve of “rated 4 or more”"),
    "AUC": Metric(1, "share of pairs, one rated 4 or more and one less, in the right order"),
    "catalogue AUC": Metric(
        1, "share of pairs, a held-out title and one that the person has not, in the right order"
    ),
    "NDCG@10": Metric(1, "hits among ten, the higher in the list the more; 1 is perfect"),
    "recall@20": Metric(1, "share of the relevant titles found among twenty"),
    "precision@10": Metric(1, "share of ten that are relevant"),
    "recall@10": Metric(1, "share of the relevant titles found among ten"),
    "MAP@10": Metric(1, "mean of the precision at each hit among ten"),
    "coverage@10": Metric(0, "share of all titles that stand in someone’s ten"),
    "diversity@10": Metric(0, "1 − mean likeness of genres within a list; 1 is all different"),
    "novelty@10": Metric(0, "surprise of a listed title, in bits: 1 where half of all know it"),
    "stars of hits@10": Metric(1, "mean stars of listed titles that the person turned out to rate"),
    "new-title AUC": Metric(
        1, "share of pairs of new titles, one that the person likes and one without, in right order"
    ),
}
# The metrics that the gate may judge by, and 1 where higher is better, else -1.
GATE_METRICS = {name: metric.direction for name, metric in METRICS.items() if metric.direction}

HINTS = {1: "higher is better", -1: "lower is better", 0: "neither end is best"}

# How a protocol divides ratings: see ``evaluation.splits``.
BY_RATING, BY_PERSON, WITHIN_PERSON = "by rating", "by person", "within person"
BY_TIME, BY_TITLE = "by time", "by title"
# Groups of metrics: see ``evaluation.case_metrics``.
STARS, CATALOGUE, RANKING, LISTS = "stars", "catalogue AUC", "ranking", "beyond accuracy"
NEW_TITLES = "new titles"


@dataclass(frozen=True)
class Protocol:
    """``title`` and ``sentence`` stand in reports, ``heading`` on the terminal. ``headlines``: in
    words, the metrics that are drawn and stand at the top. ``split``: how ratings are divided, None
    where another protocol's split is used. ``relevant``: the least rating of a relevant title.
    ``metrics`` where stars are given, ``implicit_metrics`` where hours are; none of them: the
    protocol cannot measure such data. ``baselines``: whether they are measured too."""

    title: str
    heading: str
    sentence: str
    headlines: Mapping[str, str]
    split: str | None
    relevant: float = ANY_RATING
    metrics: tuple[str, ...] = (RANKING,)
    implicit_metrics: tuple[str, ...] = (RANKING,)
    baselines: bool = True


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "A": Protocol(
            title="Predicted stars",
            heading="Stars (80:20 by rating)",
            sentence="One rating in five is held out and predicted from the rest.",
            headlines={"RMSE": "stars off (RMSE)"},
            split=BY_RATING,
            metrics=(STARS,),
            implicit_metrics=(),
        ),
        "B": Protocol(
            title="Lists for people never seen",
            heading="Ranking for people never seen (a held-out rating of 4 or more is relevant)",
            sentence="One person in five is held out entirely; 80 % of their ratings are folded in,"
            " and a held-out rating of 4 or more is what the list should find; where hours are"
            " counted in place of stars, any.",
            headlines={"NDCG@10": "NDCG@10, people never seen"},
            split=BY_PERSON,
            relevant=LIKED,
        ),
        "C": Protocol(
            title="Lists within each person",
            heading="Ranking, 75:25 within each person (every held-out title is relevant)",
            sentence="A quarter of each person’s ratings is held out, and each of those titles is"
            " what the list should find, liked or not: the protocol of Microsoft’s recommenders.",
            headlines={"NDCG@10": "NDCG@10, known people"},
            split=WITHIN_PERSON,
        ),
        "D": Protocol(
            title="Lists, known people",
            heading="Ranking, 80:20 by rating (every held-out title is relevant)",
            sentence="One rating in five is held out, and each of those titles is what the list"
            " should find.",
            headlines={
                "catalogue AUC": "AUC over the catalogue",
                "recall@10": "recall@10, known people",
            },
            split=BY_RATING,
            metrics=(CATALOGUE, RANKING),
            implicit_metrics=(CATALOGUE, RANKING),
        ),
        "E": Protocol(
            title="Beyond accuracy",
            heading="Beyond accuracy",
            sentence="Lists of ten for people held out. More is not by itself better here: random"
            " lists would come first.",
            headlines={"coverage@10": "of all titles recommended to someone"},
            split=None,
            relevant=LIKED,
            metrics=(LISTS,),
            implicit_metrics=(LISTS,),
        ),
        "G": Protocol(
            title="Stars and lists for people held out",
            heading="Stars and ranking for people never seen",
            sentence="What the gate looks at: from one training to the next the same people are"
            " held out; 80 % of their ratings are folded in, the rest is predicted and ranked.",
            headlines={
                "RMSE": "stars off (RMSE)",
                "catalogue AUC": "AUC over the catalogue",
                "NDCG@10": "NDCG@10, people held out",
            },
            split=BY_PERSON,
            relevant=LIKED,
            metrics=(STARS, RANKING),
            implicit_metrics=(CATALOGUE, RANKING),
            baselines=False,
        ),
        "T": Protocol(
            title="Lists for what comes later",
            heading="Ranking of later ratings, people with a past (a later 4 or more is relevant)",
            sentence="The model is fitted on the first 80 % of all ratings by time. People with a"
            " past are folded in from it; what they rate 4 or more afterwards is what the list"
            " should find.",
            headlines={"NDCG@10": "NDCG@10, later ratings"},
            split=BY_TIME,
            relevant=LIKED,
            implicit_metrics=(),
        ),
        "N": Protocol(
            title="New titles",
            heading="Order of new titles, for people who like one of them",
            sentence="A tenth of the titles with 40 ratings or more is left out of the fit. Where"
            " would a new title that a person likes stand among the other new ones?",
            headlines={"new-title AUC": "AUC of new titles"},
            split=BY_TITLE,
            relevant=LIKED,
            metrics=(NEW_TITLES,),
            implicit_metrics=(NEW_TITLES,),
        ),
    }
)
# By kind of feedback, where none is asked for.
DEFAULT_PROTOCOLS = {"explicit": "A,B,C,E", "implicit": "B,D,E"}
