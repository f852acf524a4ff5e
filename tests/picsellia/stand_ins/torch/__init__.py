"""Stand-in for PyTorch, of some gigabytes: what the template `data_auto_tagging` asks of it, with NumPy."""

from __future__ import annotations

import numpy as np


class Tensor:
    """Array with the few methods of a tensor that the template calls."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def softmax(self, dim: int) -> Tensor:
        """Softmax along an axis."""
        powers = np.exp(self.values - self.values.max(axis=dim, keepdims=True))
        return Tensor(powers / powers.sum(axis=dim, keepdims=True))

    def argmax(self) -> Tensor:
        """Index of the largest value."""
        return Tensor(self.values.argmax())

    def item(self) -> int:
        """The only value."""
        return int(self.values)


def device(name: str) -> str:
    """Name of a device."""
    return name


def set_num_threads(number: int) -> None:
    """Take a number of threads, of which NumPy needs none."""


class cuda:  # noqa: N801 (PyTorch's name)
    """No GPU."""

    @staticmethod
    def is_available() -> bool:
        """Say that there is none."""
        return False
