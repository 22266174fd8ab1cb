"""Does a service that calls too much slow another one? `python -m benchmarks.noisy_neighbour`.

One service has a limit and calls at ten times of it, whatever it is told; its neighbour works at a steady pace. All are
programs of their own, as the broker is: on a small machine they take time of each other, too.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

GOAL = 3.0


def main(arguments: Sequence[str]) -> int:
    """Measure in turn, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noisy_neighbour", description=__doc__)
    parser.add_argument("--limit", type=float, default=200, help="calls a second that the noisy service may make (200)")
    parser.add_argument("--times", type=float, default=10, help="how many times of that it makes (10)")
    parser.add_argument("--in-flight", type=int, help="also a limit of its calls at once")
    parser.add_argument("--pace", type=float, default=200, help="calls a second of the neighbour (200)")
    parser.add_argument("--seconds", type=float, default=5, help="how long a side is measured in a round (5)")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (5)")
    parser.add_argument("--without-limits", action="store_true", help="what becomes of the neighbour without limits")
    chosen = parser.parse_args(arguments)
    # As in `benchmarks.__main__`: before what is imported here.
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    import uvloop

    from benchmarks.neighbour import Noise, measure

    noise = Noise(chosen.limit, chosen.limit * chosen.times, chosen.in_flight, limited=not chosen.without_limits)
    figures = uvloop.run(measure(noise, pace_per_s=chosen.pace, seconds=chosen.seconds, rounds=chosen.rounds))
    counts = {
        what: sum(one.get(what, 0) for one in figures.noise) for what in ("offered", "served", "refused", "failed")
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    sys.stdout.write(f"noisy service, {noise.calls_per_s:,.0f} calls/s: {told}\n")
    for part in (50, 99):
        alone, beside = (figures.median_ms(rounds, part) for rounds in (figures.alone_ms, figures.beside_ms))
        goal = f" (goal: under {GOAL:g})" if part == 99 else ""
        sys.stdout.write(
            f"neighbour's p{part}: alone {alone:.2f} ms, beside it {beside:.2f} ms, ratio {beside / alone:.2f}{goal}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
