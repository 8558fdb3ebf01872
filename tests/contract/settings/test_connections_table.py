"""The tables of connections on the deploy page are those of the Procfile and the settings."""

import re
from pathlib import Path

import config

ROOT = Path(__file__).resolve().parents[3]
SECTION = (
    (ROOT / "docs/deploy.md").read_text().partition("### Connections")[2].partition("\n## ")[0]
)
BACKGROUND = 2  # the watcher of releases, and the refresh of statistics


def rows(columns: int) -> list[list[str]]:
    cells = [line.strip("|").split("|") for line in SECTION.splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in row]
        for row in cells
        if len(row) == columns and "---" not in row[-1]
    ][1:]


def option(name: str) -> int:
    found = re.search(rf"--{name} (\d+)", (ROOT / "Procfile").read_text())
    assert found
    return int(found[1])


def pool() -> int:
    return next(setting.default for setting in config.SETTINGS if setting.name == "DB_POOL")


def test_pool_has_a_connection_for_each_thread_and_the_background() -> None:
    assert pool() == option("threads") + BACKGROUND


def test_table_multiplies_instances_workers_and_connections() -> None:
    counted = [row for row in rows(5) if row[0].isdecimal()]
    assert len(counted) == 5
    for instances, usual, deploying, *_ in counted:
        assert int(usual) == int(instances) * option("workers") * pool()
        assert int(deploying) == 2 * int(usual)


def test_each_class_is_the_smallest_that_a_deployment_fits_into() -> None:
    classes = [(row[0], *(int(n.replace(",", "")) for n in row[2:])) for row in rows(4)]
    assert len(classes) == 5
    for *_, deploying, postgresql, mysql in (row for row in rows(5) if row[0].isdecimal()):
        for column, chosen in ((1, postgresql), (2, mysql)):
            smallest = next(row[0] for row in classes if row[column] > int(deploying))
            assert smallest == chosen
