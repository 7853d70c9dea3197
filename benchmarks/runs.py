"""A paid run against a bare `litellm.acompletion` loop and promptfoo: the same calls, the same server on loopback, in turn, a process each.

    python benchmarks/runs.py [CELLS] [CONCURRENCY]

The server answers after 50 ms. The bare loop keeps nothing; a run of ours commits every request before and after; promptfoo keeps its results
in its own database. Printed: seconds, CPU seconds and peak memory of each, and the ratios of ours to the others. promptfoo takes part where the
tests have installed it (TIERWISE_INTEROP_PROMPTFOO=1, tests/interop), or where PROMPTFOO names its command; its start is timed apart, by an
evaluation of one call, and taken off.
"""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
LATENCY_S = float(os.environ.get("LATENCY_S", "0.05"))


def serve() -> None:
    """An OpenAI-compatible server that answers after 50 ms; prints its port."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(LATENCY_S)
        choice = {"index": 0, "message": {"role": "assistant", "content": "42"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return web.json_response(
            {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice], "usage": usage}
        )

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def bare(base: str, cells: int, concurrency: int) -> float:
    from tierwise import settings

    settings.quiet_libraries()
    import litellm

    litellm.suppress_debug_info = True

    async def main() -> None:
        gate = asyncio.Semaphore(concurrency)

        async def one(i: int) -> None:
            async with gate:
                await litellm.acompletion(model="openai/m", messages=[{"role": "user", "content": f"prompt {i}"}], api_base=base, api_key="x",
                                          max_retries=0, timeout=60, max_tokens=2048)  # fmt: skip

        await asyncio.gather(*(one(i) for i in range(cells)))

    began = time.perf_counter()
    asyncio.run(main())
    return time.perf_counter() - began


def ours(base: str, cells: int, concurrency: int) -> float:
    from tierwise.endpoints import models
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run
    from tierwise.store import Store
    from tierwise.types import EvalSet, Sample, Tier

    models.load()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "w.duckdb") as store:
        samples = tuple(Sample(f"s{i}", f"prompt {i}", "42") for i in range(cells))
        store.evalsets.add(EvalSet("e", "bench", "d", samples))
        tier = Tier("t", "openai/m", base, input_per_1m=1.0, output_per_1m=4.0)
        run = create_run(store, "e", [tier], params={"scorer": "exact", "concurrency": concurrency})
        began = time.perf_counter()
        done = execute(store, run.id)
        took = time.perf_counter() - began
        assert done.status == "done" and len(store.attempts.frame(run.id)) == cells
    return took


PROMPTFOO_QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "true",
    "PROMPTFOO_DISABLE_SHARING": "1", "PROMPTFOO_SELF_HOSTED": "1",
}  # fmt: skip
"""It is to reach nothing but the server on loopback."""


def promptfoo_command() -> str | None:
    cache = Path(os.environ.get("TIERWISE_TEST_CACHE") or Path.home() / ".cache" / "tierwise-tests")
    found = sorted(cache.glob("promptfoo-*/node_modules/.bin/promptfoo"))
    return shutil.which(os.environ.get("PROMPTFOO", "")) or (str(found[-1]) if found else None)


def promptfoo(base: str, cells: int, concurrency: int) -> float:
    from tierwise.promptfoo_config import to_promptfoo
    from tierwise.types import EvalSet, Sample, Tier

    def once(count: int) -> float:
        samples = tuple(Sample(f"s{i}", f"prompt {i}", "42") for i in range(count))
        with tempfile.TemporaryDirectory() as folder:
            config = to_promptfoo(EvalSet("e", "bench", "d", samples), [Tier("t", "openai/m", base, "BENCH_KEY", 1.0, 4.0)])
            (Path(folder) / "promptfooconfig.yaml").write_text(config, encoding="utf-8")
            own = {"PATH": os.environ["PATH"], "HOME": folder, "PROMPTFOO_CONFIG_DIR": f"{folder}/own", "BENCH_KEY": "x"}
            told = [promptfoo_command(), "eval", "-j", str(concurrency), "-o", "results.json", "--no-cache", "--no-progress-bar", "--no-table",
                    "--no-share"]  # fmt: skip
            began = time.perf_counter()
            done = subprocess.run(told, cwd=folder, env=own | PROMPTFOO_QUIET, capture_output=True, text=True)
            took = time.perf_counter() - began
            assert done.returncode in (0, 100), done.stderr[-2000:]
            results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["results"]["results"]
            assert sum(r["success"] for r in results) == count
            return took

    start = once(1)
    return once(cells) - start


def main() -> None:
    cells, concurrency = (int(a) for a in (sys.argv[1:] or ("3000", "64")))
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        rows = {name: [] for name in ("bare", "ours", *(["promptfoo"] if promptfoo_command() else []))}
        for _ in range(int(os.environ.get("ROUNDS", "3"))):
            for name in rows:
                shown = subprocess.run(
                    [sys.executable, __file__, name, base, str(cells), str(concurrency)], capture_output=True, text=True, check=True
                )
                rows[name].append(json.loads(shown.stdout.splitlines()[-1]))
        for name, found in rows.items():
            print(name, *(f"{r['wall']:.1f} s wall, {r['cpu']:.1f} s CPU, {r['rss_mb']:.0f} MB;" for r in found))
        for other in [name for name in rows if name != "ours"]:
            ratios = sorted(a["wall"] / b["wall"] for a, b in zip(rows["ours"], rows[other], strict=True))
            middle, spread = ratios[len(ratios) // 2], f"from {ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"ours / {other}, wall: {middle:.2f} ({spread}), {cells} cells, concurrency {concurrency}")
    finally:
        server.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] and sys.argv[1] in ("bare", "ours", "promptfoo"):
        wall = {"bare": bare, "ours": ours, "promptfoo": promptfoo}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        used = resource.getrusage(resource.RUSAGE_CHILDREN if sys.argv[1] == "promptfoo" else resource.RUSAGE_SELF)
        print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "rss_mb": used.ru_maxrss / 1024}))
    else:
        main()
