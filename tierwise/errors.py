"""What a user can mend. Anything else that is raised is a bug and is shown as one."""


class TierwiseError(Exception):
    """Its message is safe to show: what happened, where, and what to do about it."""


class BadInput(TierwiseError):
    """An uploaded file, a setting or an argument is not usable; the message names file, row and column or the setting."""


class NotFound(TierwiseError):
    """A name or id that the workspace does not hold."""


class NotReady(TierwiseError):
    """The data for this step is not there yet, such as tuning a run without grades."""


class StoreBusy(TierwiseError):
    """Another process holds the workspace file."""


class StoreFull(TierwiseError):
    """The workspace cannot be written: the disk is full."""


class NotSignedIn(TierwiseError):
    """Nobody is logged in, or the login is over."""


class NotAllowed(TierwiseError):
    """The person's role does not include this."""


class StoreDamaged(TierwiseError):
    """The workspace file cannot be read, or holds less than was confirmed."""
