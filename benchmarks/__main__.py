"""`python -m benchmarks [NAME…]`: run figures (all without a name), print the table, exit with 1 where one missed."""

import sys
from collections.abc import Callable, Sequence

from benchmarks import bundles, in_memory, loads, million, reads, searches, startup, workers, writes
from benchmarks.compare import HEADER, Figure, Limit

FIGURES: dict[str, Callable[[], Sequence[Figure | Limit]]] = {
    "reads": reads.figures,
    "searches": searches.figures,
    "million": million.figures,
    "in_memory": in_memory.figures,
    "writes": writes.figures,
    "bundles": bundles.figures,
    "loads": loads.figures,
    "startup": startup.figures,
    "workers": workers.figures,
}


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(FIGURES)}.")
        return 2
    print(HEADER)
    missed = False
    for name in names or FIGURES:
        for line in FIGURES[name]():
            print(line, flush=True)
            missed |= "MISSED" in str(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
