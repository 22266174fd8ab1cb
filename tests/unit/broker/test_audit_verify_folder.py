"""Does verification get along with whatever lies in a folder: a broker at work, retention, crashes, and rubbish?"""

import os
import pwd
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aol_broker.audit.chain import chained
from aol_broker.audit.files import file_name
from aol_broker.audit.findings import DAMAGES_MAX, Kind, Verification, VerificationError
from aol_broker.audit.signing import PUBLIC_KEY_FILE
from aol_broker.audit.verify import verify
from audit_folders import AuditFolder, lines_of

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


def test_segments_that_retention_removed_are_no_damage_and_are_told(folder: AuditFolder) -> None:
    folder.retain([folder.directory / FIRST, folder.directory / SECOND])
    found = verified(folder)
    assert (found.whole, found.first_seq, found.removed_seq) == (True, 9, 8)
    assert any("removed records 1 to 8, as record 12 says, for which no checkpoint" in text for text in found.unchecked)
    folder.close()
    assert any("as record 12 says: they were not verified" in text for text in verified(folder).unchecked)


def test_a_removal_that_was_interrupted_is_no_damage(folder: AuditFolder) -> None:
    second = (folder.directory / SECOND).read_bytes()
    folder.retain([folder.directory / FIRST, folder.directory / SECOND])
    (folder.directory / SECOND).write_bytes(second)
    found = verified(folder)
    assert (found.whole, found.first_seq, found.removed_seq) == (True, 5, 4)


@pytest.mark.parametrize(("through", "right_head"), [(8, False), (7, True), ("8", True), (None, True)])
def test_a_removal_of_other_records_excuses_nothing(folder: AuditFolder, through: object, right_head: bool) -> None:
    head = folder.prev if right_head else folder.head
    folder.add_own("audit_retention", head=head, segments=[FIRST, SECOND], through_seq=through)
    (folder.directory / FIRST).unlink()
    (folder.directory / SECOND).unlink()
    [damage] = verified(folder).damages
    assert (damage.kind, damage.seq) == (Kind.MISSING, 1)
    assert "no record behind them says that retention removed them" in damage.text


def test_a_service_cannot_say_that_retention_removed_records(folder: AuditFolder) -> None:
    filters = f'{{"head":"{folder.prev}","through_seq":8}}'.encode()
    folder.add(1, operation="audit_retention", filters=filters)
    (folder.directory / FIRST).unlink()
    (folder.directory / SECOND).unlink()
    assert not verified(folder).whole


def test_retention_does_not_excuse_a_segment_that_is_missing_between_others(folder: AuditFolder) -> None:
    checkpoint_head = folder.prev
    folder.add_own("audit_retention", head=checkpoint_head, segments=[SECOND], through_seq=8)
    (folder.directory / SECOND).unlink()
    assert verified(folder).damages[0].kind is Kind.MISSING


def test_a_segment_that_the_broker_gave_up_needs_no_checkpoint_and_is_told(folder: AuditFolder) -> None:
    folder.give_up()
    folder.add(2)
    found = verified(folder)
    assert found.whole
    assert found.notes[0].startswith(f"{THIRD} has no checkpoint: the broker could not go on writing it and gave it up")


def test_records_that_never_counted_may_stand_at_the_end_of_a_segment_that_was_given_up(folder: AuditFolder) -> None:
    head, seq = folder.head, folder.seq
    folder.add(2)
    unanswered = lines_of(folder.path)[-2:]
    folder.path.write_bytes(b"".join(lines_of(folder.path)[:-2]))
    folder.head, folder.seq = head, seq
    folder.give_up(unanswered=[*unanswered, b'{"broker":"torn'])
    found = verified(folder)
    assert (found.whole, found.last_seq) == (True, 12)
    assert "with 2 records at its end that count for nothing" in found.notes[0]


def test_a_record_of_a_resumption_excuses_no_other_segment(folder: AuditFolder) -> None:
    folder.begin()
    folder.add_own("audit_resumed", "IO_ERROR", refused=0, segment=SECOND)
    assert verified(folder).damages[0].kind is Kind.CHECKPOINT
    assert verified(folder).damages[0].file == THIRD


