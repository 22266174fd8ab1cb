"""Which of gRPC's engines moves the bytes of our server processes? The one that wakes fewer threads.

By default a message goes through several threads of gRPC's EventEngine, each of which has to be woken. With the engine
before it, a lone insert through client, broker and adapter took 32 changes of threads instead of 56 and a third less
time; with 32 of them on their way it took a tenth less, with 256 about a tenth more. Measured with gRPC 1.85 on two
cores, where the client had chosen so too; what a service's process does is not ours to choose.
"""

import os
from importlib.metadata import version

_VARIABLE = "GRPC_EXPERIMENTS"
_FEWER_THREADS = "-event_engine_client,-event_engine_listener"
# Later ones may not have the choice any more, and would complain of names that they do not know.
_MEASURED_UP_TO = (1, 85)


def choose() -> None:
    """Choose for this process, before its first channel or server. Whoever set the variable has chosen already."""
    major, minor, *_ = version("grpcio").split(".")
    if (int(major), int(minor)) <= _MEASURED_UP_TO:
        os.environ.setdefault(_VARIABLE, _FEWER_THREADS)
