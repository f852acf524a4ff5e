"""Resource pool of processors and GPUs, with the allocation of each running job."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

_GPU_DEVICE = re.compile(r"nvidia\d+")


@dataclass(frozen=True)
class Allocation:
    """Allocation of one job: a number of processors, and GPUs by index."""

    cpu: int
    gpus: tuple[int, ...] = ()


@dataclass
class ResourcePool:
    """Admission by counting; nothing is enforced on the programs themselves."""

    cpus: int
    gpus: int = 0
    _held: dict[UUID, Allocation] = field(default_factory=dict)

    @classmethod
    def of_machine(cls, cpus: int | None, gpus: int | None) -> ResourcePool:
        """Create the pool of this machine, or of the size given by the options."""
        return cls(cpus or os.cpu_count() or 1, _gpu_count() if gpus is None else gpus)

    def admit(self, job: UUID, cpu: int, gpu: int, already: Allocation | None = None) -> Allocation | None:
        """Allocate resources to a job; None if it has to wait.

        A job that requests more processors than there are gets all of them: it would wait for ever otherwise. One that
        ran before the server restarted keeps its allocation (`already`), even if that is now too much.
        """
        if already is None:
            cpu = min(cpu, self.cpus)
            free = self._free_gpus()
            if cpu > self.cpus - sum(allocation.cpu for allocation in self._held.values()) or gpu > len(free):
                return None
            already = Allocation(cpu, tuple(free[:gpu]))
        self._held[job] = already
        return already

    def release(self, job: UUID) -> None:
        """Release a job's allocation."""
        self._held.pop(job, None)

    def _free_gpus(self) -> list[int]:
        taken = {index for allocation in self._held.values() for index in allocation.gpus}
        return [index for index in range(self.gpus) if index not in taken]


def _gpu_count() -> int:
    devices = Path("/dev")
    return sum(1 for path in devices.iterdir() if _GPU_DEVICE.fullmatch(path.name)) if devices.is_dir() else 0
