"""What can go wrong with a call, as exceptions that a service can catch?"""

from collections.abc import Mapping
from dataclasses import dataclass

from aol_wire.errors import Applied, Reason, Violation


class DataClientError(Exception):
    """Anything that the data client raises about a call.

    The message says what was wrong and what to do; it never holds a stored value. For programs:

    - `reason`: a value of `aol.data.v1.ErrorReason`, for example `GRANT_MISSING`; or, when the answer carries none
      (nothing listens at the endpoint), the name of the gRPC status code.
    - `request_id`: the id under which the broker's audit log and traces know the call; empty when nothing was sent.
    - `applied`: did the failed write change anything? `no`, `yes` or `unknown`; None for reads.
    - `violations`: what is wrong with the request, each with its path.
    - `retry_after_s`: seconds after which the broker asks to try again.
    - `details`: further facts of the reason, for example the permission that is missing.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        request_id: str = "",
        applied: Applied | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after_s: float | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = str(reason)
        self.request_id = request_id
        self.applied = applied
        self.violations = violations
        self.retry_after_s = retry_after_s
        self.details: dict[str, str] = dict(details or {})

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        tags = ", ".join(filter(None, (self.reason, self.request_id and f"request {self.request_id}")))
        if not tags:
            return message
        # A message of several lines ends with lines to copy: the tags must not run into them.
        return f"{message}{chr(10) if chr(10) in message else ' '}[{tags}]"


class InvalidRequestError(DataClientError):
    """The document, filter, name or another argument is not acceptable; `violations` names the paths."""


class UnauthenticatedError(DataClientError):
    """The broker wants to know who calls, or does not accept the credentials."""


class PermissionDeniedError(DataClientError):
    """The service may not do this with the collection, or has to say on whose behalf it does; the message tells how to
    come by that."""


class CollectionNotFoundError(DataClientError):
    """The service has no collection of this name."""


class ConflictError(DataClientError):
    """Another document has this id or these unique values, or the document is not at the version named."""


class PreconditionFailedError(DataClientError):
    """More documents match than `max_affected`, or the document does not fit the collection's schema hint."""


class UnsupportedError(DataClientError):
    """The collection's database cannot do this, or the server does not know the call."""


class OverloadedError(DataClientError):
    """The broker has too much to do, or the quota is used up; `retry_after_s` says when to try again."""


class UnavailableError(DataClientError):
    """The broker, or a part it depends on, does not answer."""


class DeadlineExceededError(DataClientError):
    """The call's time was over before its answer came."""


class ConfigurationError(DataClientError):
    """The configuration file does not say what the client needs."""


@dataclass(frozen=True, slots=True)
class BulkFailure:
    """A document of `insert_many` that was not stored: its place in the documents given, from 0, and why."""

    index: int
    error: DataClientError


class BulkWriteError(DataClientError):
    """Some documents of `insert_many` were not stored.

    `failures` are in the order of the documents, `inserted_ids` too. When a whole call failed (`__cause__` is its
    error), the documents after it were not sent and are in neither.
    """

    def __init__(
        self,
        message: str,
        *,
        failures: tuple[BulkFailure, ...] = (),
        inserted_ids: tuple[str, ...] = (),
        request_id: str = "",
    ) -> None:
        first = failures[0].error if failures else None
        super().__init__(
            message,
            reason=first.reason if first else "",
            request_id=request_id,
            applied=Applied.YES if inserted_ids or first is None else first.applied,
            retry_after_s=first.retry_after_s if first else None,
        )
        self.failures = failures
        self.inserted_ids = inserted_ids


def invalid_request(reason: Reason, path: str, description: str) -> InvalidRequestError:
    """Return the error about one place of a request that is not sent."""
    return InvalidRequestError(
        f"{path}: {description}",
        reason=reason,
        applied=Applied.NO,
        violations=(Violation(path, description),),
    )
