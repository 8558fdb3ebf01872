"""The command line of a job."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


class JobParser(argparse.ArgumentParser):
    """A parser whose help begins with ``examples``: arguments of ``python -m MODULE``."""

    def __init__(self, module: str, description: str, examples: Sequence[str]):
        super().__init__(prog=f"python -m {module}", description=description)
        self.examples = [f"{self.prog} {example}" for example in examples]

    def format_help(self) -> str:
        lines = "".join(f"  {example}\n" for example in self.examples)
        return f"examples:\n{lines}\n{super().format_help()}"
