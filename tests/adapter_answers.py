"""What did an adapter answer? In a form in which equal answers are equal, and others tell where they differ."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_wire.adapter import Ensured, Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.indexes import IndexStatus

Answer = tuple[Any, ...]

# Integral doubles from here on may read back as integers.
_WHOLE = 1e16
# Why an update fails for one of its documents.
_REASONS_OF_ONE = {Reason.BAD_DOCUMENT, Reason.TOO_LARGE, Reason.UNIQUE_VIOLATION}


def alike(left: Any, right: Any) -> bool:
    """Return whether two answers are the same, down to the types of numbers (but see `_WHOLE`)."""
    if isinstance(left, list | tuple):
        return (
            isinstance(right, list | tuple)
            and len(left) == len(right)
            and all(alike(one, other) for one, other in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(alike(value, right[key]) for key, value in left.items())
        )
    if type(left) is not type(right):
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        return numbers and not isinstance(left, bool) and left == right and abs(left) >= _WHOLE
    return bool(left == right)


async def answer_of(asked: Awaitable[Answer]) -> Answer:
    """Return an answer, or how the call failed."""
    try:
        return await asked
    except DataError as error:
        return refusal(error)
    except Exception as error:  # whatever else an adapter raises is what is looked for
        return "raised", type(error)


def refusal(error: DataError, broad: bool = False) -> Answer:
    """Return how a call failed.

    :param broad: several documents were updated, and their order, which is free, decides which one's error it is.
    """
    reason = "of a document" if broad and error.reason in _REASONS_OF_ONE else error.reason
    # An error that does not say whether it changed anything changed nothing.
    return "refused", reason, error.applied or Applied.NO


def outcomes_shown(outcomes: Iterable[Outcome], broad: Sequence[bool]) -> Answer:
    """Return what became of mutations. Ids are in no order."""
    return tuple(
        refusal(outcome.error, broad[number])
        if outcome.error is not None
        else (outcome.affected, outcome.was_duplicate, sorted(outcome.ids))
        for number, outcome in enumerate(outcomes)
    )


def ensured_shown(ensured: Ensured) -> Answer:
    """Return what was ensured."""
    return ensured.created, [_status_shown(status) for status in ensured.indexes]


def statuses_shown(statuses: Iterable[IndexStatus]) -> Answer:
    """Return how indexes stand; they are in no order."""
    return tuple(sorted(map(_status_shown, statuses)))


def _status_shown(status: IndexStatus) -> Answer:
    return status.spec.name, status.spec.expire_after_s or 0, status.state, status.offenders


def page_shown(page: Page) -> Answer:
    """Return a page: optional metadata that no document has is as good as a column of nothing."""
    size = len(page.id)
    return (
        list(page.id),
        [orjson.loads(text) for text in page.json],
        list(page.created_us),
        list(page.updated_us),
        list(page.version),
        list(page.owner) or [""] * size,
        list(page.tenant) or [""] * size,
        [orjson.loads(acl) if acl else "" for acl in page.acl] or [""] * size,
        list(page.deleted_us) or [0] * size,
    )
