"""Does a client send what waits, within the server's limits, and settle each call once?"""

import time

import pytest
from google.rpc import code_pb2

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import FRAME_OVERHEAD_BYTES, Failure, FrameError, Success
from aol_wire.frames.client_side import Call, ClientSide

MAX_FRAME_BYTES = FRAME_OVERHEAD_BYTES + 1000


def hello(max_calls: int = 10, max_frame_bytes: int = MAX_FRAME_BYTES) -> bytes:
    return pb.Frame(hello=pb.Hello(max_calls=max_calls, max_frame_bytes=max_frame_bytes)).SerializeToString()


def greeted(max_calls: int = 10, max_frame_bytes: int = MAX_FRAME_BYTES) -> ClientSide[Call]:
    side: ClientSide[Call] = ClientSide(MAX_FRAME_BYTES)
    side.receive(hello(max_calls, max_frame_bytes))
    return side


def submitted(side: ClientSide[Call], count: int, request: bytes = b"r") -> list[Call]:
    calls = [Call("/a.B/C", request) for _ in range(count)]
    for call in calls:
        side.submit(call)
    return calls


def taken(side: ClientSide[Call]) -> pb.Frame:
    frame = side.take()
    assert frame is not None
    return pb.Frame.FromString(frame)


def replies(*ids: int, revision: int = 0) -> bytes:
    columns = pb.Replies(ids=ids, responses=[b"response %d" % number for number in ids], revision=revision)
    return pb.Frame(replies=columns).SerializeToString()


def test_nothing_is_sent_before_the_server_has_said_what_it_takes() -> None:
    side: ClientSide[Call] = ClientSide(MAX_FRAME_BYTES)
    submitted(side, 1)
    assert side.take() is None
    side.receive(hello())
    frame = taken(side)
    assert frame.hello.max_frame_bytes == MAX_FRAME_BYTES
    assert list(frame.calls.ids) == [1]


def test_all_that_waits_goes_in_one_frame_in_order() -> None:
    side = greeted()
    calls = submitted(side, 5)
    calls[3].traceparent = "00-trace"
    calls[4].deadline = time.monotonic() + 60
    side.revision = 7
    sent = taken(side).calls
    assert list(sent.ids) == [call.id for call in calls] == [1, 2, 3, 4, 5]
    assert list(sent.methods) == ["/a.B/C"] * 5
    assert list(sent.traceparents) == ["", "", "", "00-trace", ""]
    assert list(sent.timeouts_us[:4]) == [0] * 4
    assert 0 < sent.timeouts_us[4] <= 60_000_000
    assert sent.revision == 7
    assert side.take() is None


def test_a_call_whose_time_is_over_is_not_sent_as_one_without_a_limit() -> None:
    side = greeted()
    side.submit(Call("/a.B/C", b"", time.monotonic() - 5))
    assert list(taken(side).calls.timeouts_us) == [1]


def test_no_more_calls_are_sent_than_the_server_takes_until_it_has_replied() -> None:
    side = greeted(max_calls=3)
    submitted(side, 5)
    assert list(taken(side).calls.ids) == [1, 2, 3]
    assert side.take() is None
    side.receive(replies(2))
    assert list(taken(side).calls.ids) == [4]


def test_a_frame_stays_within_the_bytes_that_the_server_takes() -> None:
    side = greeted()
    submitted(side, 5, b"x" * 400)
    assert [list(taken(side).calls.ids) for _ in range(3)] == [[1, 2], [3, 4], [5]]


def test_a_request_too_large_for_any_frame_fails_alone() -> None:
    side = greeted()
    before, large, after = submitted(side, 1) + submitted(side, 1, b"x" * 1001) + submitted(side, 1)
    assert list(taken(side).calls.ids) == [before.id, after.id]
    [(refused, failure)] = side.refused()
    assert refused is large
    assert isinstance(failure, Failure)
    assert failure.code == code_pb2.RESOURCE_EXHAUSTED
    assert side.refused() == []


