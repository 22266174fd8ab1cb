"""Does verification find whatever was done to audit records, and name the first one that is bad?"""

import contextlib
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aol_broker.audit.chain import BrokenChainError, chained
from aol_broker.audit.files import file_name, files_of
from aol_broker.audit.findings import Kind, Verification
from aol_broker.audit.signing import PUBLIC_KEY_FILE, read_or_make_signing_key, read_public_key
from aol_broker.audit.verify import verify, verify_segment
from audit_folders import START_US, AuditFolder, lines_of, rewritten

FIRST, SECOND, THIRD = file_name(1), file_name(5), file_name(9)


@pytest.fixture
def folder(tmp_path: Path) -> AuditFolder:
    """Records 1 to 4 and 5 to 8 in closed segments, 9 to 11 in the open one."""
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    for count in (4, 4):
        folder.add(count)
        folder.rotate()
    folder.add(3)
    return folder


def verified(folder: AuditFolder) -> Verification:
    return verify(folder.directory, public_keys=[folder.public_key])


def first_bad(folder: AuditFolder) -> tuple[Kind, str, int, int]:
    """Kind, file, line and record of the first thing that is wrong."""
    damage = verified(folder).damages[0]
    return damage.kind, damage.file, damage.line, damage.seq


def change(path: Path, how: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(how(lines_of(path))))


def test_a_folder_as_the_broker_left_it_is_whole(folder: AuditFolder) -> None:
    found = verified(folder)
    assert found.whole
    assert (found.segments, found.records, found.first_seq, found.last_seq) == (3, 11, 1, 11)
    assert found.size_bytes == sum(path.stat().st_size for path in files_of(folder.directory))
    assert (found.open_segment, found.vouched_seq, found.brokers) == (THIRD, 8, ("here-1",))
    assert any("no checkpoint vouches yet for the last 3 records" in text for text in found.unchecked)
    folder.close()
    found = verified(folder)
    assert (found.whole, found.open_segment, found.vouched_seq) == (True, "", 11)
    assert found.unchecked == tuple(text for text in found.unchecked if "no anchor was given" in text)


def flips(path: Path) -> Iterator[int]:
    """Change one bit after the other in a file, with the place of its byte; each is as before when the next is."""
    # In place: a file system may take its time to cut a file and write it anew.
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(path.read_bytes()):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place)
                yield place
            os.pwrite(file.fileno(), bytes([byte]), place)


def test_every_flipped_bit_of_a_closed_segment_is_found(tmp_path: Path) -> None:
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    folder.add(1)
    folder.close()
    key = read_public_key(folder.public_key)
    missed = []
    for place in flips(folder.path):
        with contextlib.suppress(BrokenChainError):
            verify_segment(folder.path, [key])
            missed.append(place)
    assert missed == []


def test_every_flipped_bit_of_the_open_segment_is_found(tmp_path: Path) -> None:
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    folder.add(1)
    assert [place for place in flips(folder.path) if verify(folder.directory).whole] == []


def test_a_changed_record_is_named_by_file_line_byte_and_number_and_told_once(folder: AuditFolder) -> None:
    def changed(lines: list[bytes]) -> list[bytes]:
        return [lines[0], lines[1].replace(b'"result_count":1', b'"result_count":2'), *lines[2:]]

    offset = len(lines_of(folder.directory / SECOND)[0])
    change(folder.directory / SECOND, changed)
    found = verified(folder)
    [damage] = found.damages
    assert (damage.kind, damage.file, damage.line, damage.offset, damage.seq) == (Kind.CHANGED, SECOND, 2, offset, 6)
    assert damage.place == f"{SECOND}, line 2 (byte {offset:,}), record 6"
    assert damage.text == "the record was changed: its hash is not that of what it says"


@pytest.mark.parametrize("place", range(4))
def test_each_dropped_record_is_found(folder: AuditFolder, place: int) -> None:
    change(folder.directory / SECOND, lambda lines: lines[:place] + lines[place + 1 :])
    assert first_bad(folder) == (Kind.MISSING, SECOND, place + 1, 5 + place)
    assert verified(folder).damage_count == 1


@pytest.mark.parametrize("place", range(2))
def test_a_record_dropped_from_the_open_segment_is_found_unless_it_is_the_last(folder: AuditFolder, place: int) -> None:
    change(folder.path, lambda lines: lines[:place] + lines[place + 1 :])
    assert first_bad(folder) == (Kind.MISSING, THIRD, place + 1, 9 + place)


