"""Do calls in frames come out as they do one by one, whatever happens to the stream? Over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.channel import FramesChannel
from framed_peer import CODES, MAX_FRAME_BYTES, OPTIONS, FramedPeer, RawStream, frame_of_calls, framed_channel


@asynccontextmanager
async def running(peer: FramedPeer, *, framed: bool = True, fall_back: bool = False) -> AsyncIterator[FramesChannel]:
    await peer.start(framed=framed)
    try:
        async with framed_channel(peer.endpoint, fall_back=fall_back) as channel:
            yield channel
    finally:
        await peer.stop()


async def failure(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_many_calls_share_one_stream_and_each_gets_its_own_reply() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        echo = channel.unary_unary("/t.T/Echo")
        requests = [b"%d" % number for number in range(500)]
        assert await asyncio.gather(*(echo(request) for request in requests)) == requests
    assert len(peer.headers) == 1


async def test_replies_overtake_a_call_that_takes_long() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        slow = asyncio.ensure_future(channel.unary_unary("/t.T/Hold")(b"slow"))
        await peer.until_begun(1)
        assert await channel.unary_unary("/t.T/Echo")(b"fast") == b"fast"
        assert not slow.done()
        peer.release.set()
        assert await slow == b"slow"


async def test_a_failure_has_its_status_details_and_trailers_and_is_its_call_s_alone() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        echo, fail = channel.unary_unary("/t.T/Echo"), channel.unary_unary("/t.T/Fail")
        results = await asyncio.gather(echo(b"1"), fail(b"2"), echo(b"3"), return_exceptions=True)
    error = results[1]
    assert list(results[::2]) == [b"1", b"3"]
    assert isinstance(error, grpc.aio.AioRpcError)
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "not here")
    assert dict(error.trailing_metadata()) == {
        "aol-request-id": "the-request",
        "aol-revision": "9",
        "grpc-status-details-bin": b"details",
    }


async def test_a_success_has_its_trailers_too() -> None:
    async with running(FramedPeer()) as channel:
        call = channel.unary_unary("/t.T/Echo")(b"")
        await call
        assert dict(await call.trailing_metadata()) == {"aol-request-id": "the-request", "aol-revision": "9"}
        assert call.revision == 9
        filled = channel.unary_unary("/t.T/Fill")(b"1")
        await filled
        assert (await filled.trailing_metadata(), filled.revision) == ((), 0)


async def test_a_bug_of_the_server_is_internal_and_tells_nothing() -> None:
    async with running(FramedPeer()) as channel:
        error = await failure(channel.unary_unary("/t.T/Break")(b""))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "hunter2" not in str(error)
        assert await channel.unary_unary("/t.T/Echo")(b"next") == b"next"


async def test_a_method_that_does_not_exist_fails_alone() -> None:
    async with running(FramedPeer()) as channel:
        missing, echoed = await asyncio.gather(
            failure(channel.unary_unary("/t.T/Missing")(b"")), channel.unary_unary("/t.T/Echo")(b"x")
        )
    assert (missing.code(), echoed) == (grpc.StatusCode.UNIMPLEMENTED, b"x")


async def test_headers_are_the_stream_s_and_what_differs_is_the_call_s() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        echo = channel.unary_unary("/t.T/Echo")
        shop = ("aol-service", "shop")
        await echo(b"1", metadata=(shop, ("aol-revision", "4")))
        await echo(b"2", metadata=(shop, ("aol-revision", "6"), ("traceparent", "00-abc")))
        await echo(b"3", metadata=(("aol-service", "other"),))
    assert [headers["aol-service"] for headers in peer.headers] == ["shop", "other"]
    assert [(call.revision, call.traceparent) for call in peer.begun] == [(4, ""), (6, "00-abc"), (0, "")]


async def test_other_headers_open_another_stream_and_the_calls_of_the_first_go_on() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        first = asyncio.ensure_future(hold(b"1", metadata=(("authorization", "old"),)))
        await peer.until_begun(1)
        second = asyncio.ensure_future(hold(b"2", metadata=(("authorization", "new"),)))
        await peer.until_begun(2)
        peer.release.set()
        assert [await first, await second] == [b"1", b"2"]


async def test_a_cancelled_task_cancels_its_call_at_the_server_and_no_other() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        tasks = [asyncio.ensure_future(hold(b"%d" % number)) for number in range(3)]
        await peer.until_begun(3)
        tasks[1].cancel()
        await peer.until_cancelled(1)
        peer.release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert peer.cancelled == [b"1"]
    assert isinstance(results[1], asyncio.CancelledError)
    assert results[::2] == [b"0", b"2"]


@pytest.mark.parametrize("how", ["cancelled", "before it begins", "cut"])
async def test_a_call_that_lasts_goes_on_when_its_caller_goes_away(how: str) -> None:
    peer = FramedPeer(max_calls=1, lasting=["/t.T/Hold"])
    async with running(peer) as others, grpc.aio.insecure_channel(peer.endpoint) as channel:
        stream = RawStream(channel)
        await stream.greet()
        frame = frame_of_calls("/t.T/Hold", b"kept")
        if how == "before it begins":
            frame.cancelled_ids.append(1)
        await stream.send(frame)
        await peer.until_begun(1)
        if how == "cancelled":
            await stream.send(pb.Frame(cancelled_ids=[1]))
        if how == "cut":
            stream.rpc.cancel()
            await others.unary_unary("/t.T/Echo")(b"")
        else:
            [failed] = (await stream.receive()).replies.failures
            assert (failed.id, CODES[failed.code]) == (1, grpc.StatusCode.CANCELLED)
        peer.release.set()
        await peer.until_finished(1)
        assert (peer.finished, peer.cancelled) == ([b"kept"], [])
        if how != "cut":
            await stream.send(frame_of_calls("/t.T/Echo", b"2", ids=(2,)))
            assert list((await stream.receive()).replies.responses) == [b"2"], "and nothing more of the first"


async def test_a_call_that_is_cancelled_in_the_frame_that_follows_it_frees_its_place() -> None:
    """The server may read both before it runs the call, which then never begins."""
    peer = FramedPeer(max_calls=1)
    await peer.start()
    async with grpc.aio.insecure_channel(peer.endpoint) as channel:
        stream = RawStream(channel)
        await stream.greet()
        frame = frame_of_calls("/t.T/Hold", b"1")
        frame.cancelled_ids.append(1)
        await stream.send(frame)
        [failed] = (await stream.receive()).replies.failures
        assert (failed.id, CODES[failed.code]) == (1, grpc.StatusCode.CANCELLED)
        await stream.send(frame_of_calls("/t.T/Echo", b"2", ids=(2,)))
        assert list((await stream.receive()).replies.responses) == [b"2"]
    await peer.stop()


async def test_the_time_of_a_call_is_kept_by_the_caller_although_the_server_is_silent() -> None:
    peer = FramedPeer(max_calls=1, keeps_deadlines=True)
    async with running(peer) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        sent, waiting = hold(b"sent", timeout=0.05), hold(b"waiting", timeout=0.05)
        errors = [await failure(sent), await failure(waiting)]
        assert {error.code() for error in errors} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        await peer.until_cancelled(1)
        assert peer.cancelled == [b"sent"]
        peer.release.set()
        assert await hold(b"next", timeout=20) == b"next"


async def test_the_time_of_a_call_is_kept_by_the_server_although_the_caller_is_silent() -> None:
    peer = FramedPeer()
    await peer.start()
    async with grpc.aio.insecure_channel(peer.endpoint) as channel:
        stream = RawStream(channel)
        await stream.greet()
        await stream.send(frame_of_calls("/t.T/Hold", b"1", timeout_us=1000))
        [late] = (await stream.receive()).replies.failures
        assert CODES[late.code] is grpc.StatusCode.DEADLINE_EXCEEDED
    assert peer.cancelled == [b"1"]
    await peer.stop()


async def test_no_more_calls_are_under_way_than_the_server_takes() -> None:
    peer = FramedPeer(max_calls=4)
    async with running(peer) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        tasks = [asyncio.ensure_future(hold(b"%d" % number)) for number in range(20)]
        await peer.until_begun(4)
        assert await failure(channel.unary_unary("/t.T/Echo")(b"", timeout=0.05))
        assert len(peer.begun) == 4
        peer.release.set()
        assert await asyncio.gather(*tasks) == [b"%d" % number for number in range(20)]


async def test_a_lost_stream_fails_its_calls_as_unavailable_and_the_next_call_opens_another() -> None:
    peer = FramedPeer()
    await peer.start()
    async with framed_channel(peer.endpoint) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        tasks = [asyncio.ensure_future(hold(b"%d" % number)) for number in range(3)]
        await peer.until_begun(3)
        await peer.stop()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        codes = [result.code() for result in results if isinstance(result, grpc.aio.AioRpcError)]
        assert codes == [grpc.StatusCode.UNAVAILABLE] * 3
        successor = FramedPeer()
        await successor.start(peer.endpoint)
        echo = channel.unary_unary("/t.T/Echo")
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await echo(b"again") == b"again"
                    break
                except grpc.aio.AioRpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - until gRPC connects again
        await successor.stop()


async def test_nobody_there_is_unavailable() -> None:
    async with framed_channel("127.0.0.1:1") as channel:
        error = await failure(channel.unary_unary("/t.T/Echo")(b"", timeout=20))
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_leaves_finishes_what_it_began_and_hands_back_the_rest() -> None:
    peer = FramedPeer(max_calls=2)
    await peer.start()
    async with framed_channel(peer.endpoint) as channel:
        hold = channel.unary_unary("/t.T/Hold")
        begun = [asyncio.ensure_future(hold(b"%d" % number)) for number in range(2)]
        await peer.until_begun(2)
        waiting = asyncio.ensure_future(hold(b"waiting"))
        peer.frames.leave()
        stopping = asyncio.ensure_future(peer.stop(20))
        assert (await failure(waiting)).code() is grpc.StatusCode.UNAVAILABLE
        peer.release.set()
        assert await asyncio.gather(*begun) == [b"0", b"1"]
        await stopping
    assert len(peer.begun) == 2


async def test_closing_the_channel_cancels_the_calls_under_way() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        task = asyncio.ensure_future(channel.unary_unary("/t.T/Hold")(b""))
        await peer.until_begun(1)
        await channel.close()
        with pytest.raises(asyncio.CancelledError):
            await task
        await peer.until_cancelled(1)
        assert await channel.unary_unary("/t.T/Echo")(b"after") == b"after"


async def test_a_retired_channel_finishes_its_calls() -> None:
    peer = FramedPeer()
    async with running(peer) as channel:
        task = asyncio.ensure_future(channel.unary_unary("/t.T/Hold")(b"x"))
        await peer.until_begun(1)
        channel.retire()
        peer.release.set()
        assert await task == b"x"


async def test_messages_too_large_fail_alone() -> None:
    async with running(FramedPeer()) as channel:
        echo, fill = channel.unary_unary("/t.T/Echo"), channel.unary_unary("/t.T/Fill")
        errors = await asyncio.gather(failure(echo(b"x" * MAX_FRAME_BYTES)), failure(fill(b"%d" % MAX_FRAME_BYTES)))
        assert {error.code() for error in errors} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        large = b"%d" % (MAX_FRAME_BYTES - (1 << 20))
        assert len(await fill(large)) == int(large)


@pytest.mark.parametrize("calls", [1, 50])
async def test_without_frames_at_the_server_calls_are_made_one_by_one_if_that_is_wanted(calls: int) -> None:
    async with running(FramedPeer(), framed=False, fall_back=True) as channel:
        echo = channel.unary_unary("/t.T/Echo")
        for _ in range(2):
            answers = await asyncio.gather(*(echo(b"%d" % number, timeout=20) for number in range(calls)))
            assert answers == [b"unary %d" % number for number in range(calls)]


async def test_without_frames_at_the_server_calls_fail_if_frames_are_wanted() -> None:
    async with running(FramedPeer(), framed=False) as channel:
        error = await failure(channel.unary_unary("/t.T/Echo")(b"", timeout=20))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_call_cancelled_while_it_is_made_one_by_one_is_cancelled() -> None:
    async with running(FramedPeer(), framed=False, fall_back=True) as channel:
        task = asyncio.ensure_future(channel.unary_unary("/t.T/Echo")(b""))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await channel.unary_unary("/t.T/Echo")(b"") == b"unary "


BROKEN = [
    (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
    (frame_of_calls("/t.T/Echo", b"a", ids=(0,)), grpc.StatusCode.INVALID_ARGUMENT),
    (frame_of_calls("/t.T/Echo", b"", b"", ids=(2, 2)), grpc.StatusCode.INVALID_ARGUMENT),
    (pb.Frame(calls=pb.Calls(ids=range(1, 1_000_001))), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (b"x" * (MAX_FRAME_BYTES + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
]


@pytest.mark.parametrize(("frame", "code"), BROKEN)
async def test_a_broken_frame_ends_its_stream_and_cancels_its_calls_and_the_server_goes_on(
    frame: pb.Frame | bytes, code: grpc.StatusCode
) -> None:
    peer = FramedPeer()
    async with running(peer) as others, grpc.aio.insecure_channel(peer.endpoint) as channel:
        stream = RawStream(channel)
        await stream.greet()
        await stream.send(frame_of_calls("/t.T/Hold", b"held"))
        await peer.until_begun(1)
        await stream.send(frame)
        assert (await stream.end())[0] is code
        await peer.until_cancelled(1)
        assert await others.unary_unary("/t.T/Echo")(b"well") == b"well"


async def test_a_client_that_does_not_read_is_not_read_from_and_disturbs_nobody() -> None:
    peer = FramedPeer(max_calls=10_000)
    async with running(peer) as others, grpc.aio.insecure_channel(peer.endpoint, options=OPTIONS) as channel:
        stream = RawStream(channel)
        await stream.greet()
        megabyte = b"%d" % (1 << 20)

        async def ask_without_end() -> None:
            number = 1
            while True:
                padding = bytes(64 << 10)
                frame = frame_of_calls("/t.T/Fill", megabyte, ids=(number,))
                frame.calls.traceparents.append(padding.decode())
                await stream.send(frame)
                number += 1

        asking = asyncio.ensure_future(ask_without_end())
        fill = others.unary_unary("/t.T/Fill")
        begun = -1
        while begun != len(peer.begun):  # the stream has come to a stop when the others' calls are all that begins
            begun = len(peer.begun) + 50
            for _ in range(50):
                assert len(await fill(b"1", timeout=20)) == 1
        assert not asking.done()
        asking.cancel()
        stuck = sum(1 for call in peer.begun if call.request == megabyte)
        assert stuck < 100
        assert (await stream.rpc.code()) is grpc.StatusCode.CANCELLED
