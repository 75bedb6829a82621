"""`python -m benchmarks [NAME...]` runs the given benchmarks, or all by default."""

import os
import sys
from importlib import import_module

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ALL = ("peer", "network", "step", "pipeline", "embedder", "exports", "retrieval", "whole", "many", "video")


def main() -> None:
    """Runs the benchmarks given on the command line."""
    names = sys.argv[1:] or ALL
    for name in names:
        if name not in ALL:
            raise SystemExit(f"error: unknown benchmark {name}; choose from {', '.join(ALL)}")
    for name in names:
        print(f"\n== {name}", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