def test_a_segment_that_was_replaced_while_the_broker_ran_is_damage(folder: AuditFolder) -> None:
    folder.path.write_bytes(lines_of(folder.path)[0])
    folder.give_up("SEGMENT_REPLACED")
    folder.add(1)
    assert verified(folder).damages[0].kind is Kind.MISSING


def test_a_broker_that_writes_closes_and_removes_meanwhile_raises_no_false_alarm(folder: AuditFolder) -> None:
    stop = threading.Event()
    rounds = 0

    def broker() -> None:
        kept = [folder.directory / FIRST, folder.directory / SECOND]
        while not stop.is_set():
            kept.append(folder.path)
            folder.add(30)
            folder.rotate()
            if len(kept) > 6:
                folder.retain(kept[:3])
                del kept[:3]

    writing = threading.Thread(target=broker)
    writing.start()
    try:
        while rounds < 30 and writing.is_alive():
            found = verified(folder)
            assert found.damages == ()
            rounds += found.removed_seq > 0
    finally:
        stop.set()
        writing.join()
    assert rounds == 30


def test_what_a_broker_adds_and_closes_while_its_segment_is_read_belongs_to_it(folder: AuditFolder) -> None:
    # The first progress is told when the first block of a segment was read.
    steps: Iterator[Callable[[], object]] = iter(
        [folder.rotate, lambda: folder.add(2), folder.rotate, lambda: folder.add(1)]
    )

    def broker(done: int, total: int) -> None:
        if done > sum((folder.directory / name).stat().st_size for name in (FIRST, SECOND)):
            next(steps, lambda: None)()

    found = verify(folder.directory, public_keys=[folder.public_key], on_progress=broker)
    assert (found.damages, found.last_seq) == ((), folder.seq)
    assert found.last_seq > 11


def test_a_segment_that_retention_removes_before_it_is_read_is_no_damage(folder: AuditFolder) -> None:
    gone = False

    def retention(done: int, total: int) -> None:
        nonlocal gone
        if not gone:
            gone = True
            folder.retain([folder.directory / FIRST, folder.directory / SECOND])

    found = verify(folder.directory, public_keys=[folder.public_key], on_progress=retention)
    assert (found.damages, found.first_seq, found.removed_seq, found.last_seq) == ((), 1, 8, 12)


def test_a_segment_that_somebody_removes_before_it_is_read_is_damage(folder: AuditFolder) -> None:
    def somebody(done: int, total: int) -> None:
        (folder.directory / SECOND).unlink(missing_ok=True)

    found = verify(folder.directory, public_keys=[folder.public_key], on_progress=somebody)
    assert found.damages[0].kind is Kind.MISSING


def test_zeros_that_a_crash_left_are_no_damage(folder: AuditFolder) -> None:
    folder.path.write_bytes(folder.path.read_bytes() + bytes(512))
    assert (verified(folder).whole, verified(folder).torn_bytes) == (True, 512)


RUBBISH: dict[str, bytes] = {
    "empty": b"",
    "blank lines": b"\n" * 5000,
    "binary": bytes(range(256)) * 64,
    "a huge line": b"x" * (10 << 20),
    "a huge line with an end": b'{"broker":"' + b"x" * (10 << 20) + b'"}\n',
    "many damaged lines": b'{"broker":"here-1"}\n' * 50_000,
    "null": b"null\n",
    "deep": b"[" * 100_000 + b"\n",
    "a bare hash": chained(b"{}")[0][1:],
    "half a checkpoint": b'{"checkpoint":{},"signature":""}\n',
    "a checkpoint of nothing": b'{"checkpoint":{},"signature":"' + b"0" * 128 + b'"}\n',
    "no text": b'\xff\xfe{"checkpoint":\n',
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_in_the_place_of_a_segment_is_damage_told_in_bounded_memory(folder: AuditFolder, name: str) -> None:
    (folder.directory / SECOND).write_bytes(RUBBISH[name])
    found = verified(folder)
    assert SECOND in found.damages[0].file
    assert len(found.damages) <= DAMAGES_MAX
    assert found.last_seq == 11
    assert all(damage.text.isprintable() and "xxx" not in damage.text for damage in found.damages)


@pytest.mark.parametrize("name", sorted(RUBBISH.keys() - {"empty"}))
def test_rubbish_in_the_place_of_the_open_segment_is_damage(folder: AuditFolder, name: str) -> None:
    folder.path.write_bytes(RUBBISH[name])
    assert verified(folder).damages[0].file == THIRD


def a_link(path: Path) -> None:
    other = path.with_name("elsewhere")
    path.rename(other)
    path.symlink_to(other)


def a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_link, a_link_to_nothing, a_folder, a_pipe])
@pytest.mark.parametrize("name", [FIRST, SECOND, THIRD])
def test_what_is_no_file_in_the_place_of_a_segment_is_damage(
    folder: AuditFolder, make: Callable[[Path], None], name: str
) -> None:
    make(folder.directory / name)
    [damage] = verified(folder).damages
    assert (damage.kind, damage.file) == (Kind.SEGMENT, name)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody whom the permissions of files keep out, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["audit", f"audit/{SECOND}"])
