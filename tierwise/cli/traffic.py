"""Commands about what production sends."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tierwise.cli.command import Result, command, read, say
from tierwise.errors import NotReady
from tierwise.store import Store
from tierwise.traffic import TrafficProfile
from tierwise.types import OutcomeMatrix


def _import_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE", help="log of LiteLLM, OpenRouter, Langfuse, Helicone, Portkey, OpenTelemetry; or a plain table")
    p.add_argument("--format", default="auto", help="told from the columns without it")
    p.add_argument("--name", help="the file's own without it")
    p.add_argument("--type-key", metavar="KEY", help="the key of metadata that says what kind of request a call is")
    p.add_argument("--cost-unit", choices=["usd", "cents"], help="of a log that does not say it (Portkey)")
    p.add_argument("--keep-prompts", action="store_true", help="keep the prompts too, not only aggregates")
    p.add_argument("--sample", type=int, metavar="N", help="draw N prompts from the log as a prompt set")
    p.add_argument("--seed", type=int, default=0)


@command("import-traffic", "Keep the profile of another tool's traffic log.", _import_arguments)
def import_traffic(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.importers.traffic import read_traffic
    from tierwise.traffic import profile, sample

    log = read_traffic(read(a.file), Path(a.file).name, a.format, a.type_key, a.cost_unit)
    say(log.why)
    name = a.name or Path(a.file).stem
    found = profile(log, name)
    for notice in found.notices:
        say(notice)
    drawn = sample(log.calls, a.sample, a.seed, name) if a.sample is not None else None
    store.traffic.add(found, log.calls if a.keep_prompts else None)
    data: dict[str, Any] = {"profile": found.id, "why": log.why, **found.to_json(), "format": log.format, "per_month": found.per_month,
                            "cost_per_month": found.cost_per_month, "mix": found.mix,
                            "skipped": [{"reason": s.reason, "rows": s.rows, "first": s.first} for s in log.skipped],
                            "type_keys": [k.name for k in log.type_keys()], "evalset": None}  # fmt: skip
    if drawn:
        info = store.evalsets.add(drawn.evalset)
        data["evalset"] = info.id
        for note in drawn.notes:
            say(note)
    return Result(data, "\n".join([*lines(found), *_hint(found, data["type_keys"]), *_drawn(data["evalset"], drawn)]))


def _profile_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("profile", metavar="PROFILE", nargs="?", help="name or id; all profiles without it")
    p.add_argument("--against", metavar="EVALSET", help="compare its mix with this prompt set's")


@command("traffic", "Traffic profiles, one of them, or how far a prompt set is from it.", _profile_arguments)
def traffic(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.traffic import difference

    if a.profile is None:
        rows = [{"id": p.id, "name": p.name, "source": p.source, "requests": p.requests, "created_at": p.created_at.isoformat()}
                for p in store.traffic.list()]  # fmt: skip
        return Result(rows, "\n".join("  ".join(str(v) for v in row.values()) for row in rows) or "No traffic yet.")
    found = store.traffic.get(a.profile)
    data, text = found.to_json() | {"per_month": found.per_month, "mix": found.mix}, lines(found)
    if a.against:
        apart = difference(found, store.evalsets.get(a.against))
        data["against"] = {"distance": apart.distance, "n": apart.n, "effective": apart.effective, "words": list(apart.words),
                           "types": apart.types.to_dict("records")}  # fmt: skip
        text += apart.words or ("The prompt set looks like the traffic.",)
    return Result(data, "\n".join(text))


def lines(found: TrafficProfile) -> list[str]:
    """A profile as a terminal shows it."""
    per_month = f", {found.per_month:,.0f} a month" if found.per_month is not None else ""
    dollars = f", ${found.cost_per_month:,.2f} a month" if found.cost_per_month is not None else ""
    out = [f"{found.name}: {found.requests:,} requests{per_month}{dollars} ({found.id})"]
    for used in found.types():
        each = used.cost_per_request
        cost = f", ${each * 1000:.4f} per 1,000" if each is not None else ""
        out.append(f"  {used.request_type}: {used.share:.1%} of requests{cost}")
    if found.failed:
        out.append(f"  {found.failed:,} failed requests are in no figure")
    if found.priced_by_us:
        out.append(f"  {found.priced_by_us:,} requests priced by us from list prices")
    if found.unpriced:
        out.append(f"  {found.unpriced:,} requests of unknown cost: {', '.join(found.unpriced_models)}")
    if found.tail:
        out.append(f"  the dearest {found.tail.requests:.0%} of requests cost {found.tail.cost:.0%} of the dollars")
    return out


def projected(tuned: Any, graded: OutcomeMatrix, profile: TrafficProfile) -> dict[str, Any]:
    """A month of the traffic under a tuned run's held-out choices, with words about both."""
    from tierwise.traffic import difference, project
    from tierwise.tuning.heldout import WIDER_SAVING

    apart = difference(profile, graded.samples)
    words = [tuned.traffic.words, *apart.words]
    data: dict[str, Any] = {
        "profile": profile.id, "distance": apart.distance, "effective": apart.effective,
        "unmatched_share": tuned.traffic.unmatched_share, "month": None, "words": words,
    }  # fmt: skip
    try:
        month = project(tuned.matrix, tuned.heldout.paid, profile, wider=WIDER_SAVING)
    except NotReady as error:
        words.append(str(error))
        return data
    data["month"] = month.to_json()
    low, high = month.saved_ci95
    words += [f"A month of {profile.name}: saves ${month.saved:,.2f} [{low:,.2f}, {high:,.2f}] of ${month.frontier_cost:,.2f} "
              f"at {month.requests:,.0f} requests", *month.notes]  # fmt: skip
    return data


def _hint(found: TrafficProfile, keys: list[str]) -> list[str]:
    if found.mix or not keys:
        return []
    return [f"No request type is known. Keys that could be one: {', '.join(keys[:6])}; pass --type-key."]


def _drawn(evalset_id: str | None, drawn: Any) -> list[str]:
    return [f"{drawn.evalset.name}: {len(drawn.evalset.samples):,} prompts drawn ({evalset_id})"] if drawn else []
