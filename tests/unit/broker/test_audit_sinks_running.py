"""Are a broker's sinks started where they were, and stopped within a bound whatever their destinations do?"""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aol_broker.audit.sinks.destination import UnavailableError
from aol_broker.audit.sinks.running import Sinks
from aol_broker.settings_sections import OtlpSinkSettings, PostgresSinkSettings
from audit_segments import WrittenLog
from postgres_server import rows


@pytest.fixture
def hung() -> Iterator[str]:
    """An address where connections are taken in and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def postgres(name: str, url: str, timeout_s: float = 300) -> PostgresSinkSettings:
    return PostgresSinkSettings.model_validate({"name": name, "type": "postgres", "url": url, "timeout_s": timeout_s})


async def test_what_is_written_last_is_delivered_at_a_stop(tmp_path: Path, postgres_database: str, hung: str) -> None:
    log = WrittenLog(tmp_path / "audit")
    settings = (postgres("db", postgres_database), postgres("hung", f"postgresql://u@{hung}/d", 0.05))
    sinks = Sinks(settings, "here")
    sinks.start(log)
    log.write(20)
    await sinks.stop(grace_s=60)
    assert {status.name: status.lag for status in sinks.statuses()} == {"db": 0, "hung": 20}
    again = Sinks(settings, "here")
    again.start(log)
    assert {status.name: status.seq for status in again.statuses()} == {"db": 20, "hung": 0}
    await again.stop()
    assert len(await rows(postgres_database, "SELECT FROM public.aol_audit")) == 20


async def test_no_destination_that_hangs_holds_up_a_stop(tmp_path: Path, hung: str) -> None:
    log = WrittenLog(tmp_path / "audit")
    log.write(20)
    otlp = {"name": "logs", "type": "otlp", "endpoint": f"http://{hung}", "timeout_s": 300}
    sinks = Sinks((postgres("hung", f"postgresql://u@{hung}/d"), OtlpSinkSettings.model_validate(otlp)), "here")
    sinks.start(log)
    async with asyncio.timeout(60):
        await sinks.stop()
    assert {status.name: status.lag for status in sinks.statuses()} == {"hung": 20, "logs": 20}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_checkpoint_is_given_up_when_its_time_is_over(hung: str) -> None:
    settings = postgres("hung", f"postgresql://u@{hung}/d", 0.01)
    with pytest.raises(UnavailableError, match="TIMEOUT"):
        await Sinks([settings], "here").places()["hung"].put(b"{}")


async def test_sinks_that_were_never_started_can_be_stopped(tmp_path: Path) -> None:
    await Sinks((), "here").stop()
    await Sinks([postgres("db", "postgresql://u@127.0.0.1:1/d")], "here").stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
