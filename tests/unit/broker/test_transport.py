"""Does the transport tell who is calling, and does its caller get the reason of an error however long that is?"""

from dataclasses import replace
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from aol_broker.pipeline import Pipeline
from aol_broker.request import Peer, Reply
from aol_broker.transport import frames_server, generic_handlers, peer_of
from aol_broker.verbs import DATA_SERVICE
from aol_wire.errors import Applied, DataError, Reason, Violation
from aol_wire.frames.channel import FramesChannel
from aol_wire.limits import REQUEST_ID_MAX_BYTES
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import from_status
from framed_peer import RawStream, frame_of_calls


class Refusing:
    """A line on which every call fails in the same way."""

    def __init__(self, error: DataError) -> None:
        self.error = error

    async def handle(self, method: str, payload: bytes, peer: Peer, timeout_s: float | None = None, **_: bool) -> Reply:
        return Reply(b"", self.error, "r" * REQUEST_ID_MAX_BYTES, 2**62)


async def told_to_a_caller(error: DataError) -> tuple[grpc.aio.AioRpcError, DataError | None]:
    """What a client with gRPC's own limits learns of an error."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(generic_handlers(cast(Pipeline, Refusing(error))))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(f"/{DATA_SERVICE}/CountData", bytes, bytes)(b"")
    finally:
        await server.stop(0)
    details = dict(caught.value.trailing_metadata() or ())
    encoded = details.get(STATUS_DETAILS_TRAILER)
    return caught.value, from_status(encoded) if isinstance(encoded, bytes) else None


@pytest.mark.parametrize("text", ["x", "é", "\u4e2d", "\U0001f600", "%", "\n", "\0", "\ud800"])
async def test_a_client_with_the_limits_of_grpc_gets_the_reason_of_the_longest_error(text: str) -> None:
    error = DataError(
        Reason.BAD_MANIFEST,
        text * 20_000,
        violations=(Violation(text * 100, text * 100),) * 500,
        metadata={f"key{number}": text * 300 for number in range(50)},
        retry_after_s=1.0,
        applied=Applied.NO,
    )
    raised, told = await told_to_a_caller(error)
    assert raised.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (raised.details() or "").endswith(" …")
    assert told is not None
    assert (told.reason, told.applied, told.retry_after_s) == (Reason.BAD_MANIFEST, Applied.NO, 1.0)


async def test_a_short_error_arrives_whole() -> None:
    error = DataError.invalid(Reason.BAD_FILTER, "filter.a", "100 % «wrong»")
    raised, told = await told_to_a_caller(error)
    assert raised.details() == error.message
    assert told is not None
    assert (told.message, told.violations) == (error.message, error.violations)


def test_a_peer_is_what_its_headers_say() -> None:
    headers = (("aol-service", "shop"), ("authorization", "Bearer x"), ("aol-revision", "12"), ("user-agent", "u"))
    assert peer_of("ipv4:1", headers) == Peer("ipv4:1", "shop", "Bearer x", 12)
    assert peer_of("ipv4:1", ()) == Peer("ipv4:1")


def test_a_header_that_is_repeated_is_none_that_names_anybody() -> None:
    twice = (("aol-service", "a"), ("aol-service", "b"), ("authorization", "Bearer x"), ("authorization", "Bearer x"))
    assert peer_of("", twice) == Peer("", "a, b", "Bearer x, Bearer x")


def test_a_binary_header_of_a_known_name_is_no_header() -> None:
    assert peer_of("", (("aol-service", b"shop"), ("authorization", b"Bearer x"), ("aol-revision", b"1"))) == Peer("")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", " 1", "0x10", "²", "nan", "9" * 19, "9" * 5000])
def test_a_revision_that_is_no_number_is_none(text: str) -> None:
    assert peer_of("", (("aol-revision", text),)).revision == 0


class Noting:
    """A line that takes down who called."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    async def handle(self, method: str, payload: bytes, peer: Peer, timeout_s: float | None = None, **_: bool) -> Reply:
        self.peers.append(peer)
        return Reply(payload, None, "the-request", 3)

    def max_calls_of(self, peer: Peer, most: int) -> int:
        del peer
        return most


async def peers_of(*metadata: tuple[tuple[str, str], ...]) -> tuple[list[Peer], list[Peer]]:
    """Whom the line sees in calls with these headers, one by one and in frames."""
    line = Noting()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(generic_handlers(cast(Pipeline, line)))
    frames_server(cast(Pipeline, line), 10).register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            framed = FramesChannel(channel, max_frame_bytes=1 << 20)
            for made in (channel, framed):
                count: Any = made.unary_unary(f"/{DATA_SERVICE}/CountData")
                for headers in metadata:
                    assert await count(b"x", metadata=headers) == b"x"
            await framed.close()
    finally:
        await server.stop(0)
    return line.peers[: len(metadata)], line.peers[len(metadata) :]


async def test_the_line_sees_the_same_peer_in_frames_as_one_by_one() -> None:
    shop = ("aol-service", "shop")
    unary, framed = await peers_of(
        (shop,),
        (shop, ("aol-revision", "4"), ("traceparent", "00-a")),
        (shop, ("aol-revision", "7"), ("authorization", "Bearer x")),
        (),
    )
    assert [replace(peer, address="") for peer in framed] == [replace(peer, address="") for peer in unary]
    assert framed[1] == replace(framed[0], revision=4, traceparent="00-a")
    assert framed[2].authorization == "Bearer x"


async def test_within_a_stream_the_highest_revision_counts() -> None:
    shop = ("aol-service", "shop")
    _, framed = await peers_of((shop, ("aol-revision", "4")), (shop, ("aol-revision", "2")), (shop,))
    assert [peer.revision for peer in framed] == [4, 4, 4]


@pytest.mark.parametrize("revision", ["-1", "1" * 30, "x"])
async def test_a_revision_that_is_none_does_not_count_in_frames_either(revision: str) -> None:
    unary, framed = await peers_of((("aol-service", "shop"), ("aol-revision", revision)))
    assert [peer.revision for peer in (*unary, *framed)] == [0, 0]


async def test_a_revision_beyond_all_registries_is_left_aside() -> None:
    line = Noting()
    server = grpc.aio.server()
    frames_server(cast(Pipeline, line), 10).register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stream = RawStream(channel, ("aol-service", "shop"))
        await stream.greet()
        frame = frame_of_calls(f"/{DATA_SERVICE}/CountData", b"x")
        frame.calls.revision = 2**64 - 1
        await stream.send(frame)
        assert list((await stream.receive()).replies.ids) == [1]
    await server.stop(0)
    assert [peer.revision for peer in line.peers] == [0]
