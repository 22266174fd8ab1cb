"""Are records that are not there any more those that retention removed? It says so in a record of its own."""

from dataclasses import dataclass

from aol_broker.audit.findings import Findings, Kind

_GAPS_MAX = 1000


@dataclass(slots=True)
class _Gap:
    """Records that are not there, in front of the segment `file`; `head` is the hash of the last, as it says."""

    file: str
    first_seq: int
    last_seq: int
    head: str = ""
    told_by: int = 0


class RetentionGaps:
    """Gaps, and the records of retention that were found behind them."""

    def __init__(self) -> None:
        self._gaps: list[_Gap] = []

    @property
    def removed_seq(self) -> int:
        """The last record that was removed, as a record says; 0 for none."""
        return max((gap.last_seq for gap in self._gaps if gap.told_by), default=0)

    def add(self, file: str, first_seq: int, last_seq: int) -> None:
        """Add records that are not there, in front of a segment."""
        if len(self._gaps) < _GAPS_MAX:
            self._gaps.append(_Gap(file, first_seq, last_seq))

    def know_head(self, last_seq: int, head: str) -> None:
        """Tell the hash of the last record of a gap, which the first record behind it carries."""
        for gap in self._gaps:
            if gap.last_seq == last_seq:
                gap.head = head

    def removed(self, seq: int, through_seq: object, head: object) -> None:
        """Take the record `seq`: those up to `through_seq`, whose hash is `head`, were removed."""
        if not isinstance(through_seq, int):
            return
        for gap in self._gaps:
            # It may have been interrupted before it had removed all, and the chain itself leads to `head` then.
            if through_seq > gap.last_seq or (through_seq == gap.last_seq and head == gap.head):
                gap.told_by = gap.told_by or seq

    def tell(self, findings: Findings, vouched_seq: int) -> None:
        """Tell which gaps are damage, and which were made by retention."""
        for gap in self._gaps:
            records = f"records {gap.first_seq:,} to {gap.last_seq:,}"
            if gap.told_by:
                caution = "" if gap.told_by <= vouched_seq else ", for which no checkpoint vouches yet"
                findings.unchecked.append(
                    f"Retention removed {records}, as record {gap.told_by:,} says{caution}: they were not verified."
                )
            else:
                text = f"{records} are missing, and no record behind them says that retention removed them"
                findings.damage(Kind.MISSING, gap.file, text, seq=gap.first_seq)
