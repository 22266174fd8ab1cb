"""Which files are meant by the paths given, and what is wrong with the manifests in them?"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aol_cli.exits import ExitCode, Failure
from aol_cli.output import counted

if TYPE_CHECKING:
    from aol_broker.manifest import Manifest

FILE_NAME = "manifest.yaml"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `place` is `file:line path`."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class CheckedManifest:
    """A file that was read and checked. `manifest` is None exactly when there are problems that hide it."""

    path: Path
    text: str = ""
    manifest: "Manifest | None" = None
    problems: tuple[Problem, ...] = ()


def find_manifests(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the manifest files meant: files as given; of a folder `manifest.yaml` and `*/manifest.yaml`, by name.

    :raises Failure: USAGE; a path does not exist, or a folder cannot be read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            if not path.exists():
                raise Failure(f"{path} does not exist.", ExitCode.USAGE)
            files = [path]
            if path.is_dir():
                files = [file for file in (path / FILE_NAME, *sorted(path.glob(f"*/{FILE_NAME}"))) if file.is_file()]
        except OSError as error:
            raise Failure(f"{path} cannot be read: {error.strerror}.", ExitCode.USAGE) from None
        for file in files:
            found.setdefault(file.resolve(), file)
    return tuple(found.values())


def none_in(paths: Iterable[Path]) -> str:
    """Say that these folders hold no manifest, and where it would be."""
    folders = ", ".join(str(path) for path in paths)
    return f"no manifest in {folders}: a folder holds {FILE_NAME}, or <service>/{FILE_NAME}."


def require_manifests(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the manifest files meant, of which there is at least one.

    :raises Failure: USAGE; there is none.
    """
    paths = tuple(paths)
    found = find_manifests(paths)
    if not found:
        raise Failure(none_in(paths), ExitCode.USAGE)
    return found


def read_manifest(path: Path) -> str:
    """Return the text of a manifest.

    :raises Failure: FAILED; it cannot be read, is too large, or is not UTF-8.
    """
    from aol_broker.yaml_text import YamlError, read_text

    try:
        return read_text(path)
    except YamlError as error:
        raise Failure("\n".join(f"{item.place(str(path))}: {item.text}" for item in error.problems)) from None


def check_manifests(paths: Iterable[Path]) -> tuple[CheckedManifest, ...]:
    """Read and check every file, without a broker; nothing is raised for what is wrong with one."""
    checked = [_check(path) for path in paths]
    of_service: dict[str, list[Path]] = defaultdict(list)
    for item in checked:
        if item.manifest is not None:
            of_service[item.manifest.service].append(item.path)
    return tuple(_with_rivals(item, of_service) for item in checked)


def _check(path: Path) -> CheckedManifest:
    from aol_broker.manifest import parse_manifest
    from aol_broker.yaml_text import YamlError, read_text
    from aol_wire.errors import DataError

    try:
        text = read_text(path)
        return CheckedManifest(path, text, parse_manifest(text, str(path)))
    except YamlError as error:
        problems = tuple(Problem(item.place(str(path)), item.text) for item in error.problems)
    except DataError as error:
        problems = tuple(Problem(item.path, item.description) for item in error.violations)
        problems = problems or (Problem(str(path), error.message),)
    return CheckedManifest(path, problems=problems)


def _with_rivals(item: CheckedManifest, of_service: dict[str, list[Path]]) -> CheckedManifest:
    """A service has one manifest: the second one applied would take back what the first declared."""
    service = item.manifest.service if item.manifest is not None else ""
    rivals = [path for path in of_service.get(service, ()) if path != item.path]
    if not rivals:
        return item
    problem = Problem(f"{item.path} metadata.name", f"{service} has another manifest, {rivals[0]}")
    return CheckedManifest(item.path, item.text, item.manifest, (problem,))


def require_no_problems(checked: Iterable[CheckedManifest]) -> None:
    """Return if there are none.

    :raises Failure: FAILED, with every problem of every file.
    """
    problems = [problem for item in checked for problem in item.problems]
    if problems:
        raise Failure("\n  ".join([f"{counted(len(problems), 'problem')} in the manifests:", *map(str, problems)]))
