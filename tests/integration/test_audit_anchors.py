"""A broker that anchors its audit log: whoever cuts the log's end cannot have it pass for whole."""

from pathlib import Path

from aol_broker.audit.files import files_of
from aol_broker.audit.signing import PUBLIC_KEY_FILE
from aol_broker.audit.verify import verify
from aol_client import AOLDataClient
from running_brokers import StartBroker


async def test_what_is_cut_off_after_the_broker_stopped_is_missed_by_the_anchor(
    start_broker: StartBroker, tmp_path: Path
) -> None:
    audit, anchor = tmp_path / "data" / "audit", tmp_path / "elsewhere" / "anchor.jsonl"
    anchor.parent.mkdir()
    broker = await start_broker(audit={"anchor": {"file": str(anchor)}})
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.request_collection("events")
        await client.insert_many("events", [{"n": number} for number in range(3)])
    await broker.stop()
    keys = [audit / PUBLIC_KEY_FILE]
    whole = verify(audit, public_keys=keys, anchors=[anchor])
    assert whole.whole
    assert whole.vouched_seq == whole.anchored_seq == whole.last_seq == 4
    (segment,) = files_of(audit)
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))
    assert verify(audit, public_keys=keys).whole, "the folder alone does not show it"
    damaged = verify(audit, public_keys=keys, anchors=[anchor])
    assert [damage.seq for damage in damaged.damages][:1] == [3]


async def test_an_anchor_that_cannot_be_written_keeps_no_call_waiting(
    start_broker: StartBroker, tmp_path: Path
) -> None:
    broker = await start_broker(audit={"anchor": {"file": str(tmp_path / "not-there" / "anchor.jsonl")}})
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.request_collection("events")
        await client.insert("events", {})
    await broker.stop()
    assert verify(tmp_path / "data" / "audit").whole
