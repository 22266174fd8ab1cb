"""Which keys does an issuer have now? Read from time to time, and when a token names one that is not known."""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from aol_broker.identities.key_sets import VerifyingKey, read_key_set
from aol_broker.identities.key_sources import KeySourceError, ReadKeys
from aol_wire.errors import DataError, Reason

# Whoever sends tokens with made-up key ids does not have the issuer asked more often.
ASK_AGAIN_AFTER_S = 10.0
# Calls beyond so many do not wait for keys that are being read.
MAX_WAITING = 64

_log = structlog.get_logger("aol.identity")


class IssuerKeys:
    """The keys of one issuer. Those that are known stay while newer ones cannot be read.

    `generation` counts how often they changed: what was verified by keys of another generation is verified anew.
    """

    def __init__(
        self, issuer: str, read: ReadKeys, *, refresh_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is in seconds."""
        self.generation = 0
        self.failure = "they were not read yet"
        self._issuer = issuer
        self._read = read
        self._refresh_s = refresh_s
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._source = b""
        self._asked_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._waiting = 0

    async def find(self, key_id: str | None) -> VerifyingKey | None:
        """Return the key of an id, read anew if it is not known; None when the issuer has no such key.

        Without an id it is the issuer's only key, if there is one.

        :raises DataError: IDENTITY_UNAVAILABLE, the keys cannot be read, so that nobody knows.
        """
        key = self._known(key_id)
        asked = True
        if key is None:
            asked = await self._ask_again()
            key = self._known(key_id)
        if key is None and (self.failure or not asked):
            raise DataError(
                Reason.IDENTITY_UNAVAILABLE,
                "The broker cannot verify the token now: it names a key that is not known, and its issuer's keys "
                "cannot be read, or are being read for many others. The broker's log says why.",
                retry_after_s=1.0,
            )
        return key

    async def read(self) -> None:
        """Read the keys; callers at the same time share one reading. `failure` tells what became of it."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_now())
        await asyncio.shield(self._reading)

    async def follow(self) -> None:
        """Read them from time to time, for as long as this runs."""
        try:
            while True:
                await asyncio.sleep(min(self._refresh_s, ASK_AGAIN_AFTER_S) if self.failure else self._refresh_s)
                await self.read()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    def _known(self, key_id: str | None) -> VerifyingKey | None:
        if key_id is not None:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    async def _ask_again(self) -> bool:
        """Read the keys, unless that was just done; return false when that is going on and too many wait for it."""
        if self._reading is None:
            if self._clock() < self._asked_at + ASK_AGAIN_AFTER_S:
                return True
            self._asked_at = self._clock()
        elif self._waiting >= MAX_WAITING:
            return False
        self._waiting += 1
        try:
            await self.read()
        finally:
            self._waiting -= 1
        return True

    async def _read_now(self) -> None:
        try:
            source = await asyncio.to_thread(self._read)
            if source != self._source:
                self._keys = read_key_set(source)
                self._source = source
                self.generation += 1
        except (KeySourceError, ValueError) as error:
            if str(error) != self.failure:
                _log.warning("issuer's keys cannot be read", issuer=self._issuer, reason=str(error))
            self.failure = str(error)
        else:
            if self.failure:
                _log.info("issuer's keys are read", issuer=self._issuer, keys=len(self._keys))
            self.failure = ""
        finally:
            self._reading = None
