"""The experiments in force: `experiments.toml` taken up when it changes, by way of the log.

A worker that sees a new file checks it against the experiments recorded last and against the registry, and appends it
as a record; every worker, that one too, follows the records alone, so that all agree and a replay knows what ruled.
New experiments come into force in a worker once the models they name have been loaded aside, or have failed to. A file
that is not valid changes nothing and is reported. Knows nothing of views or of requests.
"""

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path

from feedrank.errors import FeedRankError, InvalidInput, NotFound
from feedrank.experiments.amend import check_amendments
from feedrank.experiments.document import MOST_MODELS, Experiments, experiments_hash, parse_experiments
from feedrank.records import ExperimentsChanged, Kind
from feedrank.registry import Registry
from feedrank.serving.lanes import PRIOR, Model
from feedrank.serving.models import load_model, prior_model
from feedrank.serving.trials import Trials
from feedrank.serving.watched_file import WatchedFile
from feedrank.settings import Settings
from feedrank.store import LogStore
from feedrank.types import SECOND, Courtesy, Micros, no_pause
from feedrank.v1 import log_pb2

log = logging.getLogger(__name__)

FILE = "experiments.toml"
SETTING = "experiments"  # the text of the last ExperimentsChanged record
LEASE = "experiments"
LONGEST = 10 * SECOND  # checking and recording take milliseconds


class Laboratory:
    """Holds the experiments in force. Called from one thread; models are loaded on `loader`."""

    def __init__(
        self,
        store: LogStore,
        registry: Registry,
        settings: Settings,
        data_dir: Path,
        clock: Callable[[], Micros],
        loader: Executor,
        courtesy: Courtesy = lambda: no_pause,  # for each model loaded
    ) -> None:
        self._store, self._registry, self._settings, self._clock = store, registry, settings, clock
        self._file = WatchedFile(data_dir / FILE)
        self._loader, self._courtesy = loader, courtesy
        self._loading: list[Future[Trials]] = []  # in the order of their records
        self.trials = Trials()
        self.problem: str | None = None  # what GetStatus should say of the file

    def start(self, last: ExperimentsChanged | None) -> None:
        """Takes up what was recorded last, `last` if that was just read, and loads its models before returning.

        What does not load is told, and does not keep from serving.
        """
        text = self._recorded() if last is None else last.toml
        try:
            self.trials = self._prepare(text, experiments_hash(text))
        except InvalidInput as error:  # written by a feedrank that knows more
            log.error("the recorded experiments cannot be read: none is in force", extra={"error": str(error)})
            self.problem = str(error)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the file, and with the models of what is in force."""
        told = [] if self.problem is None else [self.problem]
        for version, error in self.trials.failures.items():
            told.append(f"experiments: model {version} does not load, its users get the control: {error}")
        return tuple(told)

    def look(self) -> None:
        """Records the file when it has changed and is valid. StoreError leaves it for the next look."""
        try:
            text = self._file.changed()
            if text is not None and not self._record(text):
                self._file.look_again()
            elif text is not None:
                self.problem = None
        except InvalidInput as error:
            if self.problem != str(error):
                log.error("the experiments file is not valid; those in force stay", extra={"error": str(error)})
            self.problem = str(error)
        except FeedRankError:
            self._file.look_again()
            raise

    def heed(self, fact: ExperimentsChanged) -> None:
        """Begins to take up recorded experiments. Such as name no model that is not loaded are in force at once."""
        self._take_up(fact.toml, fact.hash)

    def take_loaded(self) -> bool:
        """Takes up what has been loaded since; True if something was."""
        taken = False
        while self._loading and self._loading[0].done():
            try:
                self.trials = self._loading.pop(0).result()
                taken = True
            except FeedRankError as error:
                log.exception("recorded experiments cannot be taken up; those in force stay")
                self.problem = str(error)
        return taken

    def _recorded(self) -> str:
        return self._store.get_setting(SETTING) or ""

    def _record(self, text: str) -> bool:
        """Checks and appends the text, unless it is what was recorded last; False while another worker does the same.

        InvalidInput says why it cannot be. A file touched without a change has models that failed loaded again.
        """
        experiments = parse_experiments(text)
        holder, now = uuid.uuid4().hex, self._clock()
        if not self._store.acquire_lease(LEASE, holder, now, LONGEST):
            return False
        try:
            recorded = self._recorded()
            if recorded == text:
                if self.trials.failures:
                    self._take_up(text, experiments_hash(text))
                return True
            self._check(self._parsed(recorded), experiments, now)
            payload = log_pb2.ExperimentsChanged(toml=text, hash=experiments_hash(text)).SerializeToString()
            self._store.append_control(Kind.EXPERIMENTS_CHANGED, payload, now)
            self._store.set_setting(SETTING, text)
        finally:
            self._store.release_lease(LEASE, holder)
        log.info("experiments recorded", extra={"experiments": len(experiments.experiment)})
        return True

    def _parsed(self, recorded: str) -> Experiments:
        """The recorded experiments, for comparison; none where a newer feedrank wrote what this one cannot read."""
        try:
            return parse_experiments(recorded)
        except InvalidInput as error:
            log.warning("the recorded experiments cannot be read, nor compared with", extra={"error": str(error)})
            return Experiments()

    def _check(self, before: Experiments, after: Experiments, now: Micros) -> None:
        at = datetime.fromtimestamp(now / SECOND, UTC)
        check_amendments(before, after, at)
        named = after.models(at)
        if len(named) > MOST_MODELS:
            raise InvalidInput(
                f"experiments and shadows that run or will run name {len(named)} models; at most {MOST_MODELS} are "
                "kept in memory: end some first"
            )
        for version in sorted(named - before.models(at) - {PRIOR}):  # known ones must not keep from killing another
            try:
                self._registry.resolve(version)
            except NotFound as error:
                raise InvalidInput(
                    f"{_naming(after, version)} names a model that is not registered: {error}"
                ) from error

    def _take_up(self, text: str, digest: bytes) -> None:
        at = datetime.fromtimestamp(self._clock() / SECOND, UTC)
        try:
            missing = parse_experiments(text).models(at) - self.trials.models.keys()
        except InvalidInput as error:
            self.problem = str(error)
            return
        if missing or self._loading:
            self._loading.append(self._loader.submit(self._prepare, text, digest))
        else:
            self.trials = self._prepare(text, digest)

    def _prepare(self, text: str, digest: bytes) -> Trials:
        """Experiments with their models loaded and warm, where they load."""
        experiments = parse_experiments(text)
        models: dict[str, Model] = {}
        failures: dict[str, str] = {}
        for version in sorted(experiments.models(datetime.fromtimestamp(self._clock() / SECOND, UTC))):
            try:
                models[version] = self.trials.models.get(version) or self._loaded(version)
            except FeedRankError as error:
                log.exception("a model of an experiment does not load", extra={"model": version})
                failures[version] = str(error)
        return Trials(experiments, digest, models, failures)

    def _loaded(self, version: str) -> Model:
        if version == PRIOR:
            return prior_model()
        return load_model(self._registry, version, self._settings, self._courtesy())


def _naming(experiments: Experiments, version: str) -> str:
    """Who names a model, in words."""
    for experiment in experiments.experiment:
        for variant in experiment.variant:
            if variant.model == version:
                return f"experiment {experiment.name!r}, variant {variant.name!r}"
    return f"shadow {next(s.name for s in experiments.shadow if s.model == version)!r}"
