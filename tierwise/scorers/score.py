"""What a scorer is, and the registry that holds them.

A scorer is a function `(output, sample, *, option=default, ...) -> Score` under `@scorer`. Its keyword-only parameters are its
options: the command line and the screen read their names, types, defaults and help from the signature. One that asks models is
declared in `tierwise.scorers.asking`.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from tierwise.errors import BadInput, NotReady
from tierwise.registry import Registry
from tierwise.types import Sample

if TYPE_CHECKING:
    from tierwise.scorers.asking import Asking

LONG = "long"
"""Marks an option that is a text of several lines: `Annotated[str, "help", LONG]`."""

ASIDE = "aside"
"""Marks an option that changes no grade, such as a price: grades with another value of it are by the same scorer."""

LONGEST_SHOWN = 100
"""Characters of an option's text that a grade repeats; of a longer one it has the beginning and a digest."""

NO_REFERENCE = "the prompt has no reference to compare with"


@dataclass(frozen=True, slots=True)
class Score:
    """One judgement: a value in [0, 1] with an explanation, or no value and the reason why not."""

    value: float | None
    explanation: str = ""
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is None:
            if not self.reason:
                raise ValueError("an unscored answer needs a reason")
        elif not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score is in [0, 1], not {self.value!r}")


def unscored(reason: str) -> Score:
    """No value; never the same as zero."""
    return Score(None, reason=reason)


@dataclass(frozen=True)
class Option:
    """One setting of a scorer, as its signature tells."""

    name: str
    type: type
    """bool, int, float or str."""
    default: Any
    help: str = ""
    choices: tuple[str, ...] = ()
    """The only values allowed; empty when any of the type will do."""
    marks: tuple[str, ...] = ()
    """`LONG`, `ASIDE`."""

    def parse(self, value: Any) -> Any:
        """`value`, or the text of it, as this option's type.

        Raises:
            BadInput: it does not fit.
        """
        if value is None or (value == self.default and type(value) is type(self.default)):
            return self.default
        try:
            parsed = _PARSERS[self.type](value)
        except (ValueError, TypeError, OverflowError):
            raise BadInput(f"Option {self.name} should be {_KIND[self.type]}, not {value!r}.") from None
        if self.choices and parsed not in self.choices:
            raise BadInput(f"Option {self.name} should be one of {', '.join(self.choices)}, not {value!r}.")
        return parsed


Example = tuple[str, str | None, float | None] | tuple[str, str | None, float | None, Mapping[str, Any]]
"""(output, reference, expected value or None for unscored), and options where they are not the defaults."""


