"""Does an adapter keep the contract? The conformance kit: one named rule for each promise, and what runs them."""

from aol_adapters.conformance.rule import Rule, Topic
from aol_adapters.conformance.runner import Result, Verdict, run, try_rule

__all__ = ["Result", "Rule", "Topic", "Verdict", "run", "try_rule"]
