"""How much is measured? Sizes, rounds and seconds; the default takes some minutes on two cores."""

from dataclasses import dataclass

IN_FLIGHT = (1, 32, 256)


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a run.

    :ivar seconds: that each side of a line is called for in each round.
    :ivar rounds: how often both sides take their turn. More and shorter turns are the better ones: disks and machines
        have good and bad seconds.
    :ivar bulk_rounds: the same for `insert_many` and scans, whose turns are as long as they are.
    :ivar documents: of `insert_many` and of a scan.
    :ivar sizes: documents of the collections whose queries are compared, the smallest first.
    :ivar collections: how many are registered where that is compared, the least first.
    :ivar bulk_transports: measure `insert_many` and scans also with each call sent by itself. They are few large calls,
        for which that makes little difference.
    """

    seconds: float = 0.2
    rounds: int = 5
    bulk_rounds: int = 3
    documents: int = 100_000
    sizes: tuple[int, ...] = (10_000, 100_000)
    collections: tuple[int, ...] = (10, 1_000, 10_000)
    bulk_transports: bool = False


DEFAULT = Scale()
FULL = Scale(seconds=0.8, rounds=9, bulk_rounds=5, sizes=(10_000, 100_000, 1_000_000), bulk_transports=True)
