"""Do checkpoints that were kept in a second place show what the folder alone cannot: a cut end, a rewritten one?"""

from pathlib import Path

import pytest

from aol_broker.audit.files import file_name
from aol_broker.audit.findings import Kind, Verification, VerificationError
from aol_broker.audit.verify import verify
from audit_folders import AuditFolder, lines_of, rewritten

FIRST, SECOND = file_name(1), file_name(5)


@pytest.fixture
def folder(tmp_path: Path) -> AuditFolder:
    """Records 1 to 4 in a closed segment, 5 to 8 in the open one; anchors about 2, 4, 6 and 8."""
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    anchors = []
    folder.add(2)
    anchors.append(folder.checkpoint())
    folder.add(2)
    anchors.append(folder.rotate())
    for _ in range(2):
        folder.add(2)
        anchors.append(folder.checkpoint())
    anchor(folder).write_bytes(b"".join(anchors))
    return folder


def anchor(folder: AuditFolder) -> Path:
    return folder.directory.parent / "anchor.jsonl"


def verified(folder: AuditFolder, *more: Path) -> Verification:
    return verify(folder.directory, public_keys=[folder.public_key], anchors=[anchor(folder), *more])


def test_anchors_that_agree_vouch_for_the_records_of_the_open_segment(folder: AuditFolder) -> None:
    found = verified(folder)
    assert (found.whole, found.anchors, found.anchored_seq, found.vouched_seq) == (True, 4, 8, 8)
    assert found.unchecked == ()
    folder.add(1)
    [text] = verified(folder).unchecked
    assert "no checkpoint vouches yet for the last 1 records (up to 9)" in text


@pytest.mark.parametrize("kept", range(4))
def test_a_cut_end_is_found_and_the_first_missing_record_named(folder: AuditFolder, kept: int) -> None:
    folder.path.write_bytes(b"".join(lines_of(folder.path)[:kept]))
    assert verify(folder.directory).whole
    damage = verified(folder).damages[0]
    assert (damage.kind, damage.file, damage.line, damage.seq) == (Kind.MISSING, SECOND, kept + 1, 5 + kept)
    assert f"records {5 + kept} to 8 are missing" in damage.text
    assert f"{anchor(folder)}, line 4" in damage.text


def test_a_removed_open_segment_is_found(folder: AuditFolder) -> None:
    folder.path.unlink()
    assert verify(folder.directory).whole
    assert verified(folder).damages[0].seq == 5


@pytest.mark.parametrize("place", range(4))
def test_an_open_segment_whose_records_were_rewritten_with_their_hashes_is_found(
    folder: AuditFolder, place: int
) -> None:
    lines = lines_of(folder.path)
    lines[place] = lines[place].replace(b'"UA"', b'"DL"')
    folder.path.write_bytes(b"".join(rewritten(lines, folder.prev)))
    assert verify(folder.directory).whole
    damage = verified(folder).damages[0]
    assert (damage.kind, damage.file, damage.seq) == (Kind.REWRITTEN, SECOND, 6 if place < 2 else 8)


def test_a_folder_made_anew_with_another_key_is_found_without_the_old_public_key(
    folder: AuditFolder, tmp_path: Path
) -> None:
    forged = AuditFolder(tmp_path / "forged", keys=tmp_path / "forger")
    forged.add(4)
    forged.rotate()
    forged.add(4)
    assert verify(forged.directory).whole
    damage = verify(forged.directory, anchors=[anchor(folder)]).damages[0]
    assert (damage.kind, damage.line, damage.seq) == (Kind.ANCHOR, 1, 2)


def test_anchors_of_several_brokers_may_stand_in_one_file(folder: AuditFolder, tmp_path: Path) -> None:
    other = AuditFolder(tmp_path / "other", keys=tmp_path / "other-keys", broker="there-2")
    other.add(6)
    anchor(folder).write_bytes(other.checkpoint() + anchor(folder).read_bytes() + other.checkpoint())
    found = verified(folder)
    assert (found.damages, found.anchors, found.anchored_seq) == ((), 4, 8)


