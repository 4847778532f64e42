"""How many cores there are to work with."""

import os


def n_cores() -> int:
    """Those that this process may use, which a scheduler or taskset may have made fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
