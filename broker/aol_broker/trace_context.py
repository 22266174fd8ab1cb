"""Which trace does a call belong to? The W3C trace context, as a peer wrote it."""

import re

# https://www.w3.org/TR/trace-context/#traceparent-header: later versions may add to what version 00 has.
_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?",
    re.DOTALL,
)
_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16


def trace_id(traceparent: str) -> str:
    """Return the id of the trace, 32 hexadecimal digits; "" for a header that is none, as the standard demands."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or found["trace"] == _NO_TRACE or found["parent"] == _NO_PARENT:
        return ""
    return "" if found["more"] and found["version"] == "00" else found["trace"]
