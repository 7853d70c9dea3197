"""Policies as files that gateways obey. Every export is compiled, replayed on prompts, and refused where it decides otherwise.

An exporter is one decorated function from a policy to its files; see `policy_json.py` for the smallest.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.policy import decide_sample
from tierwise.policy.document import check
from tierwise.registry import Registry
from tierwise.types import Policy, Sample

MOST_CHECKED = 5000
"""Prompts replayed at most, evenly spread: a few seconds."""

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Compiled:
    """A policy in a target's own form, not written yet."""

    files: Mapping[str, str]
    """Text by file name; names are the exporter's own, never taken from a policy."""
    replay: Callable[[Path, Sequence[Request]], list[str]]
    """(folder with the files, requests of messages and metadata) -> the tier that the files choose for each."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exporter:
    """A target: its name on the command line, its title on screens, and how a policy becomes its files."""

    name: str
    title: str
    summary: str
    compile: Callable[[Policy], Compiled]
    group: str = "Gateway"
    """Where it stands in a list of many: one of GROUPS."""
    shadow: str = ""
    """How it carries the policy's shadow sampling: ASKS, SAYS, HOLDS, or not at all."""


@dataclass(frozen=True)
class Export:
    """Written files and how they did in the replay."""

    target: str
    files: tuple[Path, ...]
    agreement: float
    """Share of the replayed prompts on which the files and the policy choose the same tier."""
    checked: int
    over: int
    """Prompts that the files would send to a dearer tier than the policy does."""
    under: int
    notes: tuple[str, ...]


EXPORTERS: Registry[Exporter] = Registry("export target")
GROUPS = ("File", "Gateway", "API", "Code", "Table")


Compile = Callable[[Policy], Compiled]


ASKS, SAYS, HOLDS = "asks", "says", "holds"
"""What a target does with a shadow rate: it asks the last tier too; its file says which requests to ask twice; it has the figures alone."""


def exporter(name: str, title: str, summary: str, group: str = "Gateway", shadow: str = "") -> Callable[[Compile], Compile]:
    """Decorator that registers `compile(policy) -> Compiled` as an export target, in one of GROUPS."""

    def register(compile: Compile) -> Compile:
        EXPORTERS.add(name)(Exporter(name, title, summary, compile, group, shadow))
        return compile

    return register


def export(policy: Policy, samples: Iterable[Sample], target: str, out_dir: Path) -> Export:
    """Write a policy for a target into a folder, after replaying the prompts through the very files.

    Raises:
        NotFound: no such target.
        BadInput: the policy is not usable, the target cannot hold it, its files decide otherwise, or they cannot be written.
            Nothing is written then.
    """
    entry = EXPORTERS[target]
    check(policy.document)
    if "cascade" in policy.document and target != "policy-json":
        raise BadInput(
            f"{entry.title} cannot hold a cascade: it would have to read the first answers before it decides. Export it as policy-json, "
            "or tune without --router cascade for a policy that every gateway can hold."
        )
    compiled = entry.compile(policy)
    prompts = _spread(list(samples))
    with tempfile.TemporaryDirectory(prefix="tierwise-export-") as folder:
        _write(Path(folder), compiled.files)
        agreement, over, under = _replay(policy, prompts, compiled, Path(folder), entry.title)
    try:
        Path(out_dir).mkdir(parents=True, exist_ok=True)
        files = _write(Path(out_dir), compiled.files)
    except OSError as error:
        raise BadInput(f"Cannot write to {out_dir}: {error.strerror or error}.") from error
    notes = (*_common_notes(policy), *_shadow_notes(policy, entry), *compiled.notes)
    return Export(target, files, agreement, len(prompts), over, under, notes)