@dataclass(frozen=True)
class Scorer:
    """A registered scorer; call it as the function it wraps."""

    name: str
    function: Callable[..., Score]
    summary: str
    needs_reference: bool
    examples: Sequence[Example]
    options: tuple[Option, ...] = field(default=())
    needs: str = ""
    """What it needs, for its card."""
    cost: str = "Nothing: computed here."
    """What it costs, for its card."""
    off: Callable[[bool], str | None] = lambda thorough: None
    """Why it cannot be used now, or None. With False only what is quick to see; with True it is tried."""
    asking: "Asking | None" = None
    """How it asks models, for those that do."""
    fit: Callable[..., Callable[[str, Sample], Score]] | None = None
    """From all prompts of a set and the options, the function for that set: for a scorer that learns what is common among them."""

    def asks(self, options: Mapping[str, Any] | None = None) -> bool:
        """Whether it asks models, with these options."""
        return self.asking is not None and self.asking.wanted(options or {})

    def check(self) -> None:
        """Raises NotReady where it cannot be used now, and says why."""
        if why := self.off(True):
            raise NotReady(f"Scorer {self.name} is off: {why}")

    def fitted(self, samples: Iterable[Sample], options: Mapping[str, Any]) -> Callable[[str, Sample], Score]:
        """The scorer for the answers to these prompts."""
        if self.fit is None:
            return lambda output, sample: self(output, sample, **options)
        fit = self.fit(samples, **options)
        return lambda output, sample: unscored(why) if (why := self.lacks(sample)) else fit(output, sample)

    def lacks(self, sample: Sample) -> str | None:
        """Why no answer to this prompt can be graded, or None."""
        return NO_REFERENCE if self.needs_reference and (sample.reference is None or not sample.reference.strip()) else None

    def __call__(self, output: str, sample: Sample, **options: Any) -> Score:
        if (why := self.lacks(sample)) or (why := self.off(False)):
            return unscored(why)
        return self.function(output, sample, **options)

    def parse_options(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The options that differ from their defaults, each as its own type.

        Raises:
            BadInput: an unknown or ill-typed option; names what there is.
        """
        known = {o.name: o for o in self.options}
        parsed = {}
        for name, value in (given or {}).items():
            if name not in known:
                listed = ", ".join(f"{o.name} ({_KIND[o.type]})" for o in self.options)
                raise BadInput(f"Scorer {self.name} has no option {name!r}. " + (f"It has: {listed}." if listed else "It has none."))
            parsed[name] = known[name].parse(value)
        return {o.name: parsed[o.name] for o in self.options if o.name in parsed and parsed[o.name] != o.default}


SCORERS: Registry[Scorer] = Registry("scorer")


def scorer(
    name: str,
    *,
    summary: str,
    needs_reference: bool = True,
    examples: Sequence[Example] = (),
    needs: str = "",
    off: Callable[[bool], str | None] = lambda thorough: None,
) -> Callable[[Callable[..., Score]], Scorer]:
    """Register a scorer function under `name`.

    Args:
        summary: one line for the screen.
        needs_reference: without a reference the answer is unscored before the function is called.
        examples: outputs with the value they must get; one test runs every scorer's own examples.
        needs: what it needs beside a reference, in words for its card.
        off: why it cannot be used now, as in `Scorer`.
    """

    def register(function: Callable[..., Score]) -> Scorer:
        told = needs or ("A right answer for each prompt." if needs_reference else "Nothing but the answer.")
        return SCORERS.add(name)(Scorer(name, function, summary, needs_reference, examples, options_of(function), told, off=off))

    return register


def options(name: str) -> list[Option]:
    """The options of the scorer called `name`; raises NotFound."""
    return list(SCORERS[name].options)


def scorer_ref(name: str, options: Mapping[str, Any] | None = None) -> str:
    """How a grade names its scorer: `numeric(tolerance=0.01)`, or the bare name when all options are the defaults."""
    aside = {o.name for o in SCORERS[name].options if ASIDE in o.marks}
    parsed = SCORERS[name].parse_options(options)
    listed = ", ".join(f"{k}={_told(v)}" for k, v in parsed.items() if k not in aside)
    return f"{name}({listed})" if listed else name


def _told(value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    if len(value) <= LONGEST_SHOWN:
        return json.dumps(value, ensure_ascii=False)
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return json.dumps(value[:40] + "…", ensure_ascii=False) + "#" + digest


def options_of(function: Callable[..., Score]) -> tuple[Option, ...]:
    hints = get_type_hints(function, include_extras=True)
    found = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return tuple(_option(p.name, hints[p.name], p.default) for p in found)


def _option(name: str, hint: Any, default: Any) -> Option:
    told, marks = "", ()
    if get_origin(hint) is Annotated:
        hint, told, *marks = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (a for a in get_args(hint) if a is not NoneType)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind not in _PARSERS:
        raise TypeError(f"option {name} should be bool, int, float, str or a Literal of texts, not {hint}")
    return Option(name, kind, default, told, choices, tuple(marks))


def _bool(value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ValueError(value) from None


def _float(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not -1e308 < number < 1e308:
        raise ValueError(value)
    return number


def _int(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _str(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_PARSERS: dict[type, Callable[[Any], Any]] = {bool: _bool, int: _int, float: _float, str: _str}
_KIND = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
