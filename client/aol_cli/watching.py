"""What does `aol up` tell when a manifest changes? What applying it would change."""

from collections.abc import Callable
from pathlib import Path

from aol_cli.exits import failure_of
from aol_cli.manifest_files import FILE_NAME, check_manifests, find_manifests, require_no_problems
from aol_cli.operator_calls import operator_calls
from aol_cli.plan_text import lines
from aol_cli.planning import plan_texts

Tell = Callable[[str], None]


async def tell_plans(path: Path, endpoint: str, token: str, tell: Tell) -> None:
    """Watch a manifest, or a folder of them, until this is cancelled, and tell the plan whenever a file changes."""
    from watchfiles import awatch

    folder, is_meant = _watched(path)
    try:
        async for _ in awatch(folder, watch_filter=is_meant, recursive=folder == path):
            tell(await _told(path, endpoint, token))
    except OSError as error:
        tell(f"Changes of {path} are not noticed: {error.strerror or error}.")


def _watched(path: Path) -> tuple[Path, Callable[[object, str], bool]]:
    """Return the folder to watch, and which of the changes in it are meant.

    Of a file it is the one that it is in: an editor may put a new file in the place of the old one.
    """
    if path.is_dir():
        return path, lambda _, name: Path(name).name == FILE_NAME
    file = path.resolve()
    return path.parent, lambda _, name: Path(name).resolve() == file


async def _told(path: Path, endpoint: str, token: str) -> str:
    """Return what applying the manifests would change, or why that cannot be said."""
    try:
        checked = check_manifests(find_manifests([path]))
        require_no_problems(checked)
        if not checked:
            return f"There is no manifest in {path} any more; what was applied stays."
        async with operator_calls(endpoint, token) as calls:
            made = await plan_texts(calls, [(str(item.path), item.text) for item in checked])
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return f"{path} has changed. {failure.message}"
    shown = "\n".join(lines(made))
    return f"{path} has changed.\n{shown}" + (f"\nTo apply it: aol apply {path}" if made.changes else "")
