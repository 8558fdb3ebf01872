"""Import rules of the three packages, and a web tier that needs no Spark."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.syntax import nodes

ROOT = Path(__file__).resolve().parents[3]
OURS = {"app", "application", "config", "recommender", "spark_jobs"}
BATCH_ONLY = {"pyspark", "pyarrow", "py4j", "ruamel", "matplotlib"}
WEB_ONLY = {"flask", "sqlalchemy", "werkzeug", "wtforms"}
MAY_IMPORT = {
    "recommender": {"recommender"},
    "spark_jobs": {"recommender", "spark_jobs"},
    "app": {"app", "config", "recommender"},
}

# The packages and modules directly in app/, lowest layer first: each imports only from itself and
# from the lines above. Units on the same line do not import each other.
APP_LAYERS = (
    {"extensions", "posters"},
    {"db"},
    {"models"},
    {"observability"},
    {"http"},
    {"accounts"},
    {"catalogue"},
    {"feedback"},
    {"recommend"},
    {"experiments"},
    {"group", "portability", "reports", "base", "home", "api"},
    {"mydata", "owner", "taste"},
    {"error_pages", "template_helpers", "health"},
    {"cli"},
    {"__init__"},
)


def imports(room: str) -> Iterator[tuple[Path, str]]:
    """Yield (file, top-level package) of every import in a room, also inside functions."""
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in nodes(path):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield path, node.module.split(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_only_their_allowed_rooms(room: str) -> None:
    wrong = [(p.name, name) for p, name in imports(room) if name in OURS - MAY_IMPORT[room]]
    assert wrong == []


def imports_within(room: str) -> Iterator[tuple[str, str]]:
    """Yield (importer, imported) for imports from one unit of a room by another.

    A unit is a package or a module directly in the room's folder.
    """
    folder = ROOT / room
    for path in folder.rglob("*.py"):
        importer = path.relative_to(folder).parts[0].removesuffix(".py")
        for node in nodes(path):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == room:
                modules = [f"{room}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                top, _, rest = module.partition(".")
                if top == room and rest and (imported := rest.split(".")[0]) != importer:
                    yield importer, imported


def test_packages_of_app_import_only_from_lower_layers() -> None:
    layer_of = {unit: layer for layer, units in enumerate(APP_LAYERS) for unit in units}
    edges = set(imports_within("app"))
    assert {unit for edge in edges for unit in edge} <= layer_of.keys()
    upwards = {(a, b) for a, b in edges if layer_of[a] <= layer_of[b]}
    assert upwards == set()


def test_app_has_only_listed_modules_outside_of_packages() -> None:
    modules = {path.stem for path in (ROOT / "app").glob("*.py")}
    assert modules == {*("__init__", "extensions", "error_pages", "template_helpers", "health")}


@pytest.mark.parametrize(
    ("room", "forbidden"), [("app", BATCH_ONLY), ("spark_jobs", WEB_ONLY)], ids=["app", "jobs"]
)
def test_tiers_do_not_import_libraries_of_the_other_tier(room: str, forbidden: set[str]) -> None:
    assert [(p.name, name) for p, name in imports(room) if name in forbidden] == []


def test_recommender_imports_only_numpy_msgspec_and_the_standard_library() -> None:
    allowed = {"msgspec", "numpy", "recommender", *sys.stdlib_module_names}
    others = {(p.name, name) for p, name in imports("recommender") if name not in allowed}
    assert others == {("s3.py", name) for name in ("boto3", "botocore", "urllib3")}


def test_web_tier_imports_when_spark_is_not_importable() -> None:
    script = f"""
import sys
class NoSpark:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BATCH_ONLY}:
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, NoSpark())
import application
with application.application.test_client() as client:
    assert client.get("/health").status_code == 200
assert not [name for name in sys.modules if name.startswith(("pyspark", "spark_jobs"))]
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"DEBUG": "True", "SECRET_KEY": "only-for-tests-0123456789", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_web_requirements_exclude_spark() -> None:
    names = (ROOT / "requirements.txt").read_text().lower()
    assert "pyspark" not in names
    assert "pyarrow" not in names
    assert "matplotlib" not in names


# Modules and packages of the jobs, lowest layer first: imports go down only.
JOB_LAYERS = (
    "arrow environment item_features item_prior java java_stderr job_parser progress protocols"
    " ratings"
    " temporary_folders threads units",
    "filesystem job_archive",
    "array_cache session",
    "als",
    "datasets",
    "neighbourhood",
    "config",
    "fit_models reporting training_set",
    "command exploration given_ids output_folder parity_sample",
    "data_in_service evaluation",
    "training tuning",
    "catalogue evaluate explore items pipeline recommend train tune",
)


def job_imports() -> Iterator[tuple[str, str]]:
    """Yield (module, imported module) of every import inside ``spark_jobs``, as paths below it."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "spark_jobs").rglob("*.py")
    }
    for module in sorted(modules):
        path = ROOT / module.replace(".", "/")
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in nodes(source):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in modules else node.module for name in members]
            for name in names:
                if name in modules and name != "spark_jobs":
                    yield module.removeprefix("spark_jobs."), name.removeprefix("spark_jobs.")


def test_job_packages_import_only_from_lower_layers() -> None:
    layer = {name: n for n, names in enumerate(JOB_LAYERS) for name in names.split()}
    packages = {
        (importer.split(".")[0], imported.split(".")[0]) for importer, imported in job_imports()
    }
    upward = [
        (importer, imported)
        for importer, imported in sorted(packages)
        if importer != imported and layer[importer] <= layer[imported]
    ]
    assert upward == []


def test_job_modules_have_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for importer, imported in job_imports():
        graph.setdefault(importer, set()).add(imported)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_modules_do_not_import_each_other() -> None:
    """Shared code is in tests/support."""
    imported = [
        (path.name, node.module)
        for path in (ROOT / "tests").rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.")
        if not (node.module or "").startswith("tests.support")
    ]
    assert imported == []
