"""Whose is an opaque token? Whoever it was minted for, until it expires or is revoked."""

from collections.abc import Callable

from aol_broker.identities.token_text import PREFIX, digest, is_whole
from aol_broker.registry.store import Registry
from aol_broker.request import Principal, Verified
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us


def is_opaque(token: str) -> bool:
    """Whether a bearer token is one that brokers mint, or meant to be one."""
    return token.startswith(PREFIX)


class OpaqueTokens:
    """Tells callers by the tokens that the registry knows."""

    def __init__(self, registry: Registry, clock_us: Callable[[], int] = now_us) -> None:
        """`clock_us` gives microseconds since 1970."""
        self._registry = registry
        self._clock_us = clock_us

    async def principal(self, token: str, revision: int) -> Principal:
        """Return who shows a token. What the registry held at `revision` counts, if there is as much.

        :raises DataError: BAD_CREDENTIALS; REGISTRY_UNAVAILABLE when that revision cannot be read.
        """
        if not is_whole(token):
            raise _refused("is not whole: it was cut off or mistyped. Copy all of it, or have another one minted")
        snapshot = self._registry.snapshot
        if revision > snapshot.revision:
            snapshot = await self._registry.refresh(revision)
        minted = snapshot.tokens.get(digest(token))
        if minted is None:
            raise _refused("is not known here: it was revoked, or minted for another registry")
        if minted.expires_us and self._clock_us() >= minted.expires_us:
            raise _refused("has expired")
        return Principal(minted.service, bool(minted.operator), Verified.TOKEN, minted.operator)


def _refused(why: str) -> DataError:
    return DataError(
        Reason.BAD_CREDENTIALS,
        f"The token in the 'authorization' header {why} (`aol token create` mints one, `aol token list` lists them).",
    )
