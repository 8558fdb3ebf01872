"""Seeded random choices."""

import hashlib
from random import Random
from typing import TypeVar

Option = TypeVar("Option")


class Dice:
    """Seeded choices. Only Random.random() is used: its sequence is the one Python guarantees."""

    def __init__(self, seed: str):
        digest = hashlib.blake2b(seed.encode(errors="replace"), digest_size=8).digest()
        self.roll = Random(int.from_bytes(digest, "big")).random

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def pick(self, *options: Option) -> Option:
        return options[int(len(options) * self.roll())]
