"""HTML and SVG as nested calls. What is not markup already is text and is escaped: there is no other way in."""

import re
from html import escape
from typing import Any

_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_VOID = {"meta", "br", "hr", "col"}


class Markup(str):
    """Text that is markup already; made here and nowhere else."""

    __slots__ = ()


def text(value: Any) -> Markup:
    """Escaped; characters that neither HTML nor XML may hold are shown as the replacement character."""
    return value if isinstance(value, Markup) else Markup(escape(_NO_CHARACTER.sub("\ufffd", str(value))))


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. `class_` is class, `stroke_width` is stroke-width; an attribute or child that is None or False is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_number(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    inside = "".join(text(child) for child in children if child is not None and child is not False)
    return Markup(f"<{name}{told}>{inside}</{name}>")


def join(*parts: Any) -> Markup:
    return Markup("".join(text(part) for part in parts if part is not None and part is not False))


def style(css: str) -> Markup:
    """A style element; `css` is ours."""
    return Markup(f"<style>{css}</style>")


def _number(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
