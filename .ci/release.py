"""Releases this version of the code: `make release` tags the commit and fills dist/.

    release.py           a tag, the bundle, the jobs' zip, the bill of materials, SHA256SUMS
    release.py sbom      the bill of materials alone (CycloneDX 1.6)

Refuses a working tree with changes, a version without a heading in CHANGES.md, and one that has a
tag already.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
# Everything that some instance or cluster installs; development's tools are not shipped.
TIERS = ("requirements.txt", "requirements-mysql.txt", "requirements-pgsql.txt")
TIERS += ("requirements-spark.txt",)
PACKAGE = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+).*(?P<hashes>(?:\n +--hash=\S+.*)*)",
    re.MULTILINE,
)


class Refused(Exception):
    """The release cannot be made; says why."""


def version() -> str:
    text = (ROOT / "recommender" / "__init__.py").read_text()
    found = re.search(r'^VERSION = "([^"]+)"$', text, re.MULTILINE)
    assert found
    return found[1]


def components() -> list[dict[str, object]]:
    """Return each package with its tiers and the hashes of its files."""
    packages: dict[str, dict[str, object]] = {}
    for tier in TIERS:
        for match in PACKAGE.finditer((ROOT / tier).read_text()):
            name, number = match["name"].lower(), match["version"]
            address = f"pkg:pypi/{name}@{number}"
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", match["hashes"])
            package = packages.setdefault(
                address,
                {
                    "type": "library",
                    "bom-ref": address,
                    "name": name,
                    "version": number,
                    "purl": address,
                    "properties": [],
                    "externalReferences": [
                        {
                            "type": "distribution",
                            "url": f"https://pypi.org/project/{name}/{number}/#files",
                            "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
                        }
                    ],
                },
            )
            properties = package["properties"]
            assert isinstance(properties, list)
            properties.append({"name": "marquee:requirements", "value": tier})
    return [packages[address] for address in sorted(packages)]


def write_bill_of_materials() -> Path:
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "marquee",
                "name": "marquee",
                "version": version(),
            }
        },
        "components": components(),
    }
    DIST.mkdir(exist_ok=True)
    path = DIST / f"marquee-{version()}.cdx.json"
    path.write_text(json.dumps(bill, indent=2) + "\n")
    return path


def check() -> None:
    """Raise Refused if this commit cannot be released."""
    if git("status", "--porcelain"):
        raise Refused("there are changes that are not committed")
    if not re.search(
        rf"^## {re.escape(version())} ", (ROOT / "CHANGES.md").read_text(), re.MULTILINE
    ):
        raise Refused(f"CHANGES.md has no heading '## {version()} – DATE'")
    if git("tag", "--list", f"v{version()}"):
        raise Refused(f"v{version()} is released already; raise VERSION in recommender/__init__.py")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def release() -> None:
    check()
    DIST.mkdir(exist_ok=True)
    bundle, jobs = (DIST / f"marquee-{version()}.zip", DIST / f"marquee-jobs-{version()}.zip")
    git("archive", "--format=zip", "-o", str(bundle), "HEAD")
    command = [sys.executable, "-m", "spark_jobs.job_archive", str(jobs)]
    subprocess.run(command, cwd=ROOT, check=True)
    files = [bundle, jobs, write_bill_of_materials()]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    git("tag", "--annotate", f"v{version()}", "--message", f"Marquee {version()}")
    print(f"v{version()} is tagged; push the tag, and publish from dist/:")
    print("\n".join(f"  {path.name}" for path in files), "\n  SHA256SUMS")


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["sbom"]:
            print(write_bill_of_materials().relative_to(ROOT))
        else:
            release()
    except Refused as error:
        sys.exit(f"error: {error}")
