"""Bundles: byte for byte into another workspace and back, and nothing of a bad one is kept."""

import hashlib
import io
import json
import zipfile

import pytest

from tests.report.hostile import PAYLOAD
from tierwise.bundle import export_bundle, import_bundle
from tierwise.bundle.archive import FILES, MANIFEST
from tierwise.errors import BadInput, TierwiseError
from tierwise.evalsets import evalset_of
from tierwise.grading.grades import matrix, record_manual
from tierwise.policy import make_policy
from tierwise.store import Store
from tierwise.tuning.tune import tune
from tierwise.types import Run, Sample, Tier


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> bytes:
    """The working example with human grades and a policy."""
    from tierwise.simulation.demo import ensure_demo

    with Store(tmp_path_factory.mktemp("bundle") / "t.duckdb") as store:
        run = ensure_demo(store)
        sample = store.evalsets.get(run.evalset_id).samples[0]
        record_manual(store, run.id, sample.id, "small", 0.5, "Ada", "half right")
        record_manual(store, run.id, sample.id, "small", None, "Ada", reason="taken back")
        store.policies.add(make_policy(tune(matrix(store, run.id), router="table"), "Support bot"))
        return export_bundle(store, run)


@pytest.fixture
def other(tmp_path):
    with Store(tmp_path / "other.duckdb") as store:
        yield store


