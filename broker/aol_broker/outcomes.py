"""What became of a call that failed? How its record names it, and whether it changed anything."""

from aol_broker.audit.record import Outcome
from aol_wire.errors import Applied, DataError, Reason

_DENIALS = frozenset(
    {
        Reason.NO_CREDENTIALS,
        Reason.BAD_CREDENTIALS,
        Reason.GRANT_MISSING,
        Reason.GRANT_PENDING,
        Reason.FIELD_DENIED,
        Reason.CONTEXT_REQUIRED,
    }
)

# After these, a write that had been handed to its adapter may or may not have happened.
_UNSURE = frozenset({Reason.ADAPTER_DOWN, Reason.DEADLINE, Reason.INTERNAL_BUG})


def outcome_of(error: DataError) -> Outcome:
    """Return what an audit record says of a call that failed."""
    if error.reason in _DENIALS:
        return Outcome.DENIED
    return Outcome.UNKNOWN if error.applied is Applied.UNKNOWN else Outcome.FAILED


def applied(error: DataError | None, *, writes: bool, dispatched: bool, answered: bool) -> Applied | None:
    """Say whether a write that fails changed anything; reads say nothing.

    :param dispatched: it was handed to its adapter.
    :param answered: the adapter did it, and something after that failed.
    """
    if not writes:
        return None
    if answered:
        return Applied.YES
    if error is not None and error.applied is not None:
        return error.applied
    unsure = dispatched and (error is None or error.reason in _UNSURE)
    return Applied.UNKNOWN if unsure else Applied.NO
