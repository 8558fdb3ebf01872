"""Types the commands of pages into shells, in a fresh clone, as a reader does.

A page is one shell, in which variables live on. Programs before the real ones on the path make this
possible without a network, with little data, and in little time:

- ``make run`` goes on in the background, and the next command is typed once it says that the site
  answers;
- other targets of make are typed once with the same words, with quick parameters, and some not at
  all (``LEFT_OUT``);
- ``curl`` fails when the answer is an error.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.manual_pages import Block, code_blocks
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1800  # for a page, on a busy machine
# Targets of make that are not typed, each with the reason.
LEFT_OUT = {
    "test": "it would run these tests in themselves",
    "lint": "it has its own job",
    "docs": "it has its own job",
    "bench": "it takes hours",
    "tune": "it takes minutes",
    "pipeline": "it downloads",
    "clean": "it would remove the environment",
}
FIELDS = re.compile(r'# (\{"\w+"(?:, "\w+")*\})')
PORTS = re.compile(r"(?<=127\.0\.0\.1:)\d{4}|(?<=localhost:)\d{4}|(?<=\bPORT=)\d{4}")

# Options that make jobs quick; those of a page come after them and win. A release of little data
# need not pass the gate.
PARAMETERS = (
    "--ranking-rank 16 --ranking-iterations 2"
    " --rating-rank 16 --rating-iterations 2 --rating-bias-sweeps 2"
)
# Half of a short job is Java compiling Spark.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
OPTIONS = {
    "run": "",  # as the tutorial shows it: measured
    "train": "--promote always",
    "evaluate": "--seeds 0 --protocol B",
}

MAKE = """#!{bash}
set -e
words=() options= target=
for word; do case $word in
{left_out}    ARGS=*) options=${{word#ARGS=}} ;;
    *=*|-*) words+=("$word") ;;
    *) target=$word words+=("$word") ;;
