"""Variants: the arms of an experiment, and which user gets which one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from msgspec.structs import asdict

from recommender.added_items import NOTHING_ADDED
from recommender.errors import ConfigError, ReleaseError
from recommender.model import Model
from recommender.params import RankingParams
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from recommender.validation import convert

CONTROL, TREATMENT = ("control", "treatment")
# Means the release in service.
IN_SERVICE = "current"
# 0 leaves titles that came after training out of lists.
NEW_TITLES = "new_titles"
# What a variant may change; the other parameters belong to the fitted factors.
SETTINGS = ("popularity_weight", "min_ratings", NEW_TITLES)


@dataclass(frozen=True)
class Variant:
    """A release with changed settings. ``release`` is None for the release in service."""

    release: str | None
    settings: Mapping[str, float]

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Parse "current", "VERSION", "VERSION,min_ratings=5", or "popularity_weight=0.1".

        Raises ConfigError.
        """
        words = [word.strip() for word in text.split(",")]
        first = "" if "=" in words[0] else words.pop(0)
        settings = dict(_setting(word, text) for word in words)
        if len(settings) < len(words):
            raise ConfigError(f"{text!r}: one setting is given twice")
        if settings.get(NEW_TITLES, 0) not in (0, 1):
            raise ConfigError(f"{text!r}: {NEW_TITLES} must be 0 or 1")
        convert(_ranking_params(settings), RankingParams, repr(text))
        return cls(None if first in ("", IN_SERVICE) else first, settings)

    def __str__(self) -> str:
        settings = (f"{name}={value}" for name, value in sorted(self.settings.items()))
        return ",".join([self.release or IN_SERVICE, *settings])

    @property
    def in_words(self) -> str:
        settings = (f"{name} {value:g}" for name, value in sorted(self.settings.items()))
        return ", ".join([self.release or "the release in service", *settings])

    @property
    def has_new_titles(self) -> bool:
        return bool(self.settings.get(NEW_TITLES, 1))

    def model(self, store: ReleaseStore, in_service: Model) -> Model:
        """Load the variant's model to serve beside ``in_service``.

        Raises ReleaseError where its release is missing, damaged, or of other items or ratings.
        """
        release = in_service.release
        if self.release not in (None, in_service.version):
            release = store.read(self.release or "")
            _check_comparable(release, in_service.release)
        settings = {**asdict(release.ranking), **_ranking_params(self.settings)}
        ranking = convert(settings, RankingParams, str(self))
        if release is in_service.release and ranking == release.ranking:
            return in_service
        model = Model(replace(release, ranking=ranking))
        _ = model.items.metadata
        return model


@dataclass(frozen=True)
class ExperimentConfig:
    """An experiment: a ``share`` of the people, between 0 and 1, gets the treatment."""

    id: int
    name: str
    share: float
    control: Variant
    treatment: Variant

    def arm_of(self, user_id: int) -> str:
        """Return the arm of a user: the same in every process while the experiment runs.

        ``u = sha256("NAME:USER_ID")``, its first eight bytes as a big-endian whole number, divided
        by 2⁶⁴: uniform in [0, 1), and for another name independent of it. The treatment is for
        ``u < share``.
        """
        digest = hashlib.sha256(f"{self.name}:{user_id}".encode()).digest()
        return TREATMENT if int.from_bytes(digest[:8]) / 2**64 < self.share else CONTROL


@dataclass(frozen=True)
class ServedVariant:
    """The model that serves a user, and its arm if the user is in an experiment."""

    model: Model
    experiment_id: int | None = None
    arm: str | None = None


@dataclass(frozen=True)
class RunningExperiment:
    """An experiment with the models of both arms, beside the release ``in_service``."""

    plan: ExperimentConfig
    in_service: str
    models: Mapping[str, Model]

    @classmethod
    def of(
        cls, plan: ExperimentConfig, store: ReleaseStore, in_service: Model
    ) -> RunningExperiment:
        """Load the models of both arms. Raises ReleaseError if one cannot be served."""
        arms = {CONTROL: plan.control, TREATMENT: plan.treatment}
        models = {name: arm.model(store, in_service) for name, arm in arms.items()}
        return cls(plan, in_service.version, models)

    def with_added_items(self, beside: Callable[[Model], Model]) -> RunningExperiment:
        """Return the experiment with models to which ``beside`` has given the items that came after
        training, where an arm has new titles."""
        arms = {CONTROL: self.plan.control, TREATMENT: self.plan.treatment}
        models = {
            name: beside(model) if arms[name].has_new_titles else model.with_added(NOTHING_ADDED)
            for name, model in self.models.items()
        }
        return replace(self, models=models)

    def served(self, user_id: int) -> ServedVariant:
        arm = self.plan.arm_of(user_id)
        return ServedVariant(self.models[arm], self.plan.id, arm)


def _ranking_params(settings: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in settings.items() if name != NEW_TITLES}


def _setting(word: str, text: str) -> tuple[str, float]:
    name, _, value = word.partition("=")
    if name not in SETTINGS:
        raise ConfigError(
            f"{text!r}: {name!r} is not a setting of a variant; those are {', '.join(SETTINGS)}"
        )
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError as error:
        raise ConfigError(f"{text!r}: {name} must be a number, not {value!r}") from error


def _check_comparable(release: Release, in_service: Release) -> None:
    """Raise ReleaseError unless ratings mean the same in both, since users rate for both arms."""
    scale = attrgetter(
        *("noun", "feedback", "rating_min", "rating_max", "rating_step", "points", "having"),
        "measure",
    )
    if scale(release.catalogue) != scale(in_service.catalogue):
        raise ReleaseError(
            f"release {release.version} is of {release.catalogue.nouns} with other ratings than"
            f" {in_service.version}, which is in service; compare releases of one kind"
        )
