"""From bytes to text: UTF-8 as it stands, other encodings only when they are certain enough, and then with a notice."""

import codecs
import re

from tierwise.errors import BadInput

MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}

OTHER_FILES = {
    b"PK\x03\x04": "a ZIP or XLSX file", b"PAR1": "a Parquet file", b"\x1f\x8b": "a gzip file", b"\xd0\xcf\x11\xe0": "an old Office file",
    b"%PDF-": "a PDF file",
}  # fmt: skip


def decode(data: bytes) -> tuple[str, list[str]]:
    """The text without its byte order mark, and notices.

    Raises:
        BadInput: neither UTF-8, marked UTF-16 or UTF-32, nor Windows-1252; names the line.
    """
    for start, kind in OTHER_FILES.items():
        if data.startswith(start):
            raise BadInput(f"this is {kind} and no text. Give its name the right ending, or save it again.")
    for mark, name in MARKS.items():
        if data.startswith(mark):
            try:
                return data.decode(name.lower()), [f"The file is {name}; it was read as such."]
            except UnicodeDecodeError as error:
                raise BadInput(f"the file is marked as {name}, but byte {error.start:,} is no {name}. Save it as UTF-8.") from error
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        return _windows(data, error)


def _windows(data: bytes, error: UnicodeDecodeError) -> tuple[str, list[str]]:
    line = data.count(b"\n", 0, error.start) + 1
    broken = data.decode("utf-8", "replace")
    replaced = broken.count("\ufffd")
    # Where most letters beyond ASCII are whole, reading them as Windows-1252 would turn each into two or three wrong ones.
    if len(broken) - len(broken.encode("ascii", "ignore")) > 2 * replaced:
        raise BadInput(f"line {line}: byte 0x{data[error.start]:02x} is damaged UTF-8; the rest of the file is UTF-8. Mend that line.")
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as other:
        line = data.count(b"\n", 0, other.start) + 1
        raise BadInput(f"line {line}: byte 0x{data[other.start]:02x} is neither UTF-8 nor Windows-1252. Save the file as UTF-8.") from other
    at = re.search(r"[^\x00-\x7f]", text).start()
    line = text.count("\n", 0, at) + 1
    word = re.search(r"\w*\W?$", text[max(0, at - 20) : at])[0] + re.match(r".\w*", text[at : at + 20], re.S)[0]
    return text, [f"The file is not UTF-8; it was read as Windows-1252, so that line {line} has {word!r}. Check that word."]
