"""Which rules are there? All of them, in the order of the table."""

import importlib
import pkgutil

from aol_adapters.conformance.rule import Rule, Topic

_modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for module in _modules for rule in getattr(module, "RULES", ())), key=lambda r: list(Topic).index(r.topic)
    )
)