def test_what_this_user_may_not_read_is_an_error_and_no_damage(
    folder: AuditFolder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From here, as the folders above may be closed to others.
    monkeypatch.chdir(folder.directory.parent)
    for path in (Path(), Path("audit"), *Path("audit").iterdir()):
        path.chmod(0o755)
    Path(name).chmod(0o000)
    with as_nobody(), pytest.raises(VerificationError, match=rf"{name} cannot be read: Permission denied\."):
        verify(Path("audit"))
    Path(name).chmod(0o700)


def test_a_segment_of_record_0_is_damage(folder: AuditFolder) -> None:
    (folder.directory / file_name(0)).write_bytes((folder.directory / FIRST).read_bytes())
    assert verified(folder).damages[0].file == file_name(0)


def test_other_files_are_let_be(folder: AuditFolder) -> None:
    (folder.directory / "audit-1.jsonl").write_text("not a name of a segment")
    (folder.directory / "audit.lock").write_text("1")
    (folder.directory / "index").mkdir()
    assert verified(folder).whole


def test_without_any_key_it_says_that_signatures_were_not_checked(folder: AuditFolder) -> None:
    for content in (None, b"", b"garbage"):
        (folder.directory / PUBLIC_KEY_FILE).unlink(missing_ok=True)
        if content is not None:
            (folder.directory / PUBLIC_KEY_FILE).write_bytes(content)
        found = verify(folder.directory)
        assert (found.whole, found.keys, found.vouched_seq) == (True, (), 0)
        assert found.unchecked[0].startswith("Whether checkpoints are the broker's")


def test_a_key_of_the_folder_itself_is_told_from_one_that_was_kept_elsewhere(folder: AuditFolder) -> None:
    found = verify(folder.directory)
    assert (found.whole, found.keys_given, found.vouched_seq) == (True, False, 8)
    assert "a copy that was kept elsewhere" in found.unchecked[0]
    assert verified(folder).keys_given


def test_a_key_that_was_replaced_is_given_beside_the_new_one(folder: AuditFolder, tmp_path: Path) -> None:
    (tmp_path / "audit-key.pem").rename(tmp_path / "old.pem")
    later = AuditFolder(tmp_path / "later", keys=tmp_path / "new")
    folder.key = later.key
    folder.rotate()
    assert verified(folder).damages[0].file == THIRD
    assert verify(folder.directory, public_keys=[folder.public_key, later.public_key]).whole


@pytest.mark.parametrize(
    ("directory", "says"),
    [("nowhere", "No such file"), ("audit/audit.lock", "Not a directory"), ("", "Did you mean"), ("empty", "no audit")],
)
def test_a_folder_without_segments_is_an_error_and_no_whole_one(folder: AuditFolder, directory: str, says: str) -> None:
    (folder.directory / "audit.lock").touch()
    (folder.directory.parent / "empty").mkdir()
    with pytest.raises(VerificationError, match=says):
        verify(folder.directory.parent / directory)


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"-----BEGIN PUBLIC KEY-----\nMCow\n"])
def test_a_public_key_that_is_none_is_an_error(folder: AuditFolder, tmp_path: Path, content: bytes | None) -> None:
    key = tmp_path / "key.pem"
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(VerificationError, match=r"key\.pem"):
        verify(folder.directory, public_keys=[key])


def test_memory_is_bounded_however_long_segments_are(tmp_path: Path) -> None:
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    folder.add(12_000)
    assert folder.path.stat().st_size > 6 << 20
    tracemalloc.start()
    try:
        assert verify(folder.directory).whole
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 << 20
