"""May this service make this call now, and how much may it ask for? Rates, calls in flight and sizes, by service.

A call is let in or refused before it is decoded: refusing it is to cost its neighbours as little as can be. Operators
have no limits.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aol_broker.settings_sections import LimitSettings
from aol_wire.errors import Applied, DataError, Reason

# How long a service with too many calls in flight is told to wait: when one of them ends is not known.
_IN_FLIGHT_RETRY_S = 0.1
# What one connection of a service with a rate carries at once: the calls of so many seconds, and at least so many.
_STREAM_SECONDS = 0.25
_STREAM_LEAST_CALLS = 32
# Who waited as long as it was told is let in, however the sums of times were rounded.
_ROUNDING = 1e-5
# Of so many services the use is kept in mind. More than those that there are come only where names are not verified.
_SERVICES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one service may do; None is no limit. Bursts are what may come at once after a pause."""

    requests_per_s: float | None = None
    requests_burst: float | None = None
    bytes_per_s: float | None = None
    bytes_burst: float | None = None
    max_in_flight: int | None = None
    max_batch_documents: int | None = None
    max_page_documents: int | None = None
    max_deadline_s: float | None = None


UNLIMITED = ServiceLimits()


class Bucket:
    """A token bucket: it holds `burst` at most, and gains `rate` a second.

    What a call costs may be known only after it was let in, and be more than the bucket ever holds. So a call is let in
    while there is `least` in it, and may leave a debt, for which later calls wait.
    """

    def __init__(self, rate: float, burst: float, least: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._least = least
        self._tokens = burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """Return after how many seconds a call is let in; 0: now."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        short = self._least - self._tokens
        return short / self._rate if short > _ROUNDING else 0.0

    def take(self, cost: float) -> None:
        """Take what a call costs."""
        self._tokens -= cost


class ServiceUse:
    """What one service uses of its limits at the moment."""

    def __init__(self, service: str, limits: ServiceLimits, now: float) -> None:
        self.limits = limits
        self._service = service
        self._in_flight = 0
        self._requests = _bucket(limits.requests_per_s, limits.requests_burst, now)
        self._bytes = _bucket(limits.bytes_per_s, limits.bytes_burst, now)

    @property
    def idle(self) -> bool:
        """Whether none of its calls is under way."""
        return self._in_flight == 0

    def enter(self, size_bytes: int, now: float) -> None:
        """Let a call in, which `leave` ends.

        :raises DataError: QUOTA, OVERLOADED; then it has not come in.
        """
        limits = self.limits
        if limits.max_in_flight is not None and self._in_flight >= limits.max_in_flight:
            raise _refusal(
                Reason.OVERLOADED,
                f"Service '{self._service}' has {limits.max_in_flight:,} calls under way already, which is its limit",
                "max_in_flight",
                _IN_FLIGHT_RETRY_S,
            )
        if self._requests is not None and (wait_s := self._requests.wait_s(now)):
            what = f"Service '{self._service}' makes more than its {limits.requests_per_s:,g} requests a second"
            raise _refusal(Reason.QUOTA, what, "requests_per_s", wait_s)
        if self._bytes is not None and (wait_s := self._bytes.wait_s(now)):
            what = f"Service '{self._service}' sends and gets more than its {limits.bytes_per_s:,g} bytes a second"
            raise _refusal(Reason.QUOTA, what, "bytes_per_s", wait_s)
        if self._requests is not None:
            self._requests.take(1)
        if self._bytes is not None:
            self._bytes.take(size_bytes)
        self._in_flight += 1

    def leave(self, size_bytes: int) -> None:
        """End a call that was let in, whose answer is of this size."""
        self._in_flight -= 1
        if self._bytes is not None:
            self._bytes.take(size_bytes)


class Limiter:
    """The limits of all services. Used from one event loop."""

    def __init__(
        self,
        every: ServiceLimits,
        services: Mapping[str, ServiceLimits],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every` is for those that are not in `services`."""
        self._every = every
        self._services = dict(services)
        self._clock = clock
        self._uses: OrderedDict[str, ServiceUse] = OrderedDict()

    def enter(self, service: str, size_bytes: int) -> ServiceUse | None:
        """Let a call of a service in; return what its end is to be told to, None where the service has no limits.

        :raises DataError: QUOTA, OVERLOADED, with the seconds after which it is let in.
        """
        limits = self._services.get(service, self._every)
        if limits == UNLIMITED:
            return None
        now = self._clock()
        use = self._use(service, limits, now)
        use.enter(size_bytes, now)
        return use

    def max_in_flight(self, service: str, most: int) -> int:
        """Return how many calls of a service one connection carries at once, at most `most`; others wait at the client.

        With a rate alone, it is what comes in a part of a second: a service that is far over it is not to come with
        hundreds of calls in one go, which would all be refused, one after the other, before anybody else is served.
        """
        limits = self._services.get(service, self._every)
        limit = limits.max_in_flight
        if limit is None and limits.requests_per_s is not None:
            limit = max(_STREAM_LEAST_CALLS, int(limits.requests_per_s * _STREAM_SECONDS))
        return most if limit is None else min(most, limit)

    def _use(self, service: str, limits: ServiceLimits, now: float) -> ServiceUse:
        use = self._uses.get(service)
        if use is None:
            if len(self._uses) >= _SERVICES_KEPT:
                self._forget_one()
            use = self._uses[service] = ServiceUse(service, limits, now)
        self._uses.move_to_end(service)
        return use

    def _forget_one(self) -> None:
        """Forget the service that has called least recently, of those without a call under way."""
        for service, use in self._uses.items():
            if use.idle:
                del self._uses[service]
                return


def limiter_of(settings: LimitSettings) -> Limiter | None:
    """Return the limiter that is configured; None when no service has limits, so that calls pay nothing for it."""
    every = ServiceLimits(**settings.per_service.model_dump())
    services = {name: replace(every, **said.model_dump(exclude_unset=True)) for name, said in settings.services.items()}
    if every == UNLIMITED and all(limits == UNLIMITED for limits in services.values()):
        return None
    return Limiter(every, services)


def _bucket(rate: float | None, burst: float | None, now: float) -> Bucket | None:
    if rate is None:
        return None
    # A second's worth; and of what comes whole, at least one.
    return Bucket(rate, max(1.0, rate if burst is None else burst), 1.0, now)


def _refusal(reason: Reason, what: str, limit: str, retry_after_s: float) -> DataError:
    return DataError(
        reason,
        f"{what} (limits, {limit}). Nothing was done; try again in {retry_after_s:.3g} s.",
        metadata={"limit": limit},
        retry_after_s=retry_after_s,
        applied=Applied.NO,
    )
