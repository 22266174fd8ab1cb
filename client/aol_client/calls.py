"""How does one call reach the broker and come back? Headers, deadline, repetition, errors."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio

from aol_client.credentials import Credentials
from aol_client.exceptions import DataClientError, OverloadedError, UnauthenticatedError, UnavailableError
from aol_client.failures import CallFacts, from_rpc_error, malformed_answer
from aol_client.retries import Backoff, Effect
from aol_wire.errors import Reason
from aol_wire.frames.channel import FramedCall
from aol_wire.limits import INT64_MAX
from aol_wire.metadata import AUTHORIZATION_HEADER, REVISION_HEADER, SERVICE_HEADER

Rpc = Callable[..., Awaitable[Any]]
"""A method of the stub: `rpc(request, timeout=..., metadata=...)`."""


class Headers:
    """What goes beside every call: who calls, and the highest registry revision that any answer has shown."""

    def __init__(self, service_name: str, credentials: Credentials) -> None:
        self._service = (SERVICE_HEADER, service_name)
        self._credentials = credentials
        self._token: str | None = None
        self._revision = 0
        self._noted = ""
        self._identity: tuple[tuple[str, str], ...] = (self._service,)
        self._current: tuple[tuple[str, str], ...] = self._identity
        if credentials.fixed:
            self._show(credentials.current())

    def current(self) -> tuple[tuple[str, str], ...]:
        """Return what goes beside a call that is made now.

        :raises DataClientError: there should be a token, and is none.
        """
        if not self._credentials.fixed:
            self._show(self._credentials.current())
        return self._current

    def renewed(self, shown: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...] | None:
        """Return what goes beside a call that was refused with the headers `shown`; None if that is the same token."""
        if not self._credentials.fixed:
            self._show(self._credentials.current(anew=True))
        return None if self._identity == shown[: len(self._identity)] else self._current

    def _show(self, token: str | None) -> None:
        if token is None or token == self._token:
            return
        self._token = token
        self._identity = (self._service, (AUTHORIZATION_HEADER, f"Bearer {token}"))
        noted = ((REVISION_HEADER, str(self._revision)),) if self._revision else ()
        self._current = (*self._identity, *noted)

    def note(self, trailers: Any) -> None:
        """Remember the revision in the trailers of an answer; anything that is not one is left aside."""
        for key, value in trailers or ():
            if key != REVISION_HEADER or value == self._noted:
                continue
            if isinstance(value, str) and value.isascii() and value.isdigit():
                self._noted = value
                self.note_revision(int(value) if len(value) <= len(str(INT64_MAX)) else 0)

    def note_revision(self, revision: int) -> None:
        """Remember a revision that came with an answer, if it is one and the highest yet."""
        if self._revision < revision <= INT64_MAX:
            self._revision = revision
            self._current = (*self._identity, (REVISION_HEADER, str(revision)))


class Caller:
    """Makes calls for one client."""

    def __init__(self, endpoint: str, headers: Headers) -> None:
        self._endpoint = endpoint
        self._headers = headers

    async def call(self, rpc: Rpc, request: Any, effect: Effect, timeout_s: float) -> Any:
        """Return the answer; a call that may be repeated is, until `timeout_s` is over.

        :raises DataClientError: the last attempt's error.
        """
        deadline = time.monotonic() + timeout_s
        shown = self._headers.current()
        # Not made by `_attempt`: as a rule it is the only one, and another coroutine around it would be felt.
        call = rpc(request, timeout=timeout_s, metadata=shown)
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            facts = CallFacts(self._endpoint, request.request_id, timeout_s, effect is not Effect.NONE)
            failure = self._failure(error, facts)
        else:
            if response is None:  # what grpc makes of bytes that it cannot decode
                raise malformed_answer(request.request_id, writes=effect is not Effect.NONE)
            if isinstance(call, FramedCall) and call.revision is not None:
                self._headers.note_revision(call.revision)
            else:
                await self._note_trailers(call)
            return response
        if isinstance(failure, UnauthenticatedError) and failure.reason == Reason.BAD_CREDENTIALS:
            # Nothing was done, and tokens expire: the one that replaces this one may be there already.
            renewed = self._headers.renewed(shown)
            if renewed is not None:
                return await self._attempt(rpc, request, facts, deadline - time.monotonic(), renewed)
        if not isinstance(failure, UnavailableError | OverloadedError):
            raise failure from failure.__cause__
        import stamina  # here, as most processes never need it and it is slow to import

        # stamina logs each repetition; a context, unlike its decorator, has no arguments that would be logged.
        async for attempt in stamina.retry_context(on=Backoff(effect, deadline), attempts=None, timeout=None):
            with attempt:
                if attempt.num == 1:
                    raise failure from failure.__cause__
                return await self._attempt(rpc, request, facts, deadline - time.monotonic(), self._headers.current())
        raise failure from failure.__cause__

    async def _attempt(
        self, rpc: Rpc, request: Any, facts: CallFacts, timeout_s: float, headers: tuple[tuple[str, str], ...]
    ) -> Any:
        call = rpc(request, timeout=max(timeout_s, 0.0), metadata=headers)
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            failure = self._failure(error, facts)
            raise failure from failure.__cause__
        if response is None:
            raise malformed_answer(facts.request_id, writes=facts.writes)
        await self._note_trailers(call)
        return response

    async def _note_trailers(self, call: Any) -> None:
        # Only a real call has trailers; a stub that was replaced in a test need not.
        trailing_metadata = getattr(call, "trailing_metadata", None)
        if trailing_metadata is not None:
            self._headers.note(await trailing_metadata())

    def _failure(self, error: grpc.aio.AioRpcError, facts: CallFacts) -> DataClientError:
        self._headers.note(error.trailing_metadata())
        return from_rpc_error(error, facts)
