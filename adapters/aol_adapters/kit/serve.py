"""How does an adapter become a program? Arguments, the socket, the handshake with the broker, and an orderly end."""

import argparse
import asyncio
import os
import sys

import grpc
import structlog
import uvloop
from grpc_health.v1 import health_pb2_grpc

from aol_adapters.kit.health import AdapterHealth
from aol_adapters.kit.lifetime import stop_on_signals, stop_with_broker
from aol_adapters.kit.logs import configure_logs
from aol_adapters.kit.servicer import AdapterServicer
from aol_wire import garbage, grpc_engine
from aol_wire.adapter import Adapter
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault
from aol_wire.handshake import CHANNEL_OPTIONS, Handshake, Launch, format_line, read_launch
from aol_wire.tls import TlsError, WatchedTls, tls_files
from aol_wire.tls_credentials import server_credentials

EXIT_USAGE = 2
EXIT_FAILED = 1
# Calls under way get so long when the program must end; a broker kills it after 3 s.
DRAIN_S = 2.0

# Two programs on one TCP port would share the calls between them, silently.
_SERVER_OPTIONS = (*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0))

_log = structlog.get_logger("aol.adapter")


_TLS_OPTIONS = {
    "--tls-certificate-file": "the certificate that the adapter shows over TCP",
    "--tls-key-file": "its private key",
    "--tls-client-ca-file": "who vouches for brokers; nobody else is served",
}


def adapter_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of an adapter program's arguments, with `--listen` and what goes with it.

    The program adds its own, and hands the parsed arguments to `serve`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m aol_adapters.{name}", description=description, epilog=_usage(name)
    )
    parser.add_argument("--listen", metavar="ADDRESS", help="unix:/PATH or HOST:PORT, to run without a broker")
    for option, meaning in _TLS_OPTIONS.items():
        parser.add_argument(option, metavar="FILE", help=f"PEM: {meaning}")
    parser.add_argument(
        "--insecure-tcp",
        action="store_true",
        help="listen over TCP without TLS: whoever reaches the port can use the database",
    )
    return parser


def serve(adapter: Adapter, *, name: str, arguments: argparse.Namespace | None = None) -> int:
    """Serve an adapter until a signal, or until the broker that started the program is gone. Return the exit code.

    The adapter must not be started yet. Where to listen comes from the `arguments` that `adapter_parser` has parsed, or
    else from the broker's environment variables. Exit codes: 0 ended in order, 1 the adapter or its socket could not be
    opened, 2 not started as it must.
    """
    arguments = arguments or adapter_parser(name, "").parse_args([])
    launch = read_launch(os.environ) if arguments.listen is None else Launch(arguments.listen, "")
    if launch is None:
        sys.stderr.write(_usage(name) + "\n")
        return EXIT_USAGE
    try:
        tls = _tls(launch.address, arguments)
    except TlsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    configure_logs(name)
    grpc_engine.choose()
    return uvloop.run(_run(adapter, launch, tls))


def _tls(address: str, arguments: argparse.Namespace) -> WatchedTls | None:
    """Return what the adapter shows to brokers and asks of them; None: nothing, as nobody else reaches its address.

    :raises TlsError: the arguments do not go with each other, or the files cannot be used.
    """
    given = (arguments.tls_client_ca_file, arguments.tls_certificate_file, arguments.tls_key_file)
    over_tcp = not address.startswith("unix:")
    if all(given) and over_tcp and not arguments.insecure_tcp:
        return WatchedTls(tls_files(*given), lambda problem: _log.warning("adapter.tls_files_unusable", reason=problem))
    if any(given):
        raise TlsError(
            "--tls-certificate-file, --tls-key-file and --tls-client-ca-file go together, with --listen HOST:PORT, and "
            "not with --insecure-tcp."
        )
    if over_tcp and not arguments.insecure_tcp:
        raise TlsError(
            f"Whoever reaches {address} can use the database, as an adapter asks nobody who they are without TLS. "
            "Listen on unix:/PATH, or give --tls-certificate-file, --tls-key-file and --tls-client-ca-file, or say "
            "--insecure-tcp where nobody else can reach it."
        )
    return None


async def _run(adapter: Adapter, launch: Launch, tls: WatchedTls | None) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop)
    if launch.cookie:
        stop_with_broker(stop)
    try:
        await adapter.start()
        try:
            return await _serve_until(stop, adapter, launch, tls)
        finally:
            await adapter.close()
    except DataError as error:
        _log.error("adapter.failed", reason=error.reason.value, message=error.message)
    except Exception as error:  # a driver's text may hold a credential
        _log.error("adapter.failed", fault=describe_fault(error))
    return EXIT_FAILED


async def _serve_until(stop: asyncio.Event, adapter: Adapter, launch: Launch, tls: WatchedTls | None) -> int:
    server = grpc.aio.server(options=_SERVER_OPTIONS)
    health = AdapterHealth(adapter)
    servicer = AdapterServicer(adapter)
    servicer.register(server)
    frames = servicer.frames()
    frames.register(server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    try:
        if tls is None:
            port = server.add_insecure_port(launch.address)
        else:
            port = server.add_secure_port(launch.address, server_credentials(tls))
    except RuntimeError:
        _log.error("adapter.cannot_listen", address=launch.address)
        return EXIT_FAILED
    await health.check()
    await server.start()
    watch = asyncio.create_task(health.watch())
    garbage.calm()
    try:
        _announce(_bound(launch.address, port), launch.cookie)
        await stop.wait()
    finally:
        watch.cancel()
        await health.leave()
        frames.leave()
        await server.stop(DRAIN_S)
    _log.info("adapter.stopped")
    return 0


def _announce(address: str, cookie: str) -> None:
    sys.stdout.buffer.write(format_line(Handshake(address, cookie)))
    sys.stdout.buffer.flush()
    _log.info("adapter.serving", address=address)


def _bound(address: str, port: int) -> str:
    """The address with the port that the system chose when it says `:0`."""
    if address.startswith("unix:"):
        return address
    return f"{address.rpartition(':')[0]}:{port}"


def _usage(name: str) -> str:
    return (
        f"This is the {name} adapter of the AOL data broker. A broker starts it: give its configuration "
        f"`adapters: {{{name}: {{command: [python, -m, aol_adapters.{name}, ...]}}}}`. "
        "To run it without one, say where to listen: --listen unix:/PATH, or --listen HOST:PORT with TLS."
    )
