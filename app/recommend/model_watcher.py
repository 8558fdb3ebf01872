"""Watch for a new release, in each process, and swap it in by replacing one reference."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from flask import Flask, current_app, g, has_request_context, request
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue.pictures import picture_hosts
from app.catalogue.search_index import TitleIndex
from app.observability import metrics
from app.observability.memory import give_back
from app.recommend.added_items import StoredItems
from app.recommend.catalogue_kinds import kind_of
from app.recommend.experiment_watcher import ExperimentWatcher, Find, Prepare
from app.recommend.feedback_kind import STARS, FeedbackKind
from app.recommend.variants import ServedVariant
from recommender.errors import MarqueeError, NoRelease
from recommender.item_facts import Fact
from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store

FIRST_LOAD_SECONDS = 10.0


@dataclass(frozen=True)
class InService:
    """The model in service, the index of its titles, and the hosts of their pictures.

    Until the titles are indexed ``titles`` is the index of the previous release, if there is one.
    """

    model: Model
    titles: TitleIndex | None
    picture_hosts: tuple[str, ...] = ()


class ReleaseWatcher:
    """Loads the release that ``current.json`` names, at the first request and then every ``period``
    seconds, in a thread. The first requests wait for it up to FIRST_LOAD_SECONDS.

    ``prepare`` runs, in an application context, before a release goes into service. If anything
    fails, the release in service stays and ``problem`` says why. With a ``period`` of 0 there is
    no thread, and every request checks. ``trials`` is refreshed at the same times.
    """

    def __init__(
        self,
        app: Flask,
        store: ReleaseStore,
        period: float,
        prepare: Prepare,
        trials: ExperimentWatcher,
    ):
        self.store = store
        self.trials = trials
        self.problem: str | None = None
        self._app = app
        self._period = period
        self._prepare = prepare
        self._current: InService | None = None
        self._added_items = StoredItems()
        self._indexed = ""
        self._refreshing = threading.Lock()
        self._starting = threading.Lock()
        self._tried = threading.Event()
        self._patient_until = 0.0
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> InService:
        """The model and index in service. Raises NoRelease with the reason while there is none."""
        if self._current is None:
            raise NoRelease(self.problem or "no release has been loaded yet")
        return self._current

    @property
    def model(self) -> Model:
        return self.current.model

    @property
    def models(self) -> list[Model]:
        """The model in service and those of the experiment's arms. Raises NoRelease."""
        trial = self.trials.current
        return [self.model, *(trial.models.values() if trial else ())]

    def look(self) -> None:
        """Start watching, or without a period refresh; called before each request."""
        if not self._period:
            self.refresh()
        elif not self._tried.is_set():
            self._start()
            if request.endpoint != "status.health":
                self._tried.wait(self._patient_until - time.monotonic())

    def refresh(self) -> None:
        """Put the promoted release into service if it is new, and the arms of the experiment."""
        with self._refreshing:
            try:
                version = self.store.current().version
                if self._current is None or self._current.model.version != version:
                    self._put_into_service(version)
                self.problem = None
            except MarqueeError as error:
                self._report(str(error))
            except SQLAlchemyError as error:
                self._report(
                    f"the catalogue could not be brought up to date ({type(error).__name__});"
                    " is the database there, and `flask db upgrade` done?"
                )
            if self._current is not None:
                self.trials.refresh(self._current.model)
                self._serve_added_items(self._current)
                self._tried.set()  # waiting requests do not need the index
                self._index_titles(self._current)

    def _put_into_service(self, version: str) -> None:
        model = Model(self.store.read(version))
        with self._app.app_context():
            self._prepare(model.release)
        _ = model.items.metadata
        before = self._current
        hosts = picture_hosts(model.release)
        self._current = InService(model, before.titles if before else None, hosts)
        metrics.release_in_service(version, before.model.version if before else None)
        self._app.logger.info("release %s is in service", version)

    def _serve_added_items(self, current: InService) -> None:
        """Give the models what is folded into them and stored, if that has changed."""
        try:
            with self._app.app_context():
                self._added_items.refresh()
                model = self._added_items.beside(current.model)
                self.trials.serve_added_items(self._added_items.beside)
        except SQLAlchemyError as error:
            self._report(
                f"titles that came after training could not be read ({type(error).__name__}); is"
                " the database there, and `flask db upgrade` done?"
            )
        else:
            if model is not current.model:
                self._current = replace(current, model=model)

    def _index_titles(self, current: InService) -> None:
        if self._indexed == current.model.version:
            return
        try:
            self._current = replace(current, titles=TitleIndex.of(current.model.release))
            self._indexed = current.model.version
        except MarqueeError as error:
            self._report(str(error))

    def _report(self, problem: str) -> None:
        metrics.RELEASE_LOAD_FAILURES.inc()
        if problem != self.problem:  # a problem is logged once, not at each refresh
            self._app.logger.warning("release not loaded: %s", problem)
        self.problem = problem

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._patient_until = time.monotonic() + FIRST_LOAD_SECONDS
                self._thread = threading.Thread(
                    target=self._watch, name="release-watcher", daemon=True
                )
                self._thread.start()

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            indexed = self._indexed
            self.refresh()
            self._tried.set()
            pause.wait(self._period)
            if self._indexed != indexed:
                _free_memory()


