"""Does `aol audit status` show at a glance which sink is behind, and why?"""

import pytest

from aol.admin.v1 import admin_pb2 as pb
from aol_cli.commands.audit_status import _as_object, _print_log, _print_sinks

ANSWER = pb.AuditStatusResponse(
    broker="here",
    durable_seq=12_345,
    open_segment="audit-0000000000010001.jsonl",
    segment_count=2,
    segment_bytes=7_400_000,
    oldest_seq=1,
    oldest_us=1_772_000_000_000_000,
    sinks=[
        pb.AuditSink(name="out", type="stdout", seq=12_345, state=pb.AUDIT_SINK_STATE_OK),
        pb.AuditSink(
            name="db",
            type="postgres",
            seq=2345,
            lag=10_000,
            lag_us=3_723_000_000,
            state=pb.AUDIT_SINK_STATE_BACKING_OFF,
            failing_since_us=1_772_000_000_000_000,
            last_error="ConnectionRefusedError",
            skipped=1,
            missing=2,
        ),
    ],
)
SHOWN = """\
broker    here
records   12,345 are durable; new ones can be written
files     2, 7.4 MB, audit-0000000000010001.jsonl is open
oldest    record 1, of 2026-02-25 06:13:20Z
sink  type      state         up to  behind       by  left out  not found  last error
──────────────────────────────────────────────────────────────────────────────────────────────────
out   stdout    ok           12,345       0                  0          0
db    postgres  backing off   2,345  10,000  1:02:03         1          2  ConnectionRefusedError
db has not delivered since 2026-02-25T06:13:20.000000Z; it is tried again.
"""


def test_the_sinks_are_a_table_that_says_how_far_each_is_behind(capsys: pytest.CaptureFixture[str]) -> None:
    _print_log(ANSWER)
    _print_sinks(ANSWER)
    assert capsys.readouterr().out == SHOWN


def test_programs_get_the_same_as_an_object() -> None:
    db = _as_object(ANSWER)["sinks"][1]
    assert db == {
        "name": "db",
        "type": "postgres",
        "state": "backing_off",
        "seq": 2345,
        "lag": 10_000,
        "lag_s": 3723.0,
        "failing_since": "2026-02-25T06:13:20.000000Z",
        "last_error": "ConnectionRefusedError",
        "skipped": 1,
        "missing": 2,
    }
