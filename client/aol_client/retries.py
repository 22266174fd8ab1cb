"""When is a failed call made again? When that is safe, and its time allows."""

import random
import time
from collections.abc import Mapping
from enum import Enum, auto

from aol_client.exceptions import DataClientError, OverloadedError, UnavailableError
from aol_wire.errors import Applied

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
# A repetition that has less time than this would only turn a clear error into a deadline.
_LEAST_TIME_S = 0.02


class Effect(Enum):
    """What making a call twice does."""

    NONE = auto()
    """It reads."""
    REPEATABLE = auto()
    """It writes, and a second time changes nothing more: an insert with its id, a grant."""
    EVERY_TIME = auto()
    """It may change something each time: an update, a delete."""


EFFECT_OF_RPC: Mapping[str, Effect] = {
    "RequestCollection": Effect.REPEATABLE,
    "StoreData": Effect.REPEATABLE,
    "StoreBatch": Effect.REPEATABLE,
    "QueryData": Effect.NONE,
    "CountData": Effect.NONE,
    "UpdateData": Effect.EVERY_TIME,
    "DeleteData": Effect.EVERY_TIME,
    "RestoreData": Effect.EVERY_TIME,
    "PurgeData": Effect.EVERY_TIME,
    "ExplainQuery": Effect.NONE,
    "GrantAccess": Effect.REPEATABLE,
    "RevokeAccess": Effect.REPEATABLE,
    "ListAccessRequests": Effect.NONE,
    "ApproveAccess": Effect.REPEATABLE,
    "RefuseAccess": Effect.REPEATABLE,
    "ListCollections": Effect.NONE,
    "DescribeCollection": Effect.NONE,
}


def passes(error: DataClientError) -> bool:
    """Whether what a call failed of passes by itself.

    An overload does when the broker says after how long: too many calls at once or a second, a collection that is being
    copied. A quota that is used up for good is for the caller to know.
    """
    if isinstance(error, OverloadedError):
        return error.retry_after_s is not None
    return isinstance(error, UnavailableError)


class Backoff:
    """The hook that stamina asks after each failure: whether to go on, and after how many seconds."""

    def __init__(self, effect: Effect, deadline: float) -> None:
        self._effect = effect
        self._deadline = deadline
        self._failures = 0

    def __call__(self, error: Exception) -> float | bool:
        if not isinstance(error, DataClientError) or not passes(error):
            return False
        if self._effect is Effect.EVERY_TIME and error.applied is not Applied.NO:
            return False
        longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        # Jitter keeps the callers of a broker that comes back from arriving all at once: it has told them all the same.
        wait = (error.retry_after_s or 0.0) + random.uniform(longest / 2, longest)  # noqa: S311
        return wait if time.monotonic() + wait + _LEAST_TIME_S < self._deadline else False
