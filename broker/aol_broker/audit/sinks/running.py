"""Which sinks does a broker have, and how are they started and stopped? Those of `audit.sinks`, each by itself."""

import asyncio
from collections.abc import Mapping, Sequence

from aol_broker.audit.sinks.destination import Destination, UnavailableError
from aol_broker.audit.sinks.follower import TIMEOUT, FollowedLog, Follower, Pace, SinkStatus
from aol_broker.audit.sinks.stdout import StdoutSink
from aol_broker.settings import SettingsError, read_one_line, read_secret
from aol_broker.settings_sections import OtlpSinkSettings, PostgresSinkSettings, SinkSettings, StdoutSinkSettings

# A clean stop gives so long to what is not delivered yet, and as long again to put connections away.
STOP_GRACE_S = 0.4


class Sinks:
    """All sinks of a broker. Made before anything is started: what is wrong with the settings shows then."""

    def __init__(self, settings: Sequence[SinkSettings], broker_id: str) -> None:
        """Read their secrets; nothing is connected to.

        :raises SettingsError: a file of secrets cannot be read, or a package is missing.
        """
        self._settings = {sink.name: sink for sink in settings}
        self._destinations = {sink.name: _destination(sink, broker_id) for sink in settings}
        self._followers: list[Follower] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, log: FollowedLog) -> None:
        """Follow an audit log that is open, each sink from where it was."""
        for name, sink in self._settings.items():
            pace = Pace(attempt_s=sink.timeout_s)
            follower = Follower(name, sink.type, self._destinations[name], log, pace)
            self._followers.append(follower)
            self._tasks.append(asyncio.get_running_loop().create_task(follower.run(), name=f"audit sink {name}"))

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Deliver what there is, at most for `grace_s`, and keep how far each sink came."""
        for follower in self._followers:
            follower.finish()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        closing = [asyncio.ensure_future(destination.close()) for destination in self._destinations.values()]
        saving = [asyncio.ensure_future(follower.save()) for follower in self._followers]
        ending = [*self._tasks, *closing, *saving]
        if ending:
            await asyncio.wait(ending, timeout=STOP_GRACE_S)
        for task in ending:
            task.cancel()

    def statuses(self) -> list[SinkStatus]:
        """Return how each sink is doing, in the order of the settings."""
        return [follower.status() for follower in self._followers]

    def places(self) -> Mapping[str, "Place"]:
        """Return where checkpoints can be anchored, by the names of the sinks."""
        return {
            name: Place(destination, self._settings[name].timeout_s) for name, destination in self._destinations.items()
        }


class Place:
    """A sink's destination as a place for checkpoints."""

    def __init__(self, destination: Destination, timeout_s: float) -> None:
        self._destination = destination
        self._timeout_s = timeout_s

    async def put(self, line: bytes) -> None:
        """Keep a checkpoint's line there.

        :raises UnavailableError: it was not taken in time, or not at all.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._destination.put(line)
        except TimeoutError:
            raise UnavailableError(TIMEOUT) from None


def _destination(sink: SinkSettings, broker_id: str) -> Destination:
    try:
        match sink:
            case StdoutSinkSettings():
                return StdoutSink()
            case PostgresSinkSettings():
                return _postgres(sink)
            case OtlpSinkSettings():
                return _otlp(sink, broker_id)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The audit sink {sink.name} needs the Python package {error.name}, which is not installed: "
            f"pip install 'aol-data-broker[{sink.type}]'"
        ) from None


def _postgres(sink: PostgresSinkSettings) -> Destination:
    from aol_broker.audit.sinks.postgres import PostgresSink
    from aol_broker.audit.sinks.postgres_tables import Tables

    file = sink.password_file
    password = None if file is None else read_one_line(file, f"password_file of the audit sink {sink.name}")
    schema, _, table = sink.table.partition(".")
    return PostgresSink(sink.url.get_secret_value(), password, Tables(schema, table))


def _otlp(sink: OtlpSinkSettings, broker_id: str) -> Destination:
    from aol_broker.audit.sinks.otlp import OtlpSink, tls

    headers = {name: value.get_secret_value() for name, value in sink.headers.items()}
    for name, file in sink.header_files.items():
        headers[name] = read_one_line(file, f"header_files of the audit sink {sink.name}")
        if not headers[name].isascii():
            raise SettingsError(f"header_files of the audit sink {sink.name}: a header's value is printable ASCII")
    scheme, _, address = sink.endpoint.rstrip("/").partition("://")
    credentials = None
    if scheme == "https":
        authorities = None if sink.ca_file is None else read_secret(sink.ca_file, f"ca_file of the sink {sink.name}")
        credentials = tls(authorities)
    return OtlpSink(address, broker_id=broker_id, headers=headers, credentials=credentials)
