"""The zip of a bundle: written the same way each time, and read with nothing taken on trust.

`manifest.json` names every other file with its size and SHA-256. It shows damage and careless edits; it is no signature.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from tierwise.errors import BadInput

KIND, VERSION = "tierwise-bundle", 1
MANIFEST = "manifest.json"
FILES = ("prompt_set.json", "prompts.jsonl", "run.json", "outcomes.jsonl", "grades.jsonl", "scorings.jsonl", "policies.jsonl")
MOST_BYTES = 512 * 1024 * 1024
"""Of all files, unpacked."""
MOST_PACKED = 200 * 1024 * 1024
MOST_RATIO = 500
"""Unpacked to packed; text of people and models is far below it."""
SMALL = 1024 * 1024
"""Files below this are not asked for their ratio."""
MOMENT = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes], about: Mapping[str, Any]) -> bytes:
    """A bundle of these files; equal files give equal bytes."""
    listed = {name: {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])} for name in FILES}
    manifest = {"kind": KIND, "version": VERSION, **about, "files": listed}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in ((MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2).encode()), *((n, files[n]) for n in FILES)):
            info = zipfile.ZipInfo(name, MOMENT)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, 6)
    return packed.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files it names, each as long and with the digest that it says.

    Raises:
        BadInput: not a bundle, damaged, changed, or larger than what is read.
    """
    if len(data) > MOST_PACKED:
        raise BadInput(f"The bundle has {len(data) / 2**20:,.0f} MiB; at most {MOST_PACKED // 2**20} MiB are read.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = _entries(archive)
            manifest = _manifest(_read(archive, entries[MANIFEST]))
            files = {name: _checked(name, _read(archive, entries[name]), manifest["files"].get(name)) for name in FILES}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise BadInput("The file is not a whole zip: it is damaged, cut short, or something else. Export the bundle again.") from error
    return manifest, files


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries by name, after looking at what they declare."""
    listed = archive.infolist()
    names = [entry.filename for entry in listed]
    wanted = (MANIFEST, *FILES)
    strange = [name for name in names if name not in wanted]
    if strange or len(set(names)) < len(names):
        what = f"a file called {strange[0][:80]!r}" if strange else "a file twice"
        raise BadInput(f"The zip holds {what}, which no bundle has. A bundle holds {', '.join(wanted)}; nothing was imported.")
    if missing := [name for name in wanted if name not in names]:
        raise BadInput(f"The zip has no {missing[0]}, so it is no bundle of Tierwise, or not a whole one.")
    size = sum(entry.file_size for entry in listed)
    if size > MOST_BYTES:
        raise BadInput(f"The bundle unpacks to {size / 2**20:,.0f} MiB; at most {MOST_BYTES // 2**20} MiB are read.")
    for entry in listed:
        if entry.flag_bits & 1:
            raise BadInput("The zip is encrypted; a bundle is not.")
        if entry.file_size > SMALL and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise BadInput(
                f"{entry.filename} unpacks to {entry.file_size // max(entry.compress_size, 1):,} times its size, as no real file does."
            )
    return dict(zip(names, listed, strict=True))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)  # not all there is: what an entry declares and what it holds may differ
    if len(data) != entry.file_size:
        raise BadInput(f"{entry.filename} does not hold as many bytes as it says.")
    return data


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise BadInput("manifest.json is not usable JSON.") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND or not isinstance(manifest.get("files"), dict):
        raise BadInput("manifest.json is not that of a Tierwise bundle.")
    if manifest.get("version") != VERSION:
        raise BadInput(
            f"The bundle is of version {str(manifest.get('version'))[:20]}, and this Tierwise reads version {VERSION}. Bring it up to date."
        )
    return manifest


def _checked(name: str, data: bytes, said: Any) -> bytes:
    if not isinstance(said, dict) or said.get("bytes") != len(data) or said.get("sha256") != hashlib.sha256(data).hexdigest():
        raise BadInput(f"{name} is not as it was exported: its digest differs from the manifest's. Nothing was imported.")
    return data
