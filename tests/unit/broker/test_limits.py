"""Limits of a service: rates over any time, calls in flight, sizes; and what is told to those who are over them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.limits import Limiter, ServiceLimits, limiter_of
from aol_broker.settings import load_settings
from aol_wire.errors import Applied, DataError, Reason
from line import Line
from turned_clock import TurnedClock

STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.05, 0.3, 1.0, 20.0]), st.integers(0, 30)), max_size=12)


def refusal(limiter: Limiter, service: str = "a", size_bytes: int = 0) -> DataError:
    with pytest.raises(DataError) as caught:
        limiter.enter(service, size_bytes)
    assert caught.value.applied is Applied.NO
    return caught.value


def limiter(clock: TurnedClock, **limits: Any) -> Limiter:
    return Limiter(ServiceLimits(**limits), {}, clock=clock.monotonic_s)


@given(STEPS, st.sampled_from([0.5, 3.0, 100.0]), st.sampled_from([None, 1.0, 7.0]))
def test_a_rate_holds_over_any_time_and_whoever_waits_as_told_is_let_in(
    steps: list[tuple[float, int]], rate: float, burst: float | None
) -> None:
    clock = TurnedClock()
    limited = limiter(clock, requests_per_s=rate, requests_burst=burst)
    most = max(1.0, rate if burst is None else burst)
    taken: list[float] = []
    for pause_s, calls in steps:
        clock.turn(pause_s)
        for _ in range(calls):
            with contextlib.suppress(DataError):
                limited.enter("a", 0)
                taken.append(clock.monotonic_s())
                continue
            error = refusal(limited)
            assert (error.reason, error.retry_after_s is None) == (Reason.QUOTA, False)
            clock.turn((error.retry_after_s or 0.0) + 1e-6)  # a clock of whole microseconds
            limited.enter("a", 0)
            taken.append(clock.monotonic_s())
    for first in range(len(taken)):
        within_s = taken[-1] - taken[first]
        assert len(taken) - first <= most + rate * within_s + 0.01


def test_bytes_of_answers_are_paid_for_by_the_calls_after_them() -> None:
    clock = TurnedClock()
    limited = limiter(clock, bytes_per_s=1000)
    use = limited.enter("a", 900)
    assert use is not None
    use.leave(5000)
    error = refusal(limited)
    assert (error.reason, error.metadata) == (Reason.QUOTA, {"limit": "bytes_per_s"})
    assert error.retry_after_s == pytest.approx(4.9, abs=0.01)
    clock.turn(4.8)
    refusal(limited)
    clock.turn(0.2)
    assert limited.enter("a", 100_000) is not None  # larger than all that it may send at once, it has to pass some time
    assert refusal(limited).retry_after_s == pytest.approx(100, abs=1)


def test_a_refused_call_costs_nothing_of_the_rate() -> None:
    clock = TurnedClock()
    limited = limiter(clock, requests_per_s=2, requests_burst=1)
    limited.enter("a", 0)
    waits = [refusal(limited).retry_after_s for _ in range(100)]
    assert set(waits) == {0.5}
    clock.turn(0.5)
    limited.enter("a", 0)


def test_calls_in_flight_are_counted_for_each_service() -> None:
    limited = limiter(TurnedClock(), max_in_flight=2)
    uses = [limited.enter("a", 0) for _ in range(2)]
    error = refusal(limited)
    assert (error.reason, error.metadata) == (Reason.OVERLOADED, {"limit": "max_in_flight"})
    assert error.retry_after_s
    limited.enter("b", 0)
    assert uses[0] is not None
    uses[0].leave(0)
    limited.enter("a", 0)
    refusal(limited)


def test_a_connection_carries_what_its_service_may_have_under_way() -> None:
    clock = TurnedClock()
    assert limiter(clock, max_in_flight=2, requests_per_s=1000).max_in_flight("a", 500) == 2
    assert limiter(clock, requests_per_s=1000).max_in_flight("a", 500) == 250
    assert limiter(clock, requests_per_s=1).max_in_flight("a", 500) == 32
    assert limiter(clock, requests_per_s=1e6).max_in_flight("a", 500) == 500
    assert limiter(clock, max_page_documents=1).max_in_flight("a", 500) == 500


def test_services_that_nobody_verified_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aol_broker.limits._SERVICES_KEPT", 100)
    limited = limiter(TurnedClock(), requests_per_s=1, max_in_flight=1)
    for number in range(300):
        limited.enter(f"busy-{number}" if number % 100 == 0 else f"idle-{number}", 0)
        if number % 100:
            limited._uses[f"idle-{number}"].leave(0)
    assert len(limited._uses) == 100
    assert refusal(limited, "busy-0").metadata == {"limit": "max_in_flight"}


def test_a_service_has_its_own_limits_where_it_has_some_and_those_of_all_for_the_rest() -> None:
    limits = {"per_service": {"requests_per_s": 5, "max_in_flight": 3}, "services": {"big": {"requests_per_s": 50}}}
    made = limiter_of(load_settings(None, {"limits": limits}).limits)
    assert made is not None
    small, big = made.enter("small", 0), made.enter("big", 0)
    assert small is not None
    assert big is not None
    assert (small.limits.requests_per_s, small.limits.max_in_flight) == (5, 3)
    assert (big.limits.requests_per_s, big.limits.max_in_flight) == (50, 3)
    freed = limiter_of(
        load_settings(None, {"limits": {**limits, "services": {"big": {"requests_per_s": None}}}}).limits
    )
    assert freed is not None
    use = freed.enter("big", 0)
    assert use is not None
    assert use.limits == ServiceLimits(max_in_flight=3)


def test_nothing_is_limited_where_nothing_is_said() -> None:
    assert limiter_of(load_settings(None).limits) is None
    only_one = limiter_of(load_settings(None, {"limits": {"services": {"a": {"max_in_flight": 1}}}}).limits)
    assert only_one is not None
    assert only_one.enter("b", 10**9) is None


@pytest.fixture
async def line(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """A line whose service `my-service` has the limits that the test names; `neighbour` has none."""
    limited = Limiter(ServiceLimits(), {"my-service": ServiceLimits(**request.param)})
    line = Line(tmp_path, limiter=limited, max_in_flight=8)
    await line.start()
    for service in ("my-service", "neighbour"):
        asked = await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"), service=service)
        assert asked.error is None
    yield line
    await line.stop()


COUNT = pb.CountDataRequest(collection="events")


@pytest.mark.parametrize("line", [{"requests_per_s": 0.001, "requests_burst": 2}], indirect=True)
async def test_calls_that_are_denied_or_make_no_sense_count_too_and_refusals_are_recorded(line: Line) -> None:
    denied = await line.refusal("CountData", pb.CountDataRequest(collection="neighbour.events"))
    assert denied.reason is Reason.GRANT_MISSING
    for _ in range(20):
        error = await line.refusal("CountData", COUNT)
        assert (error.reason, error.applied) == (Reason.QUOTA, None)
        assert error.retry_after_s is not None
        assert 900 < error.retry_after_s <= 1000
        assert "'my-service'" in error.message
    assert (await line.call("CountData", COUNT, service="neighbour")).error is None
    operators = await line.operate("ListServices", admin_pb2.ListServicesRequest())
    assert operators.error is None
    refused = [record for record in line.records() if record["reason"] == "QUOTA"]
    assert [(it["service"], it["operation"], it["outcome"]) for it in refused] == [
        ("my-service", "count", "failed")
    ] * 20


@pytest.mark.parametrize("line", [{"requests_per_s": 0.001, "requests_burst": 1}], indirect=True)
async def test_refusals_of_one_service_take_no_place_of_another(line: Line) -> None:
    async def refused() -> None:
        assert (await line.refusal("CountData", COUNT)).reason is Reason.QUOTA

    async def served() -> None:
        assert (await line.call("CountData", COUNT, service="neighbour")).error is None

    # The broker takes 8 calls at once; the refused ones still wait for their records when the others come.
    await asyncio.gather(*(refused() for _ in range(100)), *(served() for _ in range(8)))


@pytest.mark.parametrize("line", [{"max_in_flight": 1}], indirect=True)
async def test_a_place_in_flight_is_free_again_however_a_call_ends(line: Line) -> None:
    for _ in range(3):
        line.adapter.hang = asyncio.Event()
        query = asyncio.create_task(line.call("QueryData", pb.QueryDataRequest(collection="events")))
        await line.adapter.hang.wait()
        error = await line.refusal("CountData", COUNT)
        assert (error.reason, error.retry_after_s) == (Reason.OVERLOADED, 0.1)
        query.cancel()
        with pytest.raises(asyncio.CancelledError):
            await query
    line.adapter.hang = None
    line.adapter.trouble = ZeroDivisionError()
    assert (await line.refusal("QueryData", pb.QueryDataRequest(collection="events"))).reason is Reason.INTERNAL_BUG
    assert (await line.call("CountData", COUNT)).error is None


@pytest.mark.parametrize("line", [{"max_batch_documents": 3, "max_page_documents": 2}], indirect=True)
async def test_a_batch_over_the_limit_is_refused_and_a_page_made_smaller(line: Line) -> None:
    documents = [json.dumps({"n": n}) for n in range(4)]
    error = await line.refusal("StoreBatch", pb.StoreBatchRequest(collection="events", documents=documents))
    assert (error.reason, error.metadata["max_batch_documents"]) == (Reason.TOO_LARGE, "3")
    assert "max_batch_documents" in error.message
    stored = await line.call("StoreBatch", pb.StoreBatchRequest(collection="events", documents=documents[:3]))
    assert stored.error is None
    assert stored.payload
    request = pb.QueryDataRequest(collection="events", page_size=1000, limit=3)
    sizes = []
    while True:
        page = pb.QueryDataResponse.FromString((await line.call("QueryData", request)).payload)
        sizes.append(len(page.page.id))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert sizes == [2, 1]


@pytest.mark.parametrize("line", [{"max_deadline_s": 0.5}], indirect=True)
async def test_a_call_that_asks_for_more_time_than_its_service_has_gets_less(line: Line) -> None:
    line.adapter.hang = asyncio.Event()
    error = await line.refusal("QueryData", pb.QueryDataRequest(collection="events"), timeout_s=4.0)
    assert error.reason is Reason.DEADLINE
    assert "0.5 s" in error.message
    line.adapter.hang_no_more()
    line.adapter.hang = None
    assert (await line.call("CountData", COUNT)).error is None


@pytest.mark.parametrize("line", [{"bytes_per_s": 1000, "bytes_burst": 1000}], indirect=True)
async def test_what_is_too_large_is_paid_for_all_the_same(line: Line) -> None:
    huge = pb.CountDataRequest(collection="events", filter=" " * (17 << 20))
    assert (await line.refusal("CountData", huge)).reason is Reason.TOO_LARGE
    error = await line.refusal("CountData", COUNT)
    assert error.reason is Reason.QUOTA
    assert error.retry_after_s is not None
    assert error.retry_after_s > 10_000
