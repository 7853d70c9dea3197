"""How fast prompts come in: `python -m benchmarks.import_prompts`, best of three, from the bytes of a file to the store.

The bar: 100,000 prompts in under 10 s. Beside it the time of the plain parser over the same bytes, in the same run: the ratio is what
checks, digest and store add.
"""

import csv
import io
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tierwise.evalsets import parse_evalset
from tierwise.store import Store

PROMPTS = 100_000
BAR = 10.0


def prompts(n: int, seed: int = 0) -> list[dict[str, str]]:
    """Questions of about 220 characters with an answer, a type and one column more."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(3_000)]
    texts = (" ".join(rng.choices(words, k=28)) + f", {i}?" for i in range(n))
    return [{"prompt": text, "answer": "yes", "type": f"t{i % 5}", "channel": "mail"} for i, text in enumerate(texts)]


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


FILES: dict[str, tuple[Callable, Callable, str]] = {
    "csv": (as_csv, lambda data: sum(1 for _ in csv.reader(io.StringIO(data.decode(), newline=""))), "csv.reader"),
    "jsonl": (
        lambda rows: "\n".join(map(json.dumps, rows)).encode(),
        lambda data: [json.loads(line) for line in data.decode().split("\n")],
        "json.loads",
    ),
    "json": (lambda rows: json.dumps(rows).encode(), json.loads, "json.loads"),
    "parquet": (as_parquet, lambda data: pq.read_table(io.BytesIO(data)).to_pylist(), "pyarrow"),
}


def imported(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "benchmark.duckdb") as store:
        parsed = parse_evalset(data, f"benchmark.{suffix}", "benchmark")
        assert store.evalsets.add(parsed.evalset).size == PROMPTS


def best(work: Callable[[], object]) -> float:
    return min(_seconds(work) for _ in range(3))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    rows = prompts(PROMPTS)
    for suffix, (write, plain, peer) in FILES.items():
        data = write(rows)
        ours, theirs = best(lambda data=data, suffix=suffix: imported(data, suffix)), best(lambda data=data, plain=plain: plain(data))
        what = f"{PROMPTS:,} prompts from {suffix} ({len(data) / 2**20:.0f} MiB) to the store"
        missed = "" if ours <= BAR else "   MISSED"
        print(f"{what:<58}{ours:>8.2f} s   bar {BAR:g} s{missed}   {peer} alone {theirs:.2f} s, ratio {ours / theirs:.1f}", flush=True)


if __name__ == "__main__":
    main()