@pytest.mark.parametrize("place", range(4))
def test_each_repeated_record_is_found(folder: AuditFolder, place: int) -> None:
    change(folder.directory / SECOND, lambda lines: [*lines[: place + 1], lines[place], *lines[place + 1 :]])
    assert first_bad(folder) == (Kind.OUT_OF_PLACE, SECOND, place + 2, 5 + place)
    assert verified(folder).damage_count == 1


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (0, 3), (2, 3)])
def test_swapped_records_are_found(folder: AuditFolder, one: int, other: int) -> None:
    def swapped(lines: list[bytes]) -> list[bytes]:
        lines[one], lines[other] = lines[other], lines[one]
        return lines

    change(folder.directory / SECOND, swapped)
    _, file, line, _ = first_bad(folder)
    assert (file, line) == (SECOND, one + 1)


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_a_closed_segment_cut_at_any_byte_is_found(folder: AuditFolder, name: str) -> None:
    path = folder.directory / name
    good = path.read_bytes()
    for size in range(0, len(good), 23):
        path.write_bytes(good[:size])
        assert verified(folder).damages[0].file == name, size


def test_the_open_segment_cut_in_a_record_is_no_damage_but_told(folder: AuditFolder) -> None:
    # That is what a killed broker leaves, and what a running one is seen to write.
    lines = lines_of(folder.path)
    folder.path.write_bytes(lines[0] + lines[1][:100])
    found = verified(folder)
    assert (found.whole, found.last_seq, found.torn_bytes) == (True, 9, 100)
    assert any("ends in 100 bytes of a record that is not whole" in text for text in found.unchecked)


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_a_missing_segment_is_found(folder: AuditFolder, name: str) -> None:
    (folder.directory / name).unlink()
    kind, _, _, seq = first_bad(folder)
    assert (kind, seq) == (Kind.MISSING, 1 if name == FIRST else 5)
    assert verified(folder).damage_count == 1


def test_a_renamed_segment_is_found(folder: AuditFolder) -> None:
    (folder.directory / SECOND).rename(folder.directory / file_name(6))
    assert first_bad(folder)[1] == file_name(6)
    (folder.directory / file_name(6)).rename(folder.directory / "old.jsonl")
    assert first_bad(folder)[:2] == (Kind.MISSING, THIRD)


def test_swapped_segments_are_found(folder: AuditFolder) -> None:
    one, other = folder.directory / FIRST, folder.directory / SECOND
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert first_bad(folder) == (Kind.MISSING, FIRST, 1, 1)


@pytest.mark.parametrize("seq", [3, 12, 13])
@pytest.mark.parametrize("source", ["", FIRST, THIRD])
def test_an_added_or_repeated_segment_is_found(folder: AuditFolder, seq: int, source: str) -> None:
    (folder.directory / file_name(seq)).write_bytes((folder.directory / source).read_bytes() if source else b"")
    assert not verified(folder).whole


def test_a_missing_checkpoint_is_found(folder: AuditFolder) -> None:
    change(folder.directory / SECOND, lambda lines: lines[:-1])
    assert first_bad(folder) == (Kind.CHECKPOINT, SECOND, 5, 8)


def test_a_checkpoint_moved_repeated_or_followed_by_records_is_found(folder: AuditFolder) -> None:
    path = folder.directory / SECOND
    good = path.read_bytes()
    for how in (
        lambda lines: [lines[4], *lines[:4]],
        lambda lines: [*lines, lines[4]],
        lambda lines: [*lines[:2], lines[4], *lines[2:4]],
        lambda lines: [*lines[:4], lines_of(folder.directory / FIRST)[-1]],
        lambda lines: [*lines, b"{}"],
    ):
        path.write_bytes(good)
        change(path, how)
        assert verified(folder).damages[0].file == SECOND


def test_a_checkpoint_signed_with_another_key_is_found(folder: AuditFolder, tmp_path: Path) -> None:
    other = read_or_make_signing_key(tmp_path / "other.pem")
    folder.path.write_bytes(folder.path.read_bytes() + folder.checkpoint(closed=True, key=other))
    assert first_bad(folder)[:3] == (Kind.CHECKPOINT, THIRD, 4)
    # It would not be found by whoever takes the key from the folder, when the forger has put his there.
    (folder.directory / PUBLIC_KEY_FILE).write_bytes(other.public_pem())
    assert not verified(folder).whole


def test_a_checkpoint_made_for_an_anchor_closes_no_segment(folder: AuditFolder) -> None:
    folder.path.write_bytes(folder.path.read_bytes() + folder.checkpoint(closed=False))
    assert first_bad(folder)[:3] == (Kind.CHECKPOINT, THIRD, 4)


def test_records_rewritten_with_their_hashes_are_found_by_the_checkpoint(folder: AuditFolder) -> None:
    path = folder.directory / SECOND
    *records, checkpoint = lines_of(path)
    records[1] = records[1].replace(b'"UA"', b'"DL"')
    prev = json.loads(records[0])["prev"]
    path.write_bytes(b"".join([*rewritten(records, prev), checkpoint]))
    assert first_bad(folder)[:2] == (Kind.REWRITTEN, SECOND)
    assert verified(folder).damage_count == 1


