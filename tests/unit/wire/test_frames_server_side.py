"""Does a server refuse what breaks the rules, and reply to each call once, within the client's limits?"""

import contextlib

import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import FRAME_OVERHEAD_BYTES, Failure, FrameError, FrameLimits, Success
from aol_wire.frames.server_side import IncomingCall, ServerSide

MAX_FRAME_BYTES = FRAME_OVERHEAD_BYTES + 1000
LIMITS = FrameLimits(4, MAX_FRAME_BYTES)


def hello(max_frame_bytes: int = MAX_FRAME_BYTES) -> bytes:
    return pb.Frame(hello=pb.Hello(max_frame_bytes=max_frame_bytes)).SerializeToString()


def calls(*ids: int) -> bytes:
    return frame_of(ids=ids, methods=["/a.B/C"] * len(ids), requests=[b"r"] * len(ids), timeouts_us=[0] * len(ids))


def frame_of(**columns: object) -> bytes:
    return pb.Frame(calls=pb.Calls(**columns)).SerializeToString()  # type: ignore[arg-type]


def cancelled(*ids: int) -> bytes:
    return pb.Frame(cancelled_ids=ids).SerializeToString()


def greeted(max_frame_bytes: int = MAX_FRAME_BYTES) -> ServerSide:
    side = ServerSide(LIMITS)
    side.receive(hello(max_frame_bytes))
    side.take()
    return side


def taken(side: ServerSide) -> pb.Frame:
    frame = side.take()
    assert frame is not None
    return pb.Frame.FromString(frame)


def test_the_first_frame_says_what_the_server_takes() -> None:
    side = ServerSide(LIMITS)
    frame = taken(side)
    assert (frame.hello.max_calls, frame.hello.max_frame_bytes) == (4, MAX_FRAME_BYTES)
    assert side.take() is None


def test_calls_come_as_they_were_made() -> None:
    columns = {"ids": [3, 9], "methods": ["/a.B/C", "/d"], "requests": [b"x", b""], "timeouts_us": [1_500_000, 0]}
    incoming, _ = greeted().receive(frame_of(**columns, traceparents=["", "00-t"], revision=5))
    assert incoming == [IncomingCall(3, "/a.B/C", b"x", 1.5, "", 5), IncomingCall(9, "/d", b"", None, "00-t", 5)]


def test_a_timeout_beyond_all_reason_is_bounded() -> None:
    columns = {"ids": [1], "methods": [""], "requests": [b""], "timeouts_us": [(1 << 64) - 1]}
    incoming, _ = greeted().receive(frame_of(**columns))
    assert incoming[0].timeout_s == 100 * 366 * 86_400


def test_replies_that_wait_go_in_one_frame() -> None:
    side = greeted()
    side.receive(calls(1, 2, 3))
    side.reply(3, Success(b"three", "q3", 2))
    side.reply(1, Failure(code_pb2.ABORTED, "no", b"details", "q1", 1))
    replies = taken(side).replies
    assert (list(replies.ids), list(replies.responses), list(replies.request_ids)) == ([3], [b"three"], ["q3"])
    assert replies.failures[0] == pb.Failure(id=1, code=10, message="no", details=b"details", request_id="q1")
    assert replies.revision == 2
    assert side.outgoing_bytes == 0
    assert side.take() is None


def test_a_frame_of_replies_stays_within_the_bytes_that_the_client_takes() -> None:
    side = greeted()
    side.receive(calls(1, 2, 3))
    for number in (1, 2, 3):
        side.reply(number, Success(b"x" * 400))
    assert side.outgoing_bytes > 1200
    assert [list(taken(side).replies.ids) for _ in range(2)] == [[1, 2], [3]]


def test_a_reply_too_large_for_any_frame_fails_its_call_alone() -> None:
    side = greeted()
    side.receive(calls(1, 2))
    side.reply(1, Success(b"x" * 2000))
    side.reply(2, Success(b"y"))
    replies = taken(side).replies
    assert list(replies.ids) == [2]
    assert [(it.id, it.code) for it in replies.failures] == [(1, code_pb2.RESOURCE_EXHAUSTED)]


def test_only_calls_under_way_are_cancelled() -> None:
    side = greeted()
    side.receive(calls(1, 2))
    side.reply(1, Success(b""))
    assert side.receive(cancelled(1, 2)) == ([], [2])


def test_a_server_that_leaves_begins_nothing_more_and_finishes_the_rest() -> None:
    side = greeted()
    side.receive(calls(1, 2))
    side.leave()
    assert not side.finished
    assert taken(side).leaving.last_id == 2
    assert side.receive(calls(3)) == ([], ())
    assert side.receive(cancelled(3)) == ([], [])
    for number in (1, 2):
        side.reply(number, Success(b""))
    assert not side.finished
    side.take()
    side.leave()
    assert side.finished


def test_a_stream_is_finished_when_its_client_is_and_all_is_replied_to() -> None:
    side = greeted()
    side.receive(calls(1))
    side.end()
    assert not side.finished
    side.reply(1, Success(b""))
    assert not side.finished
    side.take()
    assert side.finished


def broken(frame: bytes, side: ServerSide | None = None) -> FrameError:
    with pytest.raises(FrameError) as caught:
        (side or greeted()).receive(frame)
    return caught.value


@pytest.mark.parametrize(
    "frame",
    [
        b"garbage",
        hello(),
        calls(1, 1),
        calls(2, 1),
        calls(0),
        frame_of(ids=[1]),
        frame_of(ids=[1, 2], methods=["/a"], requests=[b"", b""], timeouts_us=[0, 0]),
        frame_of(ids=[1], methods=["/a"], requests=[b""], timeouts_us=[0], traceparents=["a", "b"]),
        frame_of(methods=["/a"]),
        cancelled(1),
        pb.Frame(replies=pb.Replies()).SerializeToString(),
        pb.Frame(leaving=pb.Leaving()).SerializeToString(),
    ],
)
def test_a_frame_that_breaks_the_rules_is_an_invalid_argument(frame: bytes) -> None:
    assert broken(frame).code == code_pb2.INVALID_ARGUMENT


def test_an_id_is_not_used_again_after_its_reply() -> None:
    side = greeted()
    side.receive(calls(5))
    side.reply(5, Success(b""))
    side.take()
    assert broken(calls(5), side).code == code_pb2.INVALID_ARGUMENT


@pytest.mark.parametrize("first", [calls(1), cancelled(), hello(0), hello(FRAME_OVERHEAD_BYTES)])
def test_a_client_that_does_not_say_what_it_takes_is_refused(first: bytes) -> None:
    assert broken(first, ServerSide(LIMITS)).code == code_pb2.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "frame", [calls(*range(1, 6)), frame_of(ids=range(1, 20_001)), b"x" * (MAX_FRAME_BYTES + 1), cancelled(*[1] * 5)]
)
def test_more_than_the_limits_of_the_hello_is_exhaustion(frame: bytes) -> None:
    assert broken(frame).code == code_pb2.RESOURCE_EXHAUSTED


def test_replies_that_the_client_does_not_fetch_count_as_calls_under_way() -> None:
    side = greeted()
    side.receive(calls(1, 2, 3, 4))
    side.reply(1, Success(b""))
    assert broken(calls(5), side).code == code_pb2.RESOURCE_EXHAUSTED


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=4))
def test_no_bytes_at_all_do_more_than_break_a_rule(frames: list[bytes]) -> None:
    side = greeted()
    with contextlib.suppress(FrameError):
        for frame in frames:
            incoming, _ = side.receive(frame)
            for call in incoming:
                side.reply(call.id, Success(call.request))
            side.take()
