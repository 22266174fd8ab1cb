"""Which audit records match? Reads the files of one broker, the newest records first, by their indexes where it can.

Only whole lines count, the files may grow and go meanwhile, and the times in them need not rise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aol_broker.audit.lines import blocks_forwards, place_after, whole_lines_end
from aol_broker.audit.query import AuditQuery, Matcher
from aol_broker.audit.reading import Reading, segments_after
from aol_broker.audit.stored import stored_record
from aol_wire.errors import DataError, Reason
from aol_wire.limits import AUDIT_ANSWER_MAX_BYTES

__all__ = ["AuditQuery", "AuditRecords", "search"]


@dataclass(frozen=True, slots=True)
class AuditRecords:
    """Records, oldest first, each as its line of JSON; `truncated` when more match, within the limit, than fit."""

    lines: list[str]
    truncated: bool


def search(directory: Path, query: AuditQuery, stopped: Callable[[], bool] = lambda: False) -> AuditRecords:
    """Return the newest `limit` records that match, or of these the newest AUDIT_ANSWER_MAX_BYTES.

    With `follow`, it is the oldest that are returned.

    :param stopped: asked now and then, from the thread that searches; when it says so, nobody wants the answer.
    :raises DataError: AUDIT_UNAVAILABLE, the files cannot be read.
    """
    matcher = Matcher(query)
    try:
        found = (
            _following(directory, matcher, stopped) if query.follow else Reading(matcher, stopped).records(directory)
        )
        return _gathered((line for line, _ in found), query)
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> DataError:
    """Return what somebody is told who asks for records that cannot be read."""
    return DataError(
        Reason.AUDIT_UNAVAILABLE,
        f"The audit files cannot be read ({error.strerror}). An operator sees to the broker's audit folder.",
        retry_after_s=1.0,
    )


def _following(
    directory: Path, matcher: Matcher, stopped: Callable[[], bool]
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    after = matcher.query.after_seq
    for segment in segments_after(directory, after):
        try:
            with segment.open("rb") as file:
                descriptor = file.fileno()
                end = whole_lines_end(descriptor)
                start = place_after(descriptor, end, after)
                for _, block in blocks_forwards(descriptor, start, end):
                    for line in block.split(b"\n"):
                        if stopped():
                            return
                        record = stored_record(line) if line and matcher.may_hold(line) else None
                        # Whether a write ended is told by what comes later: who follows sees its end.
                        if record is not None and matcher.matches(record, ended=True):
                            yield line, record
        except FileNotFoundError:
            continue


def _gathered(found: Iterator[bytes], query: AuditQuery) -> AuditRecords:
    lines: list[str] = []
    size_bytes = 0
    truncated = False
    for line in found:
        size_bytes += len(line)
        if lines and size_bytes > AUDIT_ANSWER_MAX_BYTES:
            truncated = True
            break
        lines.append(line.decode())
        if len(lines) >= query.limit:
            break
    if not query.follow:
        lines.reverse()
    return AuditRecords(lines, truncated)
