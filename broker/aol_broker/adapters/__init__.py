"""How does the broker reach its database adapters? Processes that it starts, or addresses that it connects to."""

from aol_broker.adapters.host import AdapterHost
from aol_broker.adapters.proxy import AdapterProxy
from aol_broker.adapters.state import AdapterConfig, HostState, Phase, Timing

__all__ = ["AdapterConfig", "AdapterHost", "AdapterProxy", "HostState", "Phase", "Timing"]