_ODD_TEXT = "Grüße, 你好, \U0001f600 \"quotes\" 'and' \\ slashes\n```py\n```"
_PICTURE = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]
PROBES: tuple[Request, ...] = (
    {"messages": [{"role": "user", "content": ""}], "metadata": {}},
    {"messages": [{"role": "system", "content": "Hm"}, {"role": "user", "content": _ODD_TEXT}], "metadata": {"request_type": "nobody's"}},
    {"messages": [{"role": "user", "content": _PICTURE}], "metadata": {}},
    {"messages": [{"role": "user", "content": "prove it " * 20000}, {"role": "assistant", "content": None}], "metadata": {}},
)
"""Odd requests replayed beside the prompts, and not counted among them."""


def _replay(policy: Policy, prompts: Sequence[Sample], compiled: Compiled, folder: Path, title: str) -> tuple[float, int, int]:
    from tierwise.policy import route

    requests = [{"messages": s.chat(), "metadata": s.request_metadata()} for s in prompts]
    wanted = [decide_sample(policy, s).tier for s in prompts]
    got = compiled.replay(folder, [*requests, *PROBES])
    odd = [(route(policy, probe).tier, tier) for probe, tier in zip(PROBES, got[len(prompts) :], strict=True)]
    place = {tier["name"]: i for i, tier in enumerate(policy.document["tiers"])}
    steps = [place[g] - place[w] for g, w in zip(got[: len(prompts)], wanted, strict=True)]
    over, under = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    agreement = 1 - (over + under) / len(steps) if steps else 1.0
    if over or under or any(a != b for a, b in odd):
        first = next((s.id for s, step in zip(prompts, steps, strict=True) if step), "an odd request")
        raise BadInput(
            f"Not exported: the {title} files would decide otherwise than the policy on {over + under} of {len(steps)} prompts "
            f"({over} to a dearer tier, {under} to a cheaper one), first on {first!r}. This is lost in translation, so nothing was written."
        )
    return agreement, over, under


def _common_notes(policy: Policy) -> tuple[str, ...]:
    from datetime import UTC, datetime

    document, notes = policy.document, []
    if document["simulated"]:
        notes.append("Simulated: this policy was tuned on simulated models. It shows the form; its figures say nothing about real models.")
    if semantic := document.get("cache", {}).get("semantic"):
        notes.append(
            f"A cache of similar prompts (similarity at least {semantic['similarity_threshold']:g} by {semantic['similarity']}) is in the policy only: "
            "another similarity needs a threshold of its own, measured again."
        )
    if document.get("expires", "9") < datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"):
        notes.append(f"Expired on {document['expires'][:10]}: models and prices may have moved since; tune again on fresh outcomes.")
    return tuple(notes)


def _shadow_notes(policy: Policy, entry: Exporter) -> tuple[str, ...]:
    watch = policy.document.get("shadow")
    if not watch or entry.shadow == HOLDS:
        return ()
    last = policy.document["tiers"][-1]["name"]
    what = f"Shadow sampling ({watch['rate']:.3g} of what is sent below {last})"
    if entry.shadow == ASKS:
        return (f"{what}: done by these files once TIERWISE_SHADOW_LOG and TIERWISE_SHADOW_KEY are set; README.txt says how.",)
    if entry.shadow == SAYS:
        return (f"{what}: shadowed() in the file says which requests to ask {last} too; your code asks and keeps both answers.",)
    return (f"{what} is not carried by this target: use litellm-hook, which samples by itself, or ask {last} too in your own code.",)


def _spread(samples: list[Sample]) -> list[Sample]:
    step = max(1, -(-len(samples) // MOST_CHECKED))
    return samples[::step]


def _write(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    written = []
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        written.append(folder / name)
    return tuple(written)


# importing them registers their targets, in the order in which they are offered
from tierwise.exporters import policy_json, litellm_proxy, litellm_hook, litellm_native, portkey, vllm_sr  # noqa: E402, F401, I001
from tierwise.exporters import cloudflare, openrouter, openai_compatible, python_function, typescript, thresholds_csv  # noqa: E402, F401
