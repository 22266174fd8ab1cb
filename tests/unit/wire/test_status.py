"""Does an error reach its caller whole, and if it is too long, with what matters of it?"""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aol_wire.errors import Applied, DataError, Reason, Violation
from aol_wire.limits import REQUEST_ID_MAX_BYTES
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import CLIENT_TRAILER_MAX_BYTES, from_status, to_status, to_trailers

# gRPC counts 32 bytes for each trailer beside its name and value. The other trailers are the status, the content type,
# the registry revision and the request id.
_TRAILER_OVERHEAD_BYTES = 32
_OTHER_TRAILERS_BYTES = 300 + REQUEST_ID_MAX_BYTES

# Pieces of text that are short to write and long to send.
TEXT = st.builds(
    lambda piece, times: piece * times,
    st.text(st.characters(), max_size=8),
    st.sampled_from([0, 1, 3, 100, 1000]),
)
ERRORS = st.builds(
    DataError,
    st.sampled_from(Reason),
    TEXT,
    violations=st.lists(st.builds(Violation, TEXT, TEXT), max_size=5).map(tuple)
    | st.builds(lambda item, times: (item,) * times, st.builds(Violation, TEXT, TEXT), st.sampled_from([50, 500])),
    metadata=st.dictionaries(st.text(st.characters(), max_size=5).map(lambda key: f"k{key}"), TEXT, max_size=5),
    retry_after_s=st.none() | st.floats(0, 1e6),
    applied=st.none() | st.sampled_from(Applied),
)


def sent_bytes(message: str, encoded: bytes) -> int:
    names = len("grpc-message") + len(STATUS_DETAILS_TRAILER) + 2 * _TRAILER_OVERHEAD_BYTES
    plain = "".join(chr(byte) for byte in range(0x20, 0x7F) if chr(byte) != "%")
    return names + len(quote(message, safe=plain)) + len(base64.b64encode(encoded)) + _OTHER_TRAILERS_BYTES


@settings(deadline=None)
@given(ERRORS, st.sampled_from([CLIENT_TRAILER_MAX_BYTES, 64 << 10]))
def test_whatever_an_error_says_its_trailers_are_accepted_and_tell_the_reason(error: DataError, max_bytes: int) -> None:
    request_id = "r" * REQUEST_ID_MAX_BYTES
    message, encoded = to_trailers(error, request_id, max_bytes)
    assert sent_bytes(message, encoded) <= max_bytes
    told = from_status(encoded)
    assert told is not None
    assert (told.reason, told.applied) == (error.reason, error.applied)
    assert told.metadata["request_id"] == request_id
    assert (told.retry_after_s is None) == (error.retry_after_s is None)


def test_an_error_that_fits_is_told_whole() -> None:
    error = DataError(
        Reason.BAD_DOCUMENT,
        "füür: « 100 % »",
        violations=(Violation("a.b", "not a number"), Violation("c", "too long")),
        metadata={"index": "by_name"},
        retry_after_s=1.5,
        applied=Applied.NO,
    )
    message, encoded = to_trailers(error, "r1")
    told = from_status(encoded)
    assert message == error.message
    assert encoded == to_status(error, "r1").SerializeToString()
    assert told is not None
    assert (told.message, told.violations, told.retry_after_s) == (error.message, error.violations, 1.5)
    assert told.metadata == {"index": "by_name", "request_id": "r1"}


def test_what_is_left_out_is_said() -> None:
    violations = tuple(Violation(f"documents[{number}].name", "it is missing") for number in range(1000))
    _, encoded = to_trailers(DataError(Reason.BAD_DOCUMENT, "é" * 5000, violations=violations))
    told = from_status(encoded)
    assert told is not None
    assert told.message.endswith("é …")
    assert told.violations == violations[: len(told.violations)]
    assert len(told.violations) > 3
    assert int(told.metadata["violations_left_out"]) + len(told.violations) == 1000


@pytest.mark.parametrize("text", ["\ud800", "a\udfff" * 10_000])
def test_text_that_utf_8_cannot_hold_does_not_hide_the_error(text: str) -> None:
    error = DataError(Reason.BAD_PATH, text, violations=(Violation(text, text),), metadata={text: text})
    message, encoded = to_trailers(error)
    told = from_status(encoded)
    assert told is not None
    assert told.reason is Reason.BAD_PATH
    assert message[:2] in ("?", "a?")


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x08\x03\x12\x01x"])
def test_what_is_no_error_of_the_contract_is_none(data: bytes) -> None:
    assert from_status(data) is None