def test_a_chain_rewritten_to_its_end_with_a_new_key_is_found_by_the_key_that_was_kept_elsewhere(
    folder: AuditFolder, tmp_path: Path
) -> None:
    forger = tmp_path / "forger"
    forger.mkdir()
    forged = AuditFolder(forger / "audit", keys=forger)
    for count in (4, 4):
        forged.add(count, filters=b'{"carrier":"DL"}')
        forged.rotate()
    forged.add(3)
    assert verify(forged.directory).whole
    found = verify(forged.directory, public_keys=[folder.public_key])
    assert found.damages[0].kind is Kind.CHECKPOINT
    assert "another key" in found.notes[0]


def test_a_segment_of_another_brokers_chain_is_found(folder: AuditFolder, tmp_path: Path) -> None:
    other = AuditFolder(tmp_path / "other", keys=tmp_path, broker="there-2")
    other.add(4)
    other.rotate()
    other.add(4)
    other.rotate()
    (folder.directory / SECOND).write_bytes((other.directory / SECOND).read_bytes())
    damage = verified(folder).damages[0]
    assert (damage.kind, damage.file, damage.line, damage.seq) == (Kind.OUT_OF_PLACE, SECOND, 1, 5)
    assert "there-2" in damage.text


def test_a_broker_that_changed_its_name_is_no_damage(folder: AuditFolder) -> None:
    folder.broker = "renamed-1"
    folder.add(2)
    found = verified(folder)
    assert (found.whole, found.brokers) == (True, ("here-1", "renamed-1"))
    assert "here-1, renamed-1" in found.notes[0]


def test_a_clock_set_back_is_a_note_and_no_damage(folder: AuditFolder) -> None:
    folder.add_resolved(START_US - 86_400_000_000)
    folder.time_us += 3_600_000_000
    folder.add(1)
    assert verified(folder).notes == ()
    folder.time_us -= 3_000_000_000
    folder.add(2)
    found = verified(folder)
    assert found.whole
    assert "clock was set back: record 14 says 2025-11-22T12:10:" in found.notes[0]


def test_what_a_filter_says_passes_for_nothing_else(folder: AuditFolder) -> None:
    prev = folder.head
    nested = f'{{"a":{{"hash":"{prev}","prev":"{prev}","seq":10,"timestamp":"9"}},"b":",\\"seq\\":10,"}}'.encode()
    folder.add(3, filters=nested, reason=',"seq":10,', request_id=f',"prev":"{prev}"')
    assert verified(folder).whole
    change(folder.path, lambda lines: [*lines[:3], *lines[4:]])
    assert first_bad(folder) == (Kind.MISSING, THIRD, 4, 12)


def test_behind_prev_a_record_holds_texts_and_numbers_only(folder: AuditFolder) -> None:
    # That is what verification without decoding rests on.
    record = json.loads(lines_of(folder.path)[0])
    keys = list(record)
    assert keys == [*sorted(keys[:-1]), "hash"]
    assert {type(record[key]) for key in keys[keys.index("prev") :]} == {str, int}


def test_a_line_that_is_no_record_is_found_although_its_hash_is_right(folder: AuditFolder) -> None:
    for body in (b"{}", b'{"seq":12}', b'{"broker":"here-1","prev":"","seq":true,"timestamp":""}', b"[1,2]"):
        good = folder.path.read_bytes()
        folder.path.write_bytes(good + chained(body)[0])
        assert first_bad(folder)[1:] == (THIRD, 4, 12)
        folder.path.write_bytes(good)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), name=st.sampled_from([FIRST, SECOND, THIRD]))
def test_whatever_is_done_to_a_segment_ends_in_an_answer_and_only_a_cut_tail_passes(
    folder: AuditFolder, seed: int, name: str
) -> None:
    path = folder.directory / name
    good = path.read_bytes()
    dice = random.Random(seed)
    start, end = sorted(dice.randrange(len(good) + 1) for _ in range(2))
    put = dice.randbytes(dice.randrange(60)) if dice.random() < 0.5 else good[: dice.randrange(1000)]
    bad = good[:start] + put + good[end:]
    path.write_bytes(bad)
    found = verified(folder)
    path.write_bytes(good)
    # What looks like a crash is told, though not as damage.
    passes = bad == good or (name == THIRD and good.startswith(bad))
    assert found.whole == passes or (found.whole and found.torn_bytes > 0)


def test_one_segment_can_be_verified_alone(folder: AuditFolder) -> None:
    key = read_public_key(folder.public_key)
    checkpoint = verify_segment(folder.directory / SECOND, [key])
    assert (checkpoint.first_seq, checkpoint.last_seq) == (5, 8)
    with pytest.raises(BrokenChainError, match="does not end in a checkpoint"):
        verify_segment(folder.path, [key])
    change(folder.directory / SECOND, lambda lines: [*lines[:1], *lines[2:]])
    with pytest.raises(BrokenChainError, match="record 6"):
        verify_segment(folder.directory / SECOND, [key])
