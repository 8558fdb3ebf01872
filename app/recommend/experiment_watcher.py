"""Follow the running experiment: read it from the database, load its arms, report problems."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.recommend.variants import ExperimentConfig, RunningExperiment
from recommender.errors import MarqueeError
from recommender.model import Model
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore

Find = Callable[[], ExperimentConfig | None]
Prepare = Callable[[Release], object]


class ExperimentWatcher:
    """Holds the experiment that ``find`` returns; the release watcher refreshes it.

    ``prepare`` runs for each arm's release before it serves, in an application context as ``find``
    does. While an arm cannot be served ``current`` is None, so that everyone gets the release in
    service, and ``problem`` is the reason.
    """

    def __init__(self, app: Flask, store: ReleaseStore, find: Find, prepare: Prepare):
        self.current: RunningExperiment | None = None
        self.problem: str | None = None
        self._app = app
        self._store = store
        self._find = find
        self._prepare = prepare

    def refresh(self, in_service: Model) -> None:
        """Update ``current`` by the database and the release in service."""
        try:
            with self._app.app_context():
                self._follow(self._find(), in_service)
            self.problem = None
        except MarqueeError as error:
            self.current = None
            self._report(str(error))
        except SQLAlchemyError as error:
            self._report(
                f"the database did not say what is running ({type(error).__name__});"
                " is it there, and `flask db upgrade` done?"
            )

    def serve_added_items(self, beside: Callable[[Model], Model]) -> None:
        """Give the arms the items that are folded into their models; ``beside`` returns a model
        with them."""
        if self.current is not None:
            self.current = self.current.with_added_items(beside)

    def _follow(self, plan: ExperimentConfig | None, in_service: Model) -> None:
        now = self.current
        if now is not None and now.plan == plan and now.in_service == in_service.version:
            return
        if now is not None and now.plan != plan:
            self.current = None  # nobody is served by it while the next one loads
            self._app.logger.info("experiment %s has ended", now.plan.name)
        if plan is None:
            return
        trial = RunningExperiment.of(plan, self._store, in_service)
        for model in trial.models.values():
            self._prepare(model.release)
        self.current = trial
        self._app.logger.info("experiment %s is running", plan.name)

    def _report(self, problem: str) -> None:
        if problem != self.problem:  # a problem is logged once, not at each refresh
            self._app.logger.warning("experiment not served: %s", problem)
        self.problem = problem
