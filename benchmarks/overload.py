"""What does a service do that calls far too much, whatever it is told? A program of its own, as such a service is.

`python -m benchmarks.overload ENDPOINT SERVICE CALLS_PER_S` inserts at that pace, without waiting for answers, until it
is terminated; then it prints how many calls were served and how many refused.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from typing import Any

import grpc.aio
import uvloop

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.connections import Connections
from aol_wire.metadata import SERVICE_HEADER

COLLECTION = "noise"
# How often calls are begun: those of one turn travel together, as those of a busy service do.
_TURN_S = 0.005
_TIMEOUT_S = 30.0
# A service that gets no answers at all does not call without end either.
_WAITING_MAX = 20_000


async def _overload(endpoint: str, service: str, calls_per_s: float) -> Counter[str]:
    counts: Counter[str] = Counter()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    connections = Connections(endpoint)
    stub = connections.stub()
    metadata = ((SERVICE_HEADER, service),)
    await stub.RequestCollection(pb.RequestCollectionRequest(name=COLLECTION), timeout=_TIMEOUT_S, metadata=metadata)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    waiting: set[asyncio.Task[None]] = set()
    started, begun = time.monotonic(), 0
    while not stopped.is_set():
        due = int((time.monotonic() - started) * calls_per_s)
        for number in range(begun, due):
            if len(waiting) < _WAITING_MAX:
                task = asyncio.create_task(_insert(stub, metadata, number, counts))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
        begun = due
        await asyncio.sleep(_TURN_S)
    counts["offered"] = begun
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await connections.close()
    return counts


async def _insert(stub: Any, metadata: tuple[tuple[str, str], ...], number: int, counts: Counter[str]) -> None:
    request = pb.StoreDataRequest(collection=COLLECTION, document=f'{{"n":{number},"text":"{"x" * 100}"}}')
    try:
        await stub.StoreData(request, timeout=_TIMEOUT_S, metadata=metadata)
        counts["served"] += 1
    except grpc.aio.AioRpcError as error:
        refused = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        counts["refused" if refused else "failed"] += 1


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_overload(sys.argv[1], sys.argv[2], float(sys.argv[3])))) + "\n")
