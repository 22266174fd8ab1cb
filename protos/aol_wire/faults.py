"""Where did an unexpected exception come from? Without its text, which may hold what a user stored."""

import traceback


def describe_fault(error: BaseException) -> str:
    """Return the exception's type and the place that raised it, for example `KeyError at store.py:41 in find`."""
    kind = type(error).__qualname__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return kind
    last = frames[-1]
    folders = last.filename.replace("\\", "/").rsplit("/", 2)
    return f"{kind} at {'/'.join(folders[-2:])}:{last.lineno} in {last.name}"
