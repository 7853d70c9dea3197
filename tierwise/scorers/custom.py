"""Scorers of one's own: Python files in the folder that `TIERWISE_SCORERS` names, loaded once, when Tierwise starts.

They are code and run with all rights of the server, so whoever runs it chooses the folder. Nothing that is uploaded ever goes there.
"""

import logging
import stat
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tierwise import settings
from tierwise.scorers.score import SCORERS

PREFIX = "tierwise_custom_"
log = logging.getLogger(__name__)

problems: list[str] = []
"""Files that could not be loaded, each with the reason."""


def load(folder: Path | None = None) -> list[str]:
    """Load every file of the folder, in the order of their names; the names of the scorers they add.

    A file that cannot be loaded adds nothing, is told in `problems`, and does not keep the others out.
    """
    folder = settings.scorers_folder() if folder is None else folder
    added: list[str] = []
    if folder is None:
        return added
    if not folder.is_dir():
        _complain(f"TIERWISE_SCORERS is {folder}: there is no such folder.")
        return added
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        if why := _open_to_all(path) or _open_to_all(folder):
            _complain(why)
            continue
        before = list(SCORERS)
        try:
            _run(path)
        except Exception as error:  # whatever the file does wrong, the app and the other scorers go on
            for name in [n for n in SCORERS if n not in before]:
                SCORERS.remove(name)
            _complain(f"{path.name}: {type(error).__name__}: {error}", error)
        added += [n for n in SCORERS if n not in before]
    return added


def _run(path: Path) -> None:
    spec = spec_from_file_location(PREFIX + path.stem, path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # types in a signature are looked up by the module's name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise


def _open_to_all(path: Path) -> str | None:
    if path.stat().st_mode & stat.S_IWOTH:
        return f"{path.name} can be changed by every user of this machine, so it is not loaded: chmod o-w."
    return None


def _complain(what: str, error: Exception | None = None) -> None:
    problems.append(what)
    log.error("custom scorers: %s", what, exc_info=error)