def contents(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(files: dict[str, bytes], sign: bool = True, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A bundle of these files; with `sign` its manifest fits them."""
    if sign:
        manifest = json.loads(files[MANIFEST])
        manifest["files"] = {n: {"sha256": hashlib.sha256(d).hexdigest(), "bytes": len(d)} for n, d in files.items() if n != MANIFEST}
        files = files | {MANIFEST: json.dumps(manifest).encode()}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


def is_empty(store: Store) -> bool:
    return not (store.evalsets.list() or store.runs.list() or store.policies.list())


def test_into_another_workspace_and_back_byte_for_byte(packed, other):
    done = import_bundle(other, packed)
    assert export_bundle(other, done.run) == packed
    assert (done.prompts, done.outcomes, done.policies, done.notes) == (169, 507, 1, ())
    assert done.grades == 507 + 2, "every grade, with those taken back"
    assert other.policies.list()[0].document["digest"] == json.loads(contents(packed)["policies.jsonl"])["document"]["digest"]
    assert other.evalsets.get(done.run.evalset_id).digest == json.loads(contents(packed)[MANIFEST])["prompt_set"]
    assert matrix(other, done.run.id).complete.sum() == 167


def test_twice_is_once(packed, other):
    first = import_bundle(other, packed)
    again = import_bundle(other, packed)
    assert again.run == first.run and "is here already" in again.notes[0]
    assert len(other.runs.list()) == len(other.policies.list()) == len(other.evalsets.list()) == 1
    assert len(other.grades.frame(first.run.id)) == first.grades


def test_an_id_that_is_taken_gets_another(packed, other):
    taken = json.loads(contents(packed)["run.json"])["id"]
    info = other.evalsets.add(evalset_of("mine", [Sample("a", "b")]))
    other.runs.add(Run(taken, "mine", info.id, "recorded", (Tier("t", "m"),), "done"))
    done = import_bundle(other, packed)
    assert done.run.id != taken and taken in done.notes[0]
    assert other.runs.get(taken).name == "mine" and len(other.runs.outcomes(done.run.id)) == 507


def test_hostile_and_odd_text_survives(store, other):
    from tests.report.hostile import hostile_run

    run = hostile_run(store)
    honest = evalset_of(PAYLOAD, store.evalsets.get(run.evalset_id).samples)
    info = store.evalsets.add(honest)
    own = Run("own", PAYLOAD, info.id, "recorded", run.tiers, "done", {"scorer": PAYLOAD}, note=PAYLOAD)
    store.runs.add(own)
    record = export_bundle(store, own)
    assert export_bundle(other, import_bundle(other, record).run) == record


@pytest.mark.parametrize("name", [n for n in FILES if n != "scorings.jsonl"])
def test_a_changed_file_is_refused(packed, other, name):
    files = contents(packed)
    files[name] = files[name].replace(b"a", b"b", 1)
    with pytest.raises(BadInput, match=name.replace(".", r"\.")):
        import_bundle(other, repacked(files, sign=False))
    assert is_empty(other)


@pytest.mark.parametrize("keep", [0, 10, 1000, -2000, -10])
def test_a_truncated_file_is_refused(packed, other, keep):
    with pytest.raises(BadInput, match="not a whole zip"):
        import_bundle(other, packed[:keep])
    assert is_empty(other)


def changed(packed: bytes, name: str, values: dict) -> bytes:
    """A bundle whose first row of a file says something else, with a manifest that fits."""
    files = contents(packed)
    head, _, rest = files[name].partition(b"\n")
    files[name] = json.dumps(json.loads(head) | values).encode() + (b"\n" + rest if name.endswith("l") else b"")
    return repacked(files)


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("prompts.jsonl", {"input": "another"}, "digest of its prompt set"),
        ("prompts.jsonl", {"colour": "red"}, "prompts.jsonl, line 1"),
        ("outcomes.jsonl", {"sample_id": "nobody"}, "of a prompt or tier"),
        ("outcomes.jsonl", {"status": "splendid"}, "status"),
        ("outcomes.jsonl", {"prompt_tokens": 1.5}, "prompt_tokens"),
        ("outcomes.jsonl", {"cost_usd": -1.0}, "below 0"),
        ("outcomes.jsonl", {"output": "\ud800"}, "surrogate"),
        ("outcomes.jsonl", {"created_at": "yesterday"}, "outcomes.jsonl, line 1"),
        ("grades.jsonl", {"value": 2}, "outside 0 to 1"),
        ("grades.jsonl", {"author": None}, "without a scorer"),
        ("grades.jsonl", {"extra": 1}, "extra"),
        ("run.json", {"kind": "dreamt"}, "kind or status"),
        ("run.json", {"tiers": [{"name": "a", "model": "b", "speed": 3}]}, "run.json, line 1"),
        ("run.json", {"evalset_id": "another"}, "not of one run"),
        ("policies.jsonl", {"name": "Mine"}, "not that of its document"),
        ("policies.jsonl", {"document": {"kind": "x"}}, "policies.jsonl, line 1"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused_even_with_a_fitting_manifest(packed, other, name, values, told):
    with pytest.raises(BadInput, match=told):
        import_bundle(other, changed(packed, name, values))
    assert is_empty(other)


def test_names_that_no_bundle_has(packed, other):
    for name in ("../../evil", "/etc/passwd", "prompts.jsonl/", "C:\\x", "notes.txt"):
        with pytest.raises(BadInput, match="no bundle has"):
            import_bundle(other, repacked(contents(packed) | {name: b"x"}))
    lacking = contents(packed)
    del lacking["grades.jsonl"]
    with pytest.raises(BadInput, match=r"no grades\.jsonl"):
        import_bundle(other, repacked(lacking, sign=False))
    assert is_empty(other)


def test_a_bomb_is_refused_by_what_it_declares(packed, other):
    bomb = contents(packed) | {"outcomes.jsonl": b" " * (64 * 1024 * 1024)}
    with pytest.raises(BadInput, match="times its size"):
        import_bundle(other, repacked(bomb))
    data = bytearray(repacked(contents(packed), method=zipfile.ZIP_STORED))
    at = data.find(b"PK\x01\x02")  # the first entry of the directory now declares four gigabytes
    data[at + 24 : at + 28] = b"\xf0\xff\xff\xff"
    with pytest.raises(BadInput, match="unpacks to"):
        import_bundle(other, bytes(data))
    assert is_empty(other)


def test_no_damage_is_ever_a_traceback(packed, other):
    import random

    rng = random.Random(1)
    for _ in range(60):
        data = bytearray(packed)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            run = import_bundle(other, bytes(data)).run
        except TierwiseError:
            assert is_empty(other)
        else:  # a byte that says nothing of the content, such as the rights of a file
            assert export_bundle(other, run) == packed
            return


def test_a_newer_version_says_so(packed, other):
    files = contents(packed)
    files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | {"version": 2}).encode()
    with pytest.raises(BadInput, match="version 2"):
        import_bundle(other, repacked(files))