def _free_memory() -> None:
    """Free the previous release, which reference cycles may hold, and the memory of loading."""
    gc.collect()
    give_back()


class Serving:
    """The extension: gives the watcher and the models of the current application."""

    def init_app(
        self, app: Flask, prepare: Prepare, find_experiment: Find, prepare_arm: Prepare
    ) -> None:
        store = open_store(app.config["RELEASES"], app.config["RELEASE_CACHE"])
        app.extensions["serving"] = ReleaseWatcher(
            app,
            store,
            app.config["RELEASE_POLL_SECONDS"],
            prepare,
            ExperimentWatcher(app, store, find_experiment, prepare_arm),
        )
        app.before_request(app.extensions["serving"].look)

    @property
    def watcher(self) -> ReleaseWatcher:
        watcher: ReleaseWatcher = current_app.extensions["serving"]
        return watcher

    @property
    def model(self) -> Model:
        """The model in service, named in ``X-Model-Version``. Raises NoRelease."""
        model = self.watcher.model
        _note(model)
        return model

    @property
    def model_or_none(self) -> Model | None:
        """The model in service, None while there is none."""
        with suppress(NoRelease):
            return self.model
        return None

    @property
    def feedback_kind(self) -> FeedbackKind:
        """The kind of the release in service, one for a whole request; stars before the first."""
        if "feedback_kind" in g:
            return g.feedback_kind
        try:
            kind = kind_of(self.watcher.model.catalogue)
        except NoRelease:
            return STARS
        if has_request_context():
            g.feedback_kind = kind
        return kind

    def to(self, user_id: int) -> ServedVariant:
        """Return the model of a user's arm while an experiment runs, else the one in service; it is
        named in ``X-Model-Version``. Raises NoRelease."""
        trial = self.watcher.trials.current
        served = trial.served(user_id) if trial else ServedVariant(self.watcher.model)
        _note(served.model)
        return served

    def to_or_none(self, user_id: int) -> ServedVariant | None:
        """Return the same as ``to``, or None while there is no release."""
        with suppress(NoRelease):
            return self.to(user_id)
        return None

    @property
    def picture_hosts(self) -> tuple[str, ...]:
        """The hosts of pictures that pages may show, as in "https://covers.example"."""
        own = (self.feedback_kind.picture_host,) if self.feedback_kind.picture_host else ()
        with suppress(NoRelease):
            return own + self.watcher.current.picture_hosts
        return own

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of the catalogue's own in the release in service; none before the first."""
        with suppress(NoRelease):
            return self.watcher.model.catalogue.facts
        return ()

    @property
    def titles(self) -> TitleIndex | None:
        """The index of the titles in service; None until those of the first release are indexed."""
        with suppress(NoRelease):
            return self.watcher.current.titles
        return None


serving = Serving()


def _note(model: Model) -> None:
    """Note a model for ``X-Model-Version``: users in one answer may be served by two arms."""
    if has_request_context():
        g.setdefault("model_versions", {})[model.version] = model
