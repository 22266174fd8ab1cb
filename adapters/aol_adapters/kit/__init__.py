"""How does an implementation of `aol_wire.adapter.Adapter` become a program that a broker can start?"""

from aol_adapters.kit.serve import adapter_parser, serve
from aol_adapters.kit.servicer import AdapterServicer

__all__ = ["AdapterServicer", "adapter_parser", "serve"]
