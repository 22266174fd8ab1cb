"""Is it what the rule says? Plain checks whose failure tells what was expected and what came."""

from collections.abc import Awaitable

from aol_wire.errors import DataError, Reason

_SHOWN_CHARACTERS = 400


class RuleBrokenError(Exception):
    """The adapter does not do what a rule says; the text says what was expected and what came."""


def expect_equal(what: str, got: object, expected: object) -> None:
    """Return if two values are equal.

    :raises RuleBrokenError: they are not.
    """
    if got != expected:
        raise RuleBrokenError(f"{what}: expected {shown(expected)}, got {shown(got)}")


def expect(what: str, holds: bool) -> None:
    """Return if something holds; `what` says what should.

    :raises RuleBrokenError: it does not.
    """
    if not holds:
        raise RuleBrokenError(f"expected: {what}")


async def expect_refusal(what: str, call: Awaitable[object], *reasons: Reason) -> DataError:
    """Return the error of a call that is refused for one of these reasons.

    :raises RuleBrokenError: it is not refused, or for another reason.
    """
    wanted = " or ".join(reasons)
    try:
        got = await call
    except DataError as error:
        if error.reason not in reasons:
            raise RuleBrokenError(f"{what}: expected {wanted}, got {error}") from None
        return error
    raise RuleBrokenError(f"{what}: expected {wanted}, got {shown(got)}")


def shown(value: object) -> str:
    """Return a value as a failure names it: cut to a bearable length."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"
