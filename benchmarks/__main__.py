"""`python -m benchmarks [NAME...]` runs the given benchmarks, or all by default."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import exports, network, pipeline, retrieval, step, video

ALL = {
    "exports": exports.main,
    "network": network.main,
    "pipeline": pipeline.main,
    "retrieval": retrieval.main,
    "step": step.main,
    "video": video.main,
}


def main() -> None:
    """Runs the benchmarks given on the command line."""
    names = sys.argv[1:] or list(ALL)
    for name in names:
        if name not in ALL:
            raise SystemExit(f"error: unknown benchmark {name}; choose from {', '.join(ALL)}")
    for name in names:
        print(f"\n== {name}", flush=True)
        ALL[name]()


if __name__ == "__main__":
    main()
