"""What would change for a site if a release went into service in place of another one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from recommender.catalogue import Catalogue
from recommender.errors import ReleaseError
from recommender.storage.release import REPORT, Release

REPORT_FIGURES = "report.json"
# A count more than this many times as large, or as small, is of other data.
FAR = 2
COUNTS = ("items", "users", "ratings")


class Verdict(msgspec.Struct, frozen=True):
    """The gate's verdict in a release's report. ``reasons``: why it refused the release."""

    reasons: list[str] = []


class Report(msgspec.Struct, frozen=True):
    gate: Verdict = Verdict()


def check_changes(new: Release, before: Release | None) -> None:
    """Raise ReleaseError if there are ``worrying_changes``, which --force overrides."""
    if changes := worrying_changes(new, before):
        raise ReleaseError(
            f"{new.version}: {'; '.join(changes)}. Add --force to take it all the same"
        )


def worrying_changes(new: Release, before: Release | None) -> list[str]:
    """Return, in words, what speaks against serving ``new`` in place of ``before``.

    The gate's refusal; another catalogue; counts FAR times as large or as small. Raises
    ReleaseError if the report of ``new`` cannot be read.
    """
    refusals = [f"the gate refused it: {reason}" for reason in refusal(new)]
    return refusals + (_of_catalogue(new.catalogue, before.catalogue) if before else [])


def refusal(release: Release) -> list[str]:
    """Return why the gate refused the release when it was trained; empty also if it did not judge.

    Raises ReleaseError.
    """
    if release.folder is None:
        return []
    path = Path(release.folder, REPORT, REPORT_FIGURES)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report).gate.reasons
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise ReleaseError(
            f"{path}: not the report of an evaluation ({error}); publish the release again"
        ) from error


def _of_catalogue(new: Catalogue, before: Catalogue) -> list[str]:
    changes = []
    if (_data_set(new), new.noun) != (_data_set(before), before.noun):
        changes.append(f"its catalogue is {_named(new)}, in service is {_named(before)}")
    for count in COUNTS:
        now, then = getattr(new, count), getattr(before, count)
        if not then <= FAR * now <= FAR * FAR * then:
            word = f"{new.noun}s" if count == "items" else count
            changes.append(f"it has {now:,} {word}, in service are {then:,}")
    return changes


def _data_set(catalogue: Catalogue) -> str:
    """Return the name of the first data set; ratings given on the site are added to it."""
    return catalogue.name.partition(" + ")[0]


def _named(catalogue: Catalogue) -> str:
    return f"{catalogue.name} ({catalogue.items:,} {catalogue.noun}s)"