def test_anchors_none_of_which_is_about_the_broker_are_damage(folder: AuditFolder, tmp_path: Path) -> None:
    other = AuditFolder(tmp_path / "other", keys=tmp_path, broker="there-2")
    other.add(6)
    anchor(folder).write_bytes(other.checkpoint())
    [damage] = verified(folder).damages
    assert (damage.kind, damage.file) == (Kind.ANCHOR, str(anchor(folder)))
    assert "none of the 1 anchors is about this broker" in damage.text


def test_what_a_sink_wrote_records_included_is_taken_as_it_is(folder: AuditFolder) -> None:
    anchor(folder).write_bytes(folder.path.read_bytes() + anchor(folder).read_bytes() + folder.path.read_bytes())
    assert (verified(folder).anchors, verified(folder).unchecked) == (4, ())


def test_several_files_of_anchors_and_any_order_of_them_do(folder: AuditFolder, tmp_path: Path) -> None:
    lines = lines_of(anchor(folder))
    more = tmp_path / "more.jsonl"
    more.write_bytes(b"".join([lines[3], lines[0], lines[1]]))
    anchor(folder).write_bytes(b"".join([lines[2], lines[2], b"\n", lines[1]]))
    found = verified(folder, more)
    assert (found.damages, found.anchors, found.vouched_seq) == ((), 6, 8)


def test_an_anchor_that_was_changed_is_named_and_a_torn_one_is_not_used(folder: AuditFolder) -> None:
    good = anchor(folder).read_bytes()
    anchor(folder).write_bytes(good.replace(b'"last_seq":6', b'"last_seq":7').replace(b'"count":2', b'"count":3'))
    damage = verified(folder).damages[0]
    assert (damage.kind, damage.file, damage.line) == (Kind.ANCHOR, str(anchor(folder)), 3)
    anchor(folder).write_bytes(good[:-100] + b"\n")
    found = verified(folder)
    assert (found.damages, found.anchors, found.vouched_seq) == ((), 3, 6)
    assert any("Torn or damaged anchors" in text and "line 4" in text for text in found.unchecked)


def test_anchors_of_records_that_retention_removed_are_no_damage(folder: AuditFolder) -> None:
    folder.retain([folder.directory / FIRST])
    found = verified(folder)
    # The one about record 4 is compared with what record 5 says of it.
    assert (found.damages, found.anchors, found.removed_seq) == ((), 3, 4)
    assert any("1 anchors are about records that are there no more" in text for text in found.unchecked)


def test_an_anchor_of_no_record_at_all_agrees(tmp_path: Path) -> None:
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    anchor(folder).write_bytes(folder.checkpoint())
    folder.add(1)
    assert (verified(folder).damages, verified(folder).anchors) == ((), 1)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"garbage", b"\0" * 100, b"x" * (9 << 20), b'{"checkpoint":{}\n'])
def test_a_file_that_holds_no_anchors_is_told(folder: AuditFolder, content: bytes) -> None:
    anchor(folder).write_bytes(content)
    found = verified(folder)
    assert found.whole
    assert any("holds no anchor" in text for text in found.unchecked)


def test_an_anchor_that_cannot_be_read_is_an_error(folder: AuditFolder, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(VerificationError, match="cannot be read"):
            verified(folder, path)


@pytest.mark.parametrize("head", ["", "0", "z" * 64, "é", None, 7])
def test_an_anchor_whose_hash_is_none_is_no_crash(folder: AuditFolder, head: object) -> None:
    from dataclasses import replace

    from aol_broker.audit.chain import Checkpoint

    facts = Checkpoint("here-1", "", SECOND, 5, 8, "", "", closed=False)
    anchor(folder).write_bytes(replace(facts, head=head).line(folder.key))  # type: ignore[arg-type]
    assert isinstance(verified(folder).damage_count, int)
