"""Are the audit records those that the broker wrote? `aol audit verify`, on the files, without a broker."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.exits import ExitCode, Failure
from aol_cli.options import DEFAULT_DATA_DIR, AsJson
from aol_cli.output import counted, print_json, say

if TYPE_CHECKING:
    from aol_broker.audit.findings import Verification

# What is below can be read at a glance; --json has all that were gathered.
_DAMAGES_SHOWN = 10


def verify(
    *,
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The audit folder.", show_default="the folder audit of the data folder"),
    ] = None,
    anchors: Annotated[
        list[Path] | None,
        typer.Option("--anchor", metavar="FILE", help="Checkpoints that were kept in a second place; may be repeated."),
    ] = None,
    public_keys: Annotated[
        list[Path] | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            help="The broker's public key (PEM), a copy kept elsewhere; may be repeated where it was changed.",
        ),
    ] = None,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir",
            envvar="AOL_DATA_DIR",
            metavar="FOLDER",
            help="The broker's data folder, for its folder audit.",
        ),
    ] = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Verify the audit records in a folder, without a broker. Exit code 1 when they are damaged."""
    from aol_broker.audit.findings import VerificationError, path_text
    from aol_broker.audit.verify import verify as verify_folder

    try:
        with _progress() as on_progress:
            found = verify_folder(
                directory or data_dir / "audit",
                public_keys=public_keys or (),
                anchors=anchors or (),
                on_progress=on_progress,
            )
    except VerificationError as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    if as_json:
        print_json({"whole": found.whole, **asdict(found), "directory": path_text(found.directory)})
    else:
        _report(found)
    if not found.whole:
        raise typer.Exit(ExitCode.FAILED)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while it is a terminal, and leave nothing of it behind."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _report(found: "Verification") -> None:
    say(f"{found.directory}: {'whole' if found.whole else 'DAMAGED'}")
    for damage in found.damages[:1]:
        say(f"  first bad  {damage.place}:\n             {damage.text}")
    if found.damage_count > 1:
        say(f"  also       {counted(found.damage_count - 1, 'more place')}:")
        for damage in found.damages[1:_DAMAGES_SHOWN]:
            say(f"             {damage.place}: {damage.text}")
        if found.damage_count > _DAMAGES_SHOWN:
            say("             …")
    last = f", {found.first_seq:,} to {found.last_seq:,}" if found.records else ""
    say(f"  records    {found.records:,}{last}, in {counted(found.segments, 'segment')}, {found.size_bytes:,} bytes")
    say(f"  broker     {', '.join(found.brokers) or 'none'}")
    say(f"  signed     {_signed(found)}")
    say(f"  anchors    {_anchors(found)}")
    _list("Not checked", found.unchecked)
    _list("Notes", found.notes)


def _signed(found: "Verification") -> str:
    if not found.keys:
        return "not checked"
    origin = "given" if found.keys_given else "of the folder itself"
    return f"up to record {found.vouched_seq:,}, with the key {' or '.join(found.keys)}, {origin}"


def _anchors(found: "Verification") -> str:
    return f"{found.anchors:,} agree, the newest about record {found.anchored_seq:,}" if found.anchors else "none"


def _list(title: str, texts: tuple[str, ...]) -> None:
    if texts:
        say(f"{title}:")
    for text in texts:
        say(f"  - {text}")
