"""Is an adapter's program a good citizen: started, asked and ended as a broker does it?"""

import asyncio

from google.rpc import code_pb2

from aol.adapter.v1 import adapter_pb2 as pb
from aol_adapters.conformance.expect import RuleBrokenError, expect, expect_equal
from aol_adapters.conformance.program import Running, StatusError
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Outcome
from aol_wire.errors import DataError, Reason

# A broker kills a program that is still there 3 seconds after SIGTERM.
_END_S = 3.0
_SERVICE = pb.DESCRIPTOR.services_by_name["Adapter"]
_GARBAGE = (b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x05hello")


@rule(Topic.PROGRAM, program=True)
async def a_program_serves_from_its_handshake_on(trial: Trial) -> None:
    """Once a program has said its handshake line, with the cookie that it was given, it answers calls."""
    async with trial.program.running() as running:
        expect("it describes itself", bool((await running.adapter.describe()).name))
        await _expect_works(trial.of(running.adapter))


@rule(Topic.PROGRAM, program=True)
async def a_program_says_its_health(trial: Trial) -> None:
    """The standard health service says that the whole server and `aol.adapter.v1.Adapter` are serving."""
    async with trial.program.running() as running:
        for service in ("", _SERVICE.full_name):
            expect(f"the health of {service!r} is SERVING", await running.serving(service))


@rule(Topic.PROGRAM, program=True)
async def a_program_ends_at_sigterm(trial: Trial) -> None:
    """SIGTERM ends a program within 3 seconds, with exit code 0."""
    async with trial.program.running() as running:
        await running.adapter.describe()
        running.terminate()
        expect_equal("the exit code", await running.exit_code(_END_S), 0)


@rule(Topic.PROGRAM, program=True)
async def a_program_ends_when_its_standard_input_does(trial: Trial) -> None:
    """The end of its standard input, which means that the broker is gone, ends a program within 3 seconds."""
    async with trial.program.running() as running:
        await running.adapter.describe()
        running.close_input()
        expect_equal("the exit code", await running.exit_code(_END_S), 0)


@rule(Topic.PROGRAM, program=True)
async def calls_under_way_are_answered_at_sigterm(trial: Trial) -> None:
    """A call that is under way at SIGTERM is finished, or fails as one does whose adapter is down."""
    async with trial.program.running() as running:
        of_program = trial.of(running.adapter)
        await of_program.ensure()
        calls = [asyncio.ensure_future(of_program.insert(str(number), {"n": number})) for number in range(50)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        running.terminate()
        results = await asyncio.gather(*calls, return_exceptions=True)
        reasons = {each.reason for each in results if isinstance(each, DataError)}
        expect("outcomes and errors of the contract", all(isinstance(each, Outcome | DataError) for each in results))
        expect(f"no other reason than ADAPTER_DOWN: {sorted(reasons)}", reasons <= {Reason.ADAPTER_DOWN})
        expect_equal("the exit code", await running.exit_code(_END_S), 0)


@rule(Topic.PROGRAM, program=True)
async def a_program_can_be_started_again(trial: Trial) -> None:
    """After a program ended, the same command serves again."""
    for _ in range(2):
        async with trial.program.running() as running:
            await _expect_works(trial.of(running.adapter))
            running.terminate()
            await running.exit_code(_END_S)


@rule(Topic.PROGRAM, program=True)
async def garbage_is_a_bad_request_of_every_method(trial: Trial) -> None:
    """Bytes that are no message, or one without a target, are INVALID_ARGUMENT with the contract's details."""
    async with trial.program.running() as running:
        for method in _SERVICE.methods:
            # A message without fields takes any field for one of a later contract.
            has_fields = bool(method.input_type.fields)
            for data in _GARBAGE if has_fields else _GARBAGE[:2]:
                failure = await _failure(running, method.name, data)
                what = f"{method.name} of {data!r}"
                expect_equal(f"the code of {what}", failure.code, code_pb2.INVALID_ARGUMENT)
                expect(f"the details of {what} carry an error of the contract", failure.error is not None)
        await _expect_works(trial.of(running.adapter))


@rule(Topic.PROGRAM, program=True)
async def a_method_that_does_not_exist_is_unimplemented(trial: Trial) -> None:
    """A method of a later contract is UNIMPLEMENTED, so that a newer broker can tell."""
    async with trial.program.running() as running:
        failure = await _failure(running, "DoWhatDoesNotExist", b"")
        expect_equal("the code", failure.code, code_pb2.UNIMPLEMENTED)


@rule(Topic.PROGRAM, program=True)
async def fields_of_a_later_contract_are_left_aside(trial: Trial) -> None:
    """A message with a field that the program does not know is answered as without it."""
    unknown = b"\xfa\x3f\x03new"  # field 1023, text
    async with trial.program.running() as running:
        description = pb.DescribeResponse.FromString(await running.call("Describe", unknown))
        expect("it describes itself", bool(description.name))
        of_program = trial.of(running.adapter)
        await of_program.ensure()
        target = pb.Target(service=of_program.target.service, collection=of_program.target.collection, tenant="")
        request = pb.CountRequest(target=target).SerializeToString() + unknown
        answer = pb.CountResponse.FromString(await running.call("Count", request))
        expect_equal("the count", answer.count, 0)


@rule(Topic.PROGRAM, program=True)
async def failures_travel_as_statuses_of_the_contract(trial: Trial) -> None:
    """A call that fails carries its reason as `google.rpc.ErrorInfo` of `aol.data`, under the reason's status code."""
    async with trial.program.running() as running:
        target = pb.Target(service="nobody-has-this-name", collection="nothing", tenant="")
        failure = await _failure(running, "Count", pb.CountRequest(target=target).SerializeToString())
        expect_equal("the code", failure.code, code_pb2.NOT_FOUND)
        reason = failure.error and failure.error.reason
        expect_equal("the reason", reason, Reason.COLLECTION_NOT_FOUND)


async def _failure(running: Running, method: str, data: bytes) -> StatusError:
    try:
        answer = await running.call(method, data)
    except StatusError as error:
        return error
    raise RuleBrokenError(f"{method}: expected a refusal of {data!r}, got an answer of {len(answer)} bytes")


async def _expect_works(trial: Trial) -> None:
    await trial.ensure()
    await trial.delete({})
    await trial.insert("1", {"n": 1})
    expect_equal("found", await trial.ids({"n": 1}), ["1"])


RULES: tuple[Rule, ...] = (
    a_program_serves_from_its_handshake_on,
    a_program_says_its_health,
    a_program_ends_at_sigterm,
    a_program_ends_when_its_standard_input_does,
    calls_under_way_are_answered_at_sigterm,
    a_program_can_be_started_again,
    garbage_is_a_bad_request_of_every_method,
    a_method_that_does_not_exist_is_unimplemented,
    fields_of_a_later_contract_are_left_aside,
    failures_travel_as_statuses_of_the_contract,
)
