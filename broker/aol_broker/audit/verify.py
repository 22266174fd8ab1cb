"""Is an audit folder what its broker wrote? Checks every byte of every record, without a broker, in bounded memory.

What is checked against what: each record against its hash, and against the hash of the one before it; each closed
segment against its signed checkpoint; the chain against the checkpoints that were kept in a second place. A broker may
write in the folder meanwhile, and retention may remove segments from it.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.anchor_file import AnchorFiles
from aol_broker.audit.chain import BrokenChainError, Checkpoint
from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.findings import Findings, Verification, VerificationError
from aol_broker.audit.folder_walk import FolderWalk
from aol_broker.audit.signing import PUBLIC_KEY_FILE, SigningKeyError, key_id, read_public_key

Progress = Callable[[int, int], None]
"""Called with the bytes that were read, and how many there were at the beginning."""


def verify(
    directory: Path,
    *,
    public_keys: Sequence[Path] = (),
    anchors: Sequence[Path] = (),
    on_progress: Progress = lambda done, total: None,
) -> Verification:
    """Return what is found in an audit folder.

    :param public_keys: files of the keys by one of which everything has to be signed; without any, the one in the
        folder is taken, which shows only that the folder agrees with itself.
    :param anchors: files of checkpoints that were kept in a second place.
    :raises VerificationError: the folder, a key or an anchor cannot be read, or the folder holds no segments.
    """
    findings = Findings()
    keys = _keys(directory, public_keys, findings)
    first = first_seq_of(_files(directory)[0])
    # Before the folder is looked at: what is written between the two has no anchor yet.
    book = AnchorFiles(anchors, keys, first - 1)
    files = _files(directory)
    walk = FolderWalk(directory, keys, book, findings, _progress(files, on_progress))
    walk.run(files)
    if not walk.segments and not findings.damage_count:
        raise VerificationError(f"The segments in {directory} were removed while they were about to be read.")
    return _verification(directory, walk, book, findings, keys, given=bool(public_keys), anchored=bool(anchors))


def verify_segment(path: Path, keys: Sequence[Ed25519PublicKey]) -> Checkpoint:
    """Return the checkpoint of a closed segment, once each of its records is what the checkpoint vouches for.

    Whether it follows the segment before it is for who knows that one to say: by `prev` and `first_seq`.

    :raises BrokenChainError: it is not whole, closed, and signed by one of the keys.
    :raises VerificationError: it cannot be read.
    :raises OSError: it is gone.
    """
    findings = Findings()
    walk = FolderWalk(path.parent, keys, AnchorFiles((), keys, 0), findings, lambda done: None)
    walk.read(path)
    for damage in findings.damages:
        raise BrokenChainError(f"{damage.place}: {damage.text}")
    checkpoint = walk.segment.checkpoint if walk.segment is not None else None
    if checkpoint is None:
        raise BrokenChainError(f"{path.name} does not end in a checkpoint")
    return checkpoint


def _files(directory: Path) -> list[Path]:
    try:
        files = files_of(directory)
    except OSError as error:
        raise VerificationError(f"The folder {directory} cannot be read: {error.strerror}.") from None
    if not files:
        inner = directory / "audit"
        where = f" Did you mean {inner}?" if inner.is_dir() else ""
        raise VerificationError(f"There are no audit files (audit-<number>.jsonl) in {directory}.{where}")
    return files


def _keys(directory: Path, given: Sequence[Path], findings: Findings) -> list[Ed25519PublicKey]:
    """Return the keys to believe, and tell what their origin means."""
    inside = directory / PUBLIC_KEY_FILE
    try:
        if given:
            keys = [read_public_key(path) for path in given]
    except SigningKeyError as error:
        raise VerificationError(str(error)) from None
    try:
        own = read_public_key(inside)
    except SigningKeyError as error:
        if not given:
            findings.unchecked.append(f"Whether checkpoints are the broker's: no public key was given, and {error}")
            return []
        return keys
    if not given:
        findings.unchecked.append(
            f"Who wrote the records: the key is {PUBLIC_KEY_FILE} of the folder itself, which whoever changed the rest "
            "could change too: give --public-key a copy that was kept elsewhere."
        )
        return [own]
    if key_id(own) not in {key_id(key) for key in keys}:
        findings.notes.append(f"{PUBLIC_KEY_FILE} in the folder, which was not used, is another key than the given.")
    return keys


def _progress(files: Sequence[Path], on_progress: Progress) -> Callable[[int], None]:
    total = 0
    for path in files:
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return lambda done: on_progress(done, max(done, total))


def _verification(
    directory: Path,
    walk: FolderWalk,
    book: AnchorFiles,
    findings: Findings,
    keys: Sequence[Ed25519PublicKey],
    *,
    given: bool,
    anchored: bool,
) -> Verification:
    brokers = walk.chain.brokers
    agreed, anchored_seq = book.totals(brokers)
    vouched = max(walk.vouched_seq, anchored_seq if keys else 0)
    _tell_what_is_open(walk, vouched, findings, keys)
    _tell_notes(walk, findings)
    if not anchored:
        findings.unchecked.append(
            "Whether records were cut off at the end: no anchor was given (--anchor), and what is left of a chain that "
            "was cut is a chain."
        )
    return Verification(
        directory=directory,
        brokers=tuple(brokers),
        segments=walk.segments,
        records=walk.chain.records,
        size_bytes=walk.size_bytes,
        first_seq=walk.first_seq,
        last_seq=walk.chain.seq,
        open_segment=walk.open_segment,
        torn_bytes=walk.torn_bytes,
        vouched_seq=vouched,
        keys=tuple(key_id(key) for key in keys),
        keys_given=given,
        anchors=agreed,
        anchored_seq=anchored_seq,
        removed_seq=walk.gaps.removed_seq,
        damages=findings.damages,
        damage_count=findings.damage_count,
        unchecked=tuple(findings.unchecked),
        notes=tuple(findings.notes),
    )


def _tell_what_is_open(
    walk: FolderWalk, vouched_seq: int, findings: Findings, keys: Sequence[Ed25519PublicKey]
) -> None:
    """Tell for what at the end nobody vouches yet."""
    if not walk.open_segment:
        return
    open_records = walk.chain.seq - max(vouched_seq, walk.first_seq - 1)
    if open_records > 0 and keys:
        findings.unchecked.append(
            f"{walk.open_segment} is open: no checkpoint vouches yet for the last {open_records:,} records (up to "
            f"{walk.chain.seq:,}). They agree with each other."
        )
    if walk.torn_bytes:
        findings.unchecked.append(
            f"{walk.open_segment} ends in {walk.torn_bytes:,} bytes of a record that is not whole: a broker is writing "
            "it, or was killed as it did."
        )


def _tell_notes(walk: FolderWalk, findings: Findings) -> None:
    if len(walk.chain.brokers) > 1:
        findings.notes.append(f"The broker's name changed: {', '.join(walk.chain.brokers)}.")
    if walk.chain.clock_set_back is not None:
        seq, time, before = walk.chain.clock_set_back
        findings.notes.append(
            f"The broker's clock was set back: record {seq:,} says {time}, and one before it {before}. The order of "
            "records does not depend on the clock."
        )
