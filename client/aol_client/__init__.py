"""The data client of services: store and read documents through the AOL broker.

async with AOLDataClient("localhost:50051", "my-service") as client:
    await client.request_collection("events")
    await client.insert("events", {"type": "user.login"})
    events = await client.query("events", filters={"type": "user.login"}, limit=10)
"""

from aol_client.access_requests import AccessRequest, RequestAnswer
from aol_client.client import AOLDataClient
from aol_client.collection_info import CollectionInfo, IndexInfo, SecurityInfo, StorageInfo
from aol_client.exceptions import (
    BulkFailure,
    BulkWriteError,
    CollectionNotFoundError,
    ConfigurationError,
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
from aol_client.pages import Document
from aol_client.query_plan import QueryPlan
from aol_client.security_context import SecurityContext
from aol_client.tls import TLS

__all__ = [
    "TLS",
    "AOLDataClient",
    "AccessRequest",
    "BulkFailure",
    "BulkWriteError",
    "CollectionInfo",
    "CollectionNotFoundError",
    "ConfigurationError",
    "ConflictError",
    "DataClientError",
    "DeadlineExceededError",
    "Document",
    "IndexInfo",
    "InvalidRequestError",
    "OverloadedError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "QueryPlan",
    "RequestAnswer",
    "SecurityContext",
    "SecurityInfo",
    "StorageInfo",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedError",
]
