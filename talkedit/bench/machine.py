"""What a benchmark ran on, and how much memory a piece of work takes."""

import ctypes
import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

SAMPLE_EVERY_S = 0.002


def describe_machine() -> dict[str, Any]:
    """What decides the figures: processor, cores, threads, versions, GPU, and how busy the machine is already."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": round(psutil.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def peak_memory_mb(work: Callable[[], object]) -> float:
    """The most memory that `work` has beyond what was there before, in MB: of the GPU if there is one."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    _trim_heap()
    process, done = psutil.Process(os.getpid()), threading.Event()
    sizes = [process.memory_info().rss]

    def watch() -> None:
        while not done.wait(SAMPLE_EVERY_S):
            sizes.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return (max(sizes) - sizes[0]) / 1e6


def peak_resident_mb() -> float | None:
    """The most memory that this process ever had, libraries and all, in MB; None where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return peaks[0] * 1024 / 1e6 if peaks else None


def _trim_heap() -> None:
    """Gives freed memory back to the system, where that can be asked for: work that used it again would look small."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
