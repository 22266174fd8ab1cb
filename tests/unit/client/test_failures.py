"""Is every reason of the contract an exception that a service can catch?"""

import pickle

import pytest

import aol_client
from aol_client import (
    BulkFailure,
    BulkWriteError,
    CollectionNotFoundError,
    ConflictError,
    DataClientError,
    DeadlineExceededError,
    InvalidRequestError,
    OverloadedError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedError,
)
from aol_client.failures import from_data_error
from aol_wire.errors import Applied, DataError, Reason, Violation

CLASSES = {
    Reason.BAD_DOCUMENT: InvalidRequestError,
    Reason.BAD_FILTER: InvalidRequestError,
    Reason.BAD_PATH: InvalidRequestError,
    Reason.BAD_PAGE_TOKEN: InvalidRequestError,
    Reason.FILTER_REQUIRED: InvalidRequestError,
    Reason.TOO_LARGE: InvalidRequestError,
    Reason.BAD_REQUEST: InvalidRequestError,
    Reason.BAD_MANIFEST: InvalidRequestError,
    Reason.NO_CREDENTIALS: UnauthenticatedError,
    Reason.BAD_CREDENTIALS: UnauthenticatedError,
    Reason.GRANT_MISSING: PermissionDeniedError,
    Reason.GRANT_PENDING: PermissionDeniedError,
    Reason.FIELD_DENIED: PermissionDeniedError,
    Reason.CONTEXT_REQUIRED: PermissionDeniedError,
    Reason.COLLECTION_NOT_FOUND: CollectionNotFoundError,
    Reason.DUPLICATE_ID: ConflictError,
    Reason.UNIQUE_VIOLATION: ConflictError,
    Reason.VERSION_MISMATCH: ConflictError,
    Reason.MAX_AFFECTED_EXCEEDED: PreconditionFailedError,
    Reason.VALIDATION_FAILED: PreconditionFailedError,
    Reason.CAPABILITY_UNSUPPORTED: UnsupportedError,
    Reason.OVERLOADED: OverloadedError,
    Reason.QUOTA: OverloadedError,
    Reason.ADAPTER_DOWN: UnavailableError,
    Reason.AUDIT_UNAVAILABLE: UnavailableError,
    Reason.REGISTRY_UNAVAILABLE: UnavailableError,
    Reason.IDENTITY_UNAVAILABLE: UnavailableError,
    Reason.DEADLINE: DeadlineExceededError,
    Reason.INTERNAL_BUG: DataClientError,
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_exception(reason: Reason) -> None:
    exception = from_data_error(DataError(reason, "what was wrong"), request_id="r1")
    assert type(exception) is CLASSES[reason]
    assert exception.reason == reason
    assert str(exception).startswith("what was wrong")
    assert str(exception).endswith(f"[{reason}, request r1]")


def test_everything_that_the_broker_says_is_there_for_programs() -> None:
    error = DataError(
        Reason.UNIQUE_VIOLATION,
        "taken",
        violations=(Violation("email", "is taken"),),
        metadata={"index": "unique(email)", "request_id": "r1"},
        retry_after_s=1.5,
        applied=Applied.NO,
    )
    exception = from_data_error(error, request_id="r1", writes=True)
    assert exception.violations == error.violations
    assert exception.details == {"index": "unique(email)"}
    assert exception.retry_after_s == 1.5
    assert exception.applied == "no"
    assert exception.request_id == "r1"


def test_a_write_of_which_nothing_is_said_may_have_been_applied_and_a_read_not() -> None:
    error = DataError(Reason.INTERNAL_BUG, "a bug")
    assert from_data_error(error, writes=True).applied == Applied.UNKNOWN
    assert from_data_error(error, writes=False).applied is None


def test_missing_credentials_come_with_the_argument_that_gives_them() -> None:
    assert "token=" in str(from_data_error(DataError(Reason.NO_CREDENTIALS, "the call carries no identity")))


def test_lines_to_copy_are_not_run_into() -> None:
    error = DataError(Reason.GRANT_MISSING, "Permission denied\naccessRequests:\n  - collection: a.b")
    assert str(from_data_error(error, request_id="r1")).endswith("a.b\n[GRANT_MISSING, request r1]")


def test_every_exception_is_a_data_client_error_that_can_be_raised_plainly_and_pickled() -> None:
    classes = [value for name, value in vars(aol_client).items() if name.endswith("Error")]
    assert len(classes) >= 12
    for kind in classes:
        assert issubclass(kind, DataClientError)
        assert str(kind("plain")) == "plain"
        original = from_data_error(DataError(Reason.QUOTA, "full", metadata={"a": "b"}), request_id="r")
        copy = pickle.loads(pickle.dumps(original))
        assert (str(copy), vars(copy)) == (str(original), vars(original))


def test_a_bulk_error_without_stored_documents_is_as_applied_as_its_first_failure() -> None:
    refused = BulkFailure(0, InvalidRequestError("no", applied=Applied.NO, reason=Reason.BAD_DOCUMENT))
    assert BulkWriteError("x", failures=(refused,)).applied == Applied.NO
    assert BulkWriteError("x", failures=(refused,), inserted_ids=("a",)).applied == Applied.YES
