"""Which keys travel beside a call, and which beside a document?"""

# Request headers (gRPC metadata).
SERVICE_HEADER = "aol-service"
AUTHORIZATION_HEADER = "authorization"

# Request header and trailer: the registry revision, a decimal number.
REVISION_HEADER = "aol-revision"
# Request header: the W3C trace context of the call.
TRACEPARENT_HEADER = "traceparent"
# Trailer: the call's request id.
REQUEST_ID_HEADER = "aol-request-id"
# Trailer defined by gRPC: the encoded google.rpc.Status of a failure.
STATUS_DETAILS_TRAILER = "grpc-status-details-bin"

# Key of an error's metadata: how many documents a batch of the caller may hold.
BATCH_LIMIT = "max_batch_documents"

# Reserved document keys.
ID = "_id"
CREATED_AT = "_created_at"
UPDATED_AT = "_updated_at"
VERSION = "_version"
OWNER = "_owner"
TENANT = "_tenant"
ACL = "_acl"
DELETED_AT = "_deleted_at"

RESERVED = frozenset({ID, CREATED_AT, UPDATED_AT, VERSION, OWNER, TENANT, ACL, DELETED_AT})
# Reserved keys that hold times: integers (microseconds) to adapters, RFC 3339 text to users.
TIMES = frozenset({CREATED_AT, UPDATED_AT, DELETED_AT})
# What a document that was read may carry when it is inserted again, and is left aside.
IGNORED_ON_INSERT = frozenset({CREATED_AT, UPDATED_AT, VERSION})

REVISION_MAX = 10**18 - 1
"""Beyond any revision that a registry comes to, and within 64 bits."""


def parse_revision(text: str) -> int:
    """Return what the header or trailer says; 0 when it is no revision."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0
