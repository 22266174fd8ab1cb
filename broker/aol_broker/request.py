"""What is known of a call, step by step? The values that travel down the line.

Nobody changes them on their way. Those that are made for every call are not frozen: that would make each three times as
dear to make.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from google.protobuf.message import Message

from aol_broker.limits import UNLIMITED, ServiceLimits
from aol_broker.scope import WHOLE, Scope
from aol_wire.errors import DataError
from aol_wire.filters import Json

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a transport, as far as the transport knows.

    `service` and `authorization` are what the peer said (request headers), not what was verified. `traceparent` is the
    W3C trace context of the call, as it came. `certificate_names` are the URIs and DNS names of the client certificate
    that TLS has verified, empty without one.
    """

    address: str
    service: str = ""
    authorization: str = ""
    revision: int = 0
    traceparent: str = ""
    certificate_names: tuple[str, ...] = ()


class Verified(StrEnum):
    """How it is known who calls."""

    INSECURE = "insecure"
    """It is not: the service's name is believed as it was given."""
    TOKEN = "token"  # noqa: S105 - the word, not one
    """By a token that brokers know: the operator's, or one that was minted."""
    JWT = "jwt"
    """By a JSON Web Token that an issuer has signed."""
    MTLS = "mtls"
    """By the certificate that the caller showed to TLS."""


@dataclass(slots=True)
class Principal:
    """Who calls, as far as this broker believes it. `service` is empty for an operator who acts for none.

    `operator` is the operator's name, empty for whoever shows the token that operators share.
    """

    service: str
    is_operator: bool = False
    verified_by: Verified = Verified.INSECURE
    operator: str = ""

    @property
    def name(self) -> str:
        """How audit records and grants name the caller."""
        if self.is_operator:
            return f"operator:{self.operator}" if self.operator else "operator"
        return f"service:{self.service}"

    @property
    def on_behalf_of(self) -> str:
        """The service that an operator acts for; empty for everybody else."""
        return self.service if self.is_operator else ""


@dataclass(slots=True)
class Request(Generic[M]):
    """A decoded call. `collection` is the name as the caller wrote it; `deadline` is on the clock `time.monotonic`.

    `limits` are those of the service that calls; `scope` is filled in once the call is authorized.
    """

    principal: Principal
    operation: str
    collection: str
    arguments: M
    deadline: float
    limits: ServiceLimits = UNLIMITED
    scope: Scope = WHOLE

    @property
    def remaining_s(self) -> float:
        """What is left of the caller's time."""
        return max(0.0, self.deadline - time.monotonic())


@dataclass(slots=True)
class Answer:
    """What a command returns: the response message, and how many documents (or things) it is about.

    `details` are further facts for the audit record, which holds them under `filters`: names and counts, never values.
    """

    message: Message
    result_count: int = 0
    details: Mapping[str, Json] | None = None


@dataclass(slots=True)
class Reply:
    """What goes back to the transport: either `payload` or an error, and what stands in the trailers."""

    payload: bytes
    error: DataError | None
    request_id: str
    revision: int
