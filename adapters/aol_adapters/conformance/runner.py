"""Which rules does an adapter keep? Each is tried on collections of its own, with a limit of time."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from aol_adapters.conformance.expect import RuleBrokenError
from aol_adapters.conformance.program import Program, StatusError
from aol_adapters.conformance.rule import Rule
from aol_adapters.conformance.trial import Trial
from aol_adapters.conformance.workspace import Workspace
from aol_wire.adapter import Adapter, Capability, Target
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault

RULE_TIMEOUT_S = 10.0
"""What a rule may take, its cleaning up aside."""

_CLEAN_UP_TIMEOUT_S = 5.0

Revive = Callable[[], Awaitable[str | None]]
"""Waits until the adapter can be used, and returns what happened to it meanwhile: "" nothing, None it is gone."""


class Verdict(StrEnum):
    """How a rule came out."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOT_DECLARED = "not declared"
    DOES_NOT_APPLY = "does not apply"


@dataclass(frozen=True, slots=True)
class Result:
    """How one rule came out. `detail` says what was expected and what came, or why it was not tried."""

    rule: Rule
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


async def run(
    adapter: Adapter,
    rules: Iterable[Rule],
    *,
    timeout_s: float = RULE_TIMEOUT_S,
    revive: Revive | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Try rules, in order, on a started adapter that may hold other things.

    :param revive: called after each rule, for an adapter that may crash.
    :raises DataError: the adapter does not describe itself.
    """
    capabilities = (await adapter.describe()).capabilities
    service = fresh_service()
    results: list[Result] = []
    gone = False
    for rule in rules:
        if gone:
            result = Result(rule, Verdict.FAIL, "not tried: the adapter did not come back after the rule before")
        else:
            result = await try_rule(rule, adapter, capabilities, service=service, timeout_s=timeout_s)
            happened = "" if revive is None else await revive()
            gone = happened is None
            if happened != "":
                text = "; ".join(filter(None, (result.detail, happened or "the adapter is gone")))
                result = replace(result, verdict=Verdict.FAIL, detail=text)
        results.append(result)
        if on_result is not None:
            on_result(result)
    return results


async def try_rule(
    rule: Rule,
    adapter: Adapter,
    capabilities: frozenset[Capability],
    *,
    service: str,
    timeout_s: float = RULE_TIMEOUT_S,
) -> Result:
    """Try one rule on a started adapter that declares these capabilities. Whatever goes wrong is the rule's failure."""
    workspace = Workspace(f"rule-{secrets.token_hex(4)}")
    trial = Trial(adapter, Target(service, workspace.fresh_name()), capabilities=capabilities, workspace=workspace)
    result = await _tried(rule, trial, timeout_s, None)
    await clean_up(adapter, workspace)
    return result


async def try_program(
    rule: Rule, program: Program | None, absent: Adapter, workspace: Workspace, *, timeout_s: float = RULE_TIMEOUT_S
) -> Result:
    """Try one rule about programs, which starts its own processes while no other process of this program is running.

    :param program: None for an adapter that the kit does not start.
    :param absent: an adapter that is down, for what the rule does not ask of its own processes.
    :param workspace: where it notes what `clean_up` should drop once the program runs again.
    """
    trial = Trial(absent, Target(fresh_service(), workspace.fresh_name()), program=program, workspace=workspace)
    return await _tried(rule, trial, timeout_s, program)


async def clean_up(adapter: Adapter, workspace: Workspace) -> None:
    """Drop what rules used. That it can be dropped is for the rules about dropping to say."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CLEAN_UP_TIMEOUT_S):
            for target in workspace.used.values():
                await adapter.drop_collection(target)


def fresh_service() -> str:
    """Return the name of a service that no run before has used."""
    return f"kit-{secrets.token_hex(6)}"


def _why_not(rule: Rule, capabilities: frozenset[Capability], program: Program | None) -> Result | None:
    lacking = ", ".join(sorted(rule.needs - capabilities))
    if lacking:
        return Result(rule, Verdict.NOT_DECLARED, f"it does not declare {lacking}")
    if rule.lacks is not None and rule.lacks in capabilities:
        return Result(rule, Verdict.DOES_NOT_APPLY, f"it declares {rule.lacks}")
    if rule.program and program is None:
        return Result(rule, Verdict.DOES_NOT_APPLY, "the kit did not start its program")
    return None


async def _tried(rule: Rule, trial: Trial, timeout_s: float, program: Program | None) -> Result:
    not_tried = _why_not(rule, trial.capabilities, program)
    if not_tried is not None:
        return not_tried
    began = time.monotonic()
    detail = await _broken(rule, trial, timeout_s)
    verdict = Verdict.PASS if detail is None else Verdict.FAIL
    return Result(rule, verdict, detail or "", time.monotonic() - began)


async def _broken(rule: Rule, trial: Trial, timeout_s: float) -> str | None:
    """Return how a rule is broken, None if it is not."""
    try:
        async with asyncio.timeout(timeout_s) as limit:
            if not rule.program:
                await trial.ensure()
            await rule.check(trial)
    except RuleBrokenError as error:
        return str(error)
    except DataError as error:
        return f"a call failed that should not: {error}"
    except StatusError as error:
        return f"a call failed that should not: status {error.code}, {error.text!r}"
    except Exception as error:  # the adapter's own in process, or an answer of another shape than the rule expects
        if isinstance(error, TimeoutError) and limit.expired():
            return f"no answer within {timeout_s:g} s"
        return f"{describe_fault(error)}: {error}"
    return None
