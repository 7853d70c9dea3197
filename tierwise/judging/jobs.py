"""Gradings of finished runs in the background of one process: started once, watched from anywhere, going on when the page is gone."""

import atexit
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise.errors import TierwiseError
from tierwise.grading.grades import GradeCount, apply_scorer
from tierwise.judging.work import check_judges
from tierwise.runs.stopping import Stop
from tierwise.scorers import SCORERS, scorer_ref
from tierwise.store import Store

log = logging.getLogger(__name__)


@dataclass
class Job:
    """One scorer at work on one run."""

    run_id: str
    scorer: str
    """As its grades name it."""
    total: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    count: GradeCount | None = None
    """What it did, once it is over."""
    error: str = ""
    """Why it ended without doing so."""
    stop: Stop = field(default_factory=Stop, repr=False)
    thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.count is None and not self.error

    @property
    def seconds_left(self) -> float | None:
        """None while nothing tells yet."""
        return (self.total - self.done) * (time.monotonic() - self.began) / self.done if self.running and self.done else None


class GradingJobs:
    """Keyed by run and scorer: a second start of a grading that goes on is the same one, never a second payment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        atexit.register(self.close)

    def start(
        self, store: Store, run_id: str, scorer: str, options: Mapping[str, Any] | None = None, budget_usd: float | None = None,
        retry_unscored: bool = False,
    ) -> Job:  # fmt: skip
        """Grade a run with a scorer; the answers are not asked for again. `store` and `budget_usd` as for `apply_scorer`.

        Raises:
            BadInput, NotFound, NotReady: what is wrong with the scorer, its options or its models, before anything starts.
        """
        run, chosen = store.runs.get(run_id), SCORERS[scorer]
        parsed = chosen.parse_options(options)
        chosen.check()
        if chosen.asks(parsed):
            check_judges(chosen, parsed, budget_usd if budget_usd is not None else run.params.get("budget_usd"))
        key = (run.id, scorer_ref(scorer, parsed))
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.running:
                return job
            job = self._jobs[key] = Job(*key, total=store.runs.progress(run.id).done)
            given = (store, scorer, parsed, budget_usd, retry_unscored)
            job.thread = threading.Thread(target=self._work, args=(job, *given), name=f"grade-{run.id}", daemon=True)
            job.thread.start()
        return job

    def of(self, run_id: str) -> list[Job]:
        """Those of a run in this process, the newest first."""
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if job.run_id == run_id]

    def forget(self, job: Job) -> None:
        """Leave one that is over out of the list; its grades stay."""
        with self._lock:
            if not job.running:
                self._jobs.pop((job.run_id, job.scorer), None)

    def close(self) -> None:
        """Let requests under way come in, for ten seconds at most; what is graded by then stays."""
        with self._lock:
            going = [job for job in self._jobs.values() if job.running]
        for job in going:
            job.stop.drain()
        deadline = time.monotonic() + 10
        for job in going:
            job.thread.join(max(0.0, deadline - time.monotonic()))
        atexit.unregister(self.close)

    @staticmethod
    def _work(job: Job, store: Store, scorer: str, options: Mapping[str, Any], budget_usd: float | None, retry_unscored: bool) -> None:
        def say(done: int, total: int) -> None:
            job.done, job.total = done, total

        try:
            job.count = apply_scorer(store, job.run_id, scorer, options, progress=say, stop=job.stop, budget_usd=budget_usd,
                                     only_missing=True, retry_unscored=retry_unscored)  # fmt: skip
        except TierwiseError as error:
            job.error = str(error)
        except Exception as error:
            log.exception("grading of run %s by %s ended with an error", job.run_id, job.scorer)
            job.error = f"It stopped with {type(error).__name__}; the log has more. Grades given so far stay."
