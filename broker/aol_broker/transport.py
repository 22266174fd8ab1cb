"""How do bytes of gRPC become calls of the line, and its replies bytes again?

Methods are registered without deserializers: gRPC would decode before our code runs, and answer undecodable bytes with
the text of an exception.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from aol_broker.pipeline import Pipeline
from aol_broker.request import Peer
from aol_broker.verbs import VERBS
from aol_wire.frames.calls import Failure, FrameLimits, Outcome, Success
from aol_wire.frames.server import FramesServer, Serve
from aol_wire.frames.server_side import IncomingCall
from aol_wire.limits import REQUEST_MAX_BYTES
from aol_wire.metadata import (
    AUTHORIZATION_HEADER,
    REQUEST_ID_HEADER,
    REVISION_HEADER,
    REVISION_MAX,
    SERVICE_HEADER,
    STATUS_DETAILS_TRAILER,
    TRACEPARENT_HEADER,
    parse_revision,
)
from aol_wire.status import to_trailers
from aol_wire.tls_credentials import certificate_names

# Requests up to here reach the line, which refuses those over REQUEST_MAX_BYTES by name and records it.
MESSAGE_MAX_BYTES = 2 * REQUEST_MAX_BYTES
# What waits beyond it, waits at the client.
_STREAM_MAX_CALLS = 4096
_ADDRESS_MAX_CHARACTERS = 128

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_Unary = Callable[[bytes, "grpc.aio.ServicerContext[bytes, bytes]"], Coroutine[Any, Any, bytes]]


def generic_handlers(pipeline: Pipeline) -> list[grpc.GenericRpcHandler]:
    """Return a handler for each gRPC service, whose methods all enter the line."""
    methods: dict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {}
    for name in VERBS:
        service, method = name[1:].split("/")
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_unary(pipeline, name))
        methods.setdefault(service, {})[method] = handler
    return [grpc.method_handlers_generic_handler(service, handlers) for service, handlers in methods.items()]


def _unary(pipeline: Pipeline, method: str) -> _Unary:
    async def serve(payload: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        peer = peer_of(context.peer(), context.invocation_metadata() or (), context.auth_context())
        reply = await pipeline.handle(method, payload, peer, context.time_remaining())
        trailers = ((REQUEST_ID_HEADER, reply.request_id), (REVISION_HEADER, str(reply.revision)))
        if reply.error is None:
            context.set_trailing_metadata(trailers)
            return reply.payload
        message, details = to_trailers(reply.error, reply.request_id)
        await context.abort(_CODES[reply.error.code], message, (*trailers, (STATUS_DETAILS_TRAILER, details)))
        return b""

    return serve


def frames_server(pipeline: Pipeline, max_calls: int) -> FramesServer:
    """Return the service for calls in frames, which enter the line as others do.

    `max_calls` is how many calls of one stream may be under way; its client holds back the others.
    """

    def open_stream(context: "grpc.aio.ServicerContext[bytes, bytes]") -> Serve:
        peer = peer_of(context.peer(), context.invocation_metadata() or (), context.auth_context())
        return _framed(pipeline, peer)

    limits = FrameLimits(min(max_calls, _STREAM_MAX_CALLS), MESSAGE_MAX_BYTES)
    lasting = [name for name, verb in VERBS.items() if verb.writes]

    def max_calls_of(context: "grpc.aio.ServicerContext[bytes, bytes]") -> int:
        """What a service may not have under way waits at its client, which costs nobody anything."""
        peer = peer_of(context.peer(), context.invocation_metadata() or ())
        return pipeline.max_calls_of(peer, max_calls)

    return FramesServer(VERBS, open_stream, limits, keeps_deadlines=True, lasting=lasting, max_calls_of=max_calls_of)


def _framed(pipeline: Pipeline, peer: Peer) -> Serve:
    async def serve(call: IncomingCall) -> Outcome:
        nonlocal peer
        if peer.revision < call.revision <= REVISION_MAX or call.traceparent != peer.traceparent:
            revision = max(peer.revision, call.revision) if call.revision <= REVISION_MAX else peer.revision
            peer = replace(peer, revision=revision, traceparent=call.traceparent)
        reply = await pipeline.handle(call.method, call.request, peer, call.timeout_s, goes_on=True)
        if reply.error is None:
            return Success(reply.payload, reply.request_id, reply.revision)
        message, details = to_trailers(reply.error, reply.request_id)
        return Failure(reply.error.code, message, details, reply.request_id, reply.revision)

    return serve


def peer_of(
    address: str,
    metadata: Iterable[tuple[str, str | bytes]],
    authenticated: Mapping[str, Iterable[bytes]] | None = None,
) -> Peer:
    """Return what a transport knows of its peer.

    A header that is repeated has all its values, as HTTP joins them: what says who calls twice is no good either way.
    """
    headers: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str):
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Peer(
        _shown(address),
        service=headers.get(SERVICE_HEADER, ""),
        authorization=headers.get(AUTHORIZATION_HEADER, ""),
        revision=parse_revision(headers.get(REVISION_HEADER, "")),
        traceparent=headers.get(TRACEPARENT_HEADER, ""),
        certificate_names=certificate_names(authenticated) if authenticated else (),
    )


def _shown(address: str) -> str:
    """Return an address as records can show it: whatever it is made of, it is bounded and on one line."""
    if address.isascii() and address.isprintable() and len(address) <= _ADDRESS_MAX_CHARACTERS:
        return address
    return ascii(address[:_ADDRESS_MAX_CHARACTERS])[1:-1][:_ADDRESS_MAX_CHARACTERS]
