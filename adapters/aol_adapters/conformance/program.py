"""What do rules see of an adapter's program? Processes that the kit starts exactly as a broker does."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aol_wire.adapter import Adapter
from aol_wire.errors import DataError


class StatusError(Exception):
    """A call ended with a status.

    :param code: the number of the gRPC status code (google.rpc.Code).
    :param text: the status's own text.
    :param error: the error of the contract that its details carry; None when they carry none.
    """

    def __init__(self, code: int, text: str, error: DataError | None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.error = error


class Running(Protocol):
    """One process of the program, which has said its handshake line."""

    @property
    def adapter(self) -> Adapter:
        """What the process serves, as a broker calls it."""

    async def serving(self, service: str) -> bool:
        """Return what its health service says of a service: "" is the whole server.

        :raises StatusError: it does not answer, or not for this service.
        """

    async def call(self, method: str, data: bytes) -> bytes:
        """Return the answer of a method of `aol.adapter.v1.Adapter` to a message of any bytes.

        :raises StatusError: the call failed.
        """

    def terminate(self) -> None:
        """Send SIGTERM."""

    def close_input(self) -> None:
        """Close its standard input, as a broker's death does."""

    async def exit_code(self, within_s: float) -> int:
        """Wait for its end and return its exit code: negative for a signal.

        :raises RuleBrokenError: it is still there after `within_s`.
        """


class Program(Protocol):
    """The command of an adapter. The rules that use it run while no other process of it does."""

    def running(self) -> AbstractAsyncContextManager[Running]:
        """Start a process, wait for its handshake, and kill what is left of it at the end.

        :raises RuleBrokenError: it cannot be started, or does not say its handshake as a broker expects.
        """
