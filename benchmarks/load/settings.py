"""Settings of a load test: users, duration, data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Accounts for each user in the database that is almost empty.
ACCOUNTS_A_PERSON = 2


@dataclass(frozen=True)
class Settings:
    """Settings of a load test, read from the environment in capitals.

    ``think_seconds``: mean seconds between actions of a user; exponential, as in TPC-W.
    """

    people: int = 200
    minutes: float = 10.0
    accounts: int = 100_000
    ratings: int = 10_000_000
    titles: int = 60_000
    think_seconds: float = 7.0
    output: str = "dist/load"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        texts = {f: environ[f.upper()] for f in cls.__dataclass_fields__ if f.upper() in environ}
        return cls(**{f: type(getattr(cls, f))(text) for f, text in texts.items()})

    @property
    def few_accounts(self) -> int:
        return min(self.accounts, ACCOUNTS_A_PERSON * self.people)

    @property
    def few_ratings(self) -> int:
        """Return the ratings for ``few_accounts``: as many per account as in the full database."""
        return self.ratings * self.few_accounts // self.accounts