esac; done
case $target in
{quick}    *) quick= ;;
esac
# One data set, many names, and none.
alike=$(printf '%s' "$*|${{RELEASES:-}}" | sed 's| DATA=[^ |]*/ml-[a-z0-9-]*||g')
known={folder}/typed-$(printf '%s' "$alike" | cksum | tr ' ' '-')
set -- "${{words[@]}}" ARGS="$quick $options"
if [ "$target" = run ]; then
    answers() {{ {curl} -s -o /dev/null http://127.0.0.1:${{PORT:-5000}}/health; }}
    if answers; then cat "$known" || true; exit; fi
    setsid {make} "$@" >"$known" 2>&1 </dev/null & pid=$!
    echo $pid >>{folder}/started
    until grep -q '^Marquee is at ' "$known"; do
        kill -0 $pid 2>/dev/null || {{ cat "$known"; exit 1; }}
        sleep 0.2
    done
    cat "$known"
elif [ -e "$known" ]; then
    cat "$known"
else
    {make} "$@" 2>&1 | tee "$known.unfinished"
    [ "${{PIPESTATUS[0]}}" = 0 ] || exit 2
    mv "$known.unfinished" "$known"
fi
"""
CURL = """#!{bash}
exec {curl} --fail-with-body "$@"
"""


@dataclass
class Typed:
    """A block that was typed, and what it printed."""

    block: Block
    output: str


@dataclass
class Typist:
    """A clone of this repository in ``folder``, a home directory beside it, and programs."""

    folder: Path
    environ: dict[str, str] = field(init=False)
    ports: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.home.mkdir()
        subprocess.run(["git", "clone", "--quiet", ROOT, self.clone], check=True)
        _use_environment(self.clone / ".venv")
        self._write_programs()
        self.environ = {
            **{name: os.environ[name] for name in ("LANG", "JAVA_HOME") if name in os.environ},
            "PATH": os.pathsep.join(
                map(str, (self.folder / "bin", self.clone / ".venv" / "bin", os.environ["PATH"]))
            ),
            "HOME": str(self.home),
            "PORT": self.port("5000"),
            "JDK_JAVA_OPTIONS": JAVA,
            "OPTIONS": f"{PARAMETERS} {OPTIONS['train']}",  # of retrain.sh
            "RELEASE_CACHE": str(self.folder / "cache"),
            "http_proxy": "http://127.0.0.1:9",  # nothing leaves this machine
            "https_proxy": "http://127.0.0.1:9",
            "no_proxy": "127.0.0.1,localhost",
        }

    @property
    def clone(self) -> Path:
        return self.folder / "marquee"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def port(self, named: str) -> str:
        """Return the free port that is used for one that pages name."""
        if named not in self.ports:
            self.ports[named] = str(free_port())
        return self.ports[named]

    def type_page(self, path: Path) -> list[Typed]:
        """Type the shell blocks of a page that no mark leaves out; fail where a command fails."""
        return self.type_blocks([b for b in code_blocks(path) if b.language == "sh"], path.name)

    def type_blocks(self, blocks: list[Block], page: str) -> list[Typed]:
        blocks = [block for block in blocks if not block.reason]
        mark = "typed-so-far"
        script = "set -eo pipefail\nexec 2>&1\n"
        for block in blocks:
            text = PORTS.sub(lambda found: self.port(found[0]), block.text)
            script += f"{text}\nprintf '\\n{mark}\\n'\n"
        status, printed = self._run(script)
        *outputs, rest = printed.split(f"\n{mark}\n")
        if status or len(outputs) != len(blocks):
            failed = blocks[len(outputs)]
            raise AssertionError(
                f"{page}, line {failed.line}: status {status}\n{failed.text}\n{rest}"
            )
        return [Typed(*pair) for pair in zip(blocks, outputs, strict=True)]

    def _run(self, script: str) -> tuple[int, str]:
        """Run a shell, and end what it started in the foreground if it takes too long."""
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.clone,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as shell:
            try:
                printed, _ = shell.communicate(timeout=SECONDS)
            except BaseException:
                os.killpg(shell.pid, signal.SIGKILL)
                raise
            return shell.returncode, printed

    def close(self) -> None:
        """End the sites that were started."""
        started = self.folder / "started"
        for pid in started.read_text().split() if started.exists() else ():
            with suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGTERM)  # setsid made it the leader of a group

    def _write_programs(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir()
        real = {name: str(shutil.which(name)) for name in ("bash", "make", "curl")}
        left_out = "".join(
            f"    {name}|{name}-*) echo {shlex.quote(f'{name}: left out, {why}')}; exit ;;\n"
            for name, why in LEFT_OUT.items()
        )
        quick = "".join(
            f"    {name}) quick='{PARAMETERS} {more}' ;;\n" for name, more in OPTIONS.items()
        )
        for name, text in (("make", MAKE), ("curl", CURL)):
            path = programs / name
            shown = {"folder": self.folder, "left_out": left_out, "quick": quick}
            path.write_text(text.format(**shown, **real))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _use_environment(venv: Path) -> None:
    """Make ``venv`` the environment of these tests, complete as far as make can see."""
    running = Path(sys.executable).parent
    venv.mkdir()
    (venv / "bin").mkdir()
    for program in running.iterdir():
        if program.name != "activate":
            (venv / "bin" / program.name).symlink_to(program)
    for name in ("lib", "include"):
        (venv / name).symlink_to(running.parent / name)
    shutil.copy(running.parent / "pyvenv.cfg", venv)
    (venv / "bin" / "activate").write_text(
        f"VIRTUAL_ENV={venv}\nPATH={venv}/bin:$PATH\nexport PATH VIRTUAL_ENV\n"
    )
    for stamp in ("run", "dev"):  # newer than the requirements
        (venv / stamp).touch()


def differences(typed: list[Typed], path: Path) -> Iterator[str]:
    """Yield what a page shows and a block did not print.

    A page shows lines in a ``text`` block after the block, and the fields of an answer in a
    comment: ``# {"gender", "user_id"}``.
    """
    blocks = code_blocks(path)
    for one in typed:
        answers = list(_answers(one.output))
        for fields in FIELDS.findall(one.block.text):
            if set(re.findall(r'"(\w+)"', fields)) not in answers:
                yield f"{path.name}, block at line {one.block.line}: {fields}"
        following = blocks[blocks.index(one.block) + 1 : blocks.index(one.block) + 2]
        for shown in following:
            if shown.language == "text" and not shown.reason:
                lines = shown.text.splitlines()
                yield from (
                    f"{path.name}, line {shown.line + n}: {line}"
                    for n, line in enumerate(lines)
                    if not re.search(_pattern(line), one.output, re.MULTILINE)
                )


def _answers(output: str) -> Iterator[set[str]]:
    """Yield the field names of each JSON object that is printed."""
    for start in re.finditer(r"(?<![\[{:,] )(?<![\[{:,])\{", output):
        with suppress(ValueError):
            yield set(json.JSONDecoder().raw_decode(output[start.start() :])[0])


def _pattern(line: str) -> str:
    """Return a pattern of a line as shown: numbers, tokens and ids may be others."""
    parts = re.split(r"(marquee_\S*?(?=\"|$)|…|\d[\da-f.,:-]*|\s+)", line.strip())
    return "".join(map(_loosely, parts))


def _loosely(part: str) -> str:
    if not part:
        return ""
    if part.isspace():
        return r"\s+"
    if part[0].isdigit():
        return r"\d[\da-f.,:-]*"  # a release's id ends in hexadecimal digits
    return r"\S*" if part.startswith("marquee_") else ".*" if part == "…" else re.escape(part)
