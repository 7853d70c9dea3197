"""Figures for Prometheus, in its text format. Few enough that a client library would be more than what it saves."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Sample(NamedTuple):
    """One figure with its labels."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()
    suffix: str = ""


class Family(NamedTuple):
    """Figures of one name."""

    name: str
    kind: str
    says: str
    samples: Sequence[Sample]


class Counter:
    """Counts up, from any thread."""

    def __init__(self, name: str, says: str) -> None:
        self.name, self.says, self._value, self._lock = name, says, 0.0, threading.Lock()

    def add(self, by: float = 1.0) -> None:
        with self._lock:
            self._value += by

    def family(self) -> Family:
        return Family(self.name, "counter", self.says, [Sample(self._value)])


class Histogram:
    """How often a figure fell below each of its bounds, by one label, from any thread."""

    def __init__(self, name: str, says: str, label: str, bounds: Sequence[float]) -> None:
        self.name, self.says, self.label, self.bounds = name, says, label, (*bounds, float("inf"))
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()

    def observe(self, of: str, value: float) -> None:
        with self._lock:
            counts = self._counts.setdefault(of, [0] * len(self.bounds))
            counts[next(i for i, bound in enumerate(self.bounds) if value <= bound)] += 1
            self._sums[of] = self._sums.get(of, 0.0) + value

    def family(self) -> Family:
        with self._lock:
            known = {of: (list(counts), self._sums[of]) for of, counts in self._counts.items()}
        samples = []
        for of, (counts, total) in sorted(known.items()):
            below, own = 0, ((self.label, of),)
            for bound, n in zip(self.bounds, counts, strict=True):
                below += n
                samples.append(Sample(below, (*own, ("le", "+Inf" if bound == float("inf") else f"{bound:g}")), "_bucket"))
            samples += [Sample(total, own, "_sum"), Sample(below, own, "_count")]
        return Family(self.name, "histogram", self.says, samples)


BOUNDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
INCIDENTS = Counter("tierwise_incidents_total", "Errors on screens that are bugs; the log has each under its number.")
RERUNS = Histogram("tierwise_rerun_seconds", "Time to draw a screen once.", "page", BOUNDS)
RERUN_CPU = Histogram("tierwise_rerun_cpu_seconds", "Processor time to draw a screen once.", "page", BOUNDS)

Source = Callable[[], Iterable[Family]]


def exposition(sources: Iterable[Source]) -> str:
    """All figures as Prometheus reads them."""
    families = [INCIDENTS.family(), RERUNS.family(), RERUN_CPU.family(), *(f for source in sources for f in source())]
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.says}", f"# TYPE {family.name} {family.kind}"]
        for sample in family.samples:
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels)
            lines.append(
                f"{family.name}{sample.suffix}{{{labels}}} {sample.value:.10g}" if labels else f"{family.name} {sample.value:.10g}"
            )
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
