"""Is a large frame taken in so that its first calls go on while its last ones wait, and none of them is lost?"""

import asyncio
from typing import Any

import grpc
import grpc.aio
from hypothesis import given
from hypothesis import strategies as st

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import Outcome
from aol_wire.frames.portions import portions
from aol_wire.frames.server_side import IncomingCall
from framed_peer import MAX_FRAME_BYTES, OPTIONS, FramedPeer, framed_channel


@given(st.lists(st.integers(0, 1 << 20), max_size=400))
def test_portions_hold_all_items_in_order_and_only_the_last_item_of_one_goes_beyond_its_bounds(
    sizes: list[int],
) -> None:
    parts = list(portions(sizes, lambda size: size))
    assert [size for part in parts for size in part] == sizes
    for part in parts:
        assert 1 <= len(part) <= 64
        assert sum(part[:-1]) < 64 << 10


async def test_the_first_calls_of_a_large_frame_go_on_before_the_last_is_begun() -> None:
    steps: list[tuple[str, bytes]] = []

    class Peer(FramedPeer):
        async def _outcome(self, call: IncomingCall) -> Outcome:
            steps.append(("begun", call.request))
            await asyncio.sleep(0)
            steps.append(("goes on", call.request))
            return await super()._outcome(call)

    peer = Peer(max_calls=500)
    await peer.start()
    try:
        async with framed_channel(peer.endpoint) as channel:
            echo = channel.unary_unary("/t.T/Echo")
            await echo(b"first")  # so that the limits are known, and the others go in one frame
            requests = [b"%d" % number for number in range(300)]
            assert await asyncio.gather(*map(echo, requests)) == requests
    finally:
        await peer.stop()
    assert steps.index(("goes on", b"0")) < steps.index(("begun", b"299"))


async def test_a_channel_that_is_closed_between_two_portions_of_replies_keeps_all_replies() -> None:
    async def exchange(_requests: Any, context: Any) -> None:
        await context.write(
            pb.Frame(hello=pb.Hello(max_calls=500, max_frame_bytes=MAX_FRAME_BYTES)).SerializeToString()
        )
        ids: list[int] = []
        while len(ids) < 300:
            ids += pb.Frame.FromString(await context.read()).calls.ids
        replies = pb.Replies(ids=ids, responses=[b"%d" % number for number in range(300)])
        await context.write(pb.Frame(replies=replies).SerializeToString())
        await context.read()

    server = grpc.aio.server(options=OPTIONS)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(exchange)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("aol.frames.v1.Frames", {"Exchange": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with framed_channel(f"127.0.0.1:{port}") as channel:
            calls = [asyncio.ensure_future(channel.unary_unary("/t.T/Echo")(b"")) for _ in range(300)]
            await calls[0]
            assert not calls[-1].done()
            await channel.close()
            assert await asyncio.gather(*calls) == [b"%d" % number for number in range(300)]
    finally:
        await server.stop(None)