def test_replies_come_in_any_order() -> None:
    side = greeted()
    first, second, third = submitted(side, 3)
    side.take()
    failed = pb.Failure(id=1, code=code_pb2.NOT_FOUND, message="no", details=b"d", request_id="q")
    columns = pb.Replies(ids=[3], responses=[b"r3"], request_ids=["q3"], failures=[failed], revision=4)
    settled = side.receive(pb.Frame(replies=columns).SerializeToString())
    assert settled == [
        (third, Success(b"r3", "q3", 4)),
        (first, Failure(code_pb2.NOT_FOUND, "no", b"d", "q", 4)),
    ]
    assert side.receive(replies(2)) == [(second, Success(b"response 2"))]
    assert side.idle


def test_a_call_given_up_before_it_was_sent_never_is() -> None:
    side = greeted()
    first, second = submitted(side, 2)
    assert side.abandon(first) is False
    assert list(taken(side).calls.ids) == [second.id]


def test_the_server_is_told_of_a_call_given_up_and_its_place_stays_taken_until_the_reply() -> None:
    side = greeted(max_calls=1)
    first, _ = submitted(side, 2)
    side.take()
    assert side.abandon(first) is True
    assert side.abandon(first) is False
    frame = taken(side)
    assert (list(frame.cancelled_ids), list(frame.calls.ids)) == ([1], [])
    assert side.receive(replies(1)) == []
    assert list(taken(side).calls.ids) == [2]


def test_a_call_that_was_replied_to_cannot_be_given_up() -> None:
    side = greeted()
    (call,) = submitted(side, 1)
    side.take()
    side.receive(replies(1))
    assert side.abandon(call) is False
    assert side.take() is None


def test_calls_that_a_leaving_server_did_not_begin_are_given_back_in_order() -> None:
    side = greeted(max_calls=3)
    calls = submitted(side, 4)
    side.take()
    side.abandon(calls[2])
    assert side.receive(pb.Frame(leaving=pb.Leaving(last_id=1)).SerializeToString()) == []
    assert side.give_back() == [calls[1], calls[3]]
    assert side.take() is None
    assert [call.id for call in calls[1:2]] == [0]
    assert side.receive(replies(1)) == [(calls[0], Success(b"response 1"))]


def test_what_is_left_at_the_end_is_what_somebody_waits_for() -> None:
    side = greeted(max_calls=2)
    first, second, third = submitted(side, 3)
    side.take()
    side.abandon(first)
    assert side.unfinished() == [second]
    assert side.give_back() == [third]
    assert side.idle


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff",
        hello(),
        replies(2),
        pb.Frame(replies=pb.Replies(ids=[1], responses=[])).SerializeToString(),
        pb.Frame(replies=pb.Replies(ids=[1], responses=[b""], request_ids=["a", "b"])).SerializeToString(),
        pb.Frame(replies=pb.Replies(ids=[1, 1], responses=[b"", b""])).SerializeToString(),
        pb.Frame(replies=pb.Replies(failures=[pb.Failure(id=9, code=5)])).SerializeToString(),
    ],
)
def test_a_server_that_breaks_the_rules_is_found_out(frame: bytes) -> None:
    side = greeted()
    submitted(side, 1)
    side.take()
    with pytest.raises(FrameError):
        side.receive(frame)


@pytest.mark.parametrize("limits", [(0, MAX_FRAME_BYTES), (1, FRAME_OVERHEAD_BYTES)])
def test_a_server_whose_limits_leave_no_room_is_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(FrameError):
        greeted(*limits)


def test_a_first_frame_without_a_hello_is_refused() -> None:
    with pytest.raises(FrameError):
        ClientSide(MAX_FRAME_BYTES).receive(replies())


@pytest.mark.parametrize("numbers", [(1, 9), (1, 1), (1, 2, 0)])
def test_calls_whose_replies_came_in_a_broken_frame_are_still_to_be_settled(numbers: tuple[int, ...]) -> None:
    side = greeted()
    calls = submitted(side, 2)
    side.take()
    with pytest.raises(FrameError):
        side.receive(replies(*numbers))
    assert set(side.unfinished()) == set(calls)


@pytest.mark.parametrize("code", [0, -1, 17, 1 << 30])
def test_a_failure_with_a_code_that_is_none_is_a_failure_all_the_same(code: int) -> None:
    side = greeted()
    submitted(side, 1)
    side.take()
    frame = pb.Frame(replies=pb.Replies(failures=[pb.Failure(id=1, code=code)]))
    [(_, outcome)] = side.receive(frame.SerializeToString())
    assert outcome == Failure(code_pb2.UNKNOWN, "")
