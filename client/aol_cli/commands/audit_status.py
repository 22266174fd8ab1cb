"""Is everything recorded, and does it arrive everywhere? `aol audit status`."""

import asyncio
from datetime import timedelta
from typing import Any

from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown, shown_time

_BACKING_OFF = "backing off"
_STYLES = {"ok": "green", _BACKING_OFF: "red"}


def status(
    *,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how the audit log is doing: its files, and how far its sinks and anchors have come."""
    answer = asyncio.run(_ask(endpoint, require_token(token_file, data_dir)))
    if as_json:
        print_json(_as_object(answer))
        return
    _print_log(answer)
    if answer.sinks:
        say("")
        _print_sinks(answer)
    if answer.anchors:
        say("")
        columns = (Column("anchor", shrinks=True), Column("up to", right=True))
        print_table(columns, ((anchor.name, f"{anchor.anchored_seq:,}") for anchor in answer.anchors), empty="")


async def _ask(endpoint: str, token: str) -> Any:
    from aol.admin.v1 import admin_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return await calls.admin("AuditStatus", pb.AuditStatusRequest(), pb.AuditStatusResponse)


def _print_log(answer: Any) -> None:
    from aol_wire.datetimes import from_us

    say(f"broker    {answer.broker}")
    say(f"records   {answer.durable_seq:,} are durable; {answer.failure or 'new ones can be written'}")
    opened = f", {answer.open_segment} is open" if answer.open_segment else ""
    say(f"files     {answer.segment_count:,}, {_size(answer.segment_bytes)}{opened}")
    if answer.oldest_seq:
        say(f"oldest    record {answer.oldest_seq:,}, of {shown_time(from_us(answer.oldest_us))}")
    if not answer.sinks:
        say("sinks     none")


def _print_sinks(answer: Any) -> None:
    columns = (
        Column("sink", shrinks=True),
        Column("type"),
        Column("state", styles=_STYLES),
        Column("up to", right=True),
        Column("behind", right=True),
        Column("by", right=True),
        Column("left out", optional=True, right=True),
        Column("not found", optional=True, right=True),
        Column("last error", optional=True, shrinks=True),
    )
    print_table(columns, (_row(sink) for sink in answer.sinks), empty="")
    for sink in answer.sinks:
        if sink.failing_since_us:
            say(f"{shown(sink.name)} has not delivered since {_moment(sink.failing_since_us)}; it is tried again.")


def _row(sink: Any) -> tuple[str, ...]:
    return (
        sink.name,
        sink.type,
        _state(sink),
        f"{sink.seq:,}",
        f"{sink.lag:,}",
        str(timedelta(seconds=round(sink.lag_us / 1e6))) if sink.lag else "",
        f"{sink.skipped:,}",
        f"{sink.missing:,}",
        sink.last_error,
    )


def _as_object(answer: Any) -> dict[str, Any]:
    return {
        "broker": answer.broker,
        "durable_seq": answer.durable_seq,
        "failure": answer.failure,
        "open_segment": answer.open_segment,
        "segment_count": answer.segment_count,
        "segment_bytes": answer.segment_bytes,
        "oldest_seq": answer.oldest_seq,
        "oldest_at": _moment(answer.oldest_us),
        "sinks": [
            {
                "name": sink.name,
                "type": sink.type,
                "state": _state(sink).replace(" ", "_"),
                "seq": sink.seq,
                "lag": sink.lag,
                "lag_s": sink.lag_us / 1e6,
                "failing_since": _moment(sink.failing_since_us),
                "last_error": sink.last_error,
                "skipped": sink.skipped,
                "missing": sink.missing,
            }
            for sink in answer.sinks
        ],
        "anchors": [{"name": anchor.name, "anchored_seq": anchor.anchored_seq} for anchor in answer.anchors],
    }


def _state(sink: Any) -> str:
    from aol.admin.v1 import admin_pb2 as pb

    return _BACKING_OFF if sink.state == pb.AUDIT_SINK_STATE_BACKING_OFF else "ok"


def _moment(us: int) -> str | None:
    from aol_wire.datetimes import from_us

    return from_us(us) if us else None


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1_000_000 else f"{size_bytes:,} bytes"
