"""`make audit` and `make sbom`: what the project is made of, and whether anything of it is known to be weak.

`lock`: every requirement is pinned to one version and to hashes. `weaknesses`: pip-audit, where its service can be
reached. `sbom FILE`: what is installed to run the connector, as CycloneDX, without a word of where it came from.
`tools`: what the environment of these tools is made of, for `make lock`.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-audit.lock")
_TOOLS = ROOT / "build" / "tools" / "bin"
_PROJECT = ROOT / "pyproject.toml"
_CHECK = """
import sys
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
flaw = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(f"the bill of materials does not fit its schema: {flaw}" if flaw else 0)
"""
_PINNED = re.compile(r"([A-Za-z0-9][\w.\[\],-]*)==(\S+?)(?:\s*;.*)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each requirement of a lock as it is written, with its options."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = line.partition(" #")[0].strip()
        if bare and not bare.startswith("#"):
            first, *options = re.split(r"\s+(?=--)", bare)
            yield first.strip(), options


def flaws_of_lock(text: str) -> list[str]:
    """What of a lock is not pinned, or could come from anywhere."""
    flaws = []
    for requirement, options in requirements(text):
        if requirement.startswith("-") or "://" in requirement or " @ " in requirement:
            flaws.append(f"{requirement.split()[0]}: names a place to install from")
        elif not _PINNED.fullmatch(requirement):
            flaws.append(f"{requirement}: is not pinned to one version")
        elif not options or not all(_HASH.fullmatch(option.strip()) for option in options):
            flaws.append(f"{requirement}: has no SHA-256 hash, or something else beside it")
    return flaws


def check_lock() -> int:
    """Say what is wrong with the locks."""
    found = 0
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")
        flaws = flaws_of_lock(text)
        for flaw in flaws:
            print(f"{lock.name}: {flaw}", file=sys.stderr)
        if not flaws:
            print(f"{lock.name}: {sum(1 for _ in requirements(text))} packages, each pinned by hash")
        found += len(flaws)
    return 1 if found else 0


def check_weaknesses() -> int:
    """Ask for published weaknesses of what the lock pins; 1 where there are any."""
    command = [str(_TOOLS / "pip-audit"), "--disable-pip", "--require-hashes", "-r", str(LOCKS[0])]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _not_looked_up((ended.stderr.strip().splitlines() or ["no reason given"])[-1])
    found = [one for one in told if "skip_reason" not in one]
    if not found:
        return _not_looked_up(told[0]["skip_reason"] if told else "nothing is installed")
    if len(found) < len(told):
        print(f"pip-audit: {len(told) - len(found)} packages are unknown to the service")
    weak = [(one["name"], one["version"], flaw) for one in found for flaw in one.get("vulns", [])]
    for name, version, flaw in weak:
        remedy = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
        print(f"pip-audit: {name} {version}: {flaw['id']}, mended in {remedy}", file=sys.stderr)
    if not weak:
        print(f"pip-audit: nothing is known against {len(found)} packages")
    return 1 if weak else 0


def _not_looked_up(reason: str) -> int:
    print("pip-audit: the service of known weaknesses cannot be reached, so NONE WERE LOOKED UP")
    print(f"  {reason[:200]}")
    return 0


def write_sbom(target: Path) -> int:
    """Write the bill of materials of what runs, checked against its schema by the tool that makes it."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "sbom.json")
        subprocess.run(
            [
                *(str(_TOOLS / "cyclonedx-py"), "environment", sys.executable),
                *("--pyproject", str(_PROJECT), "--mc-type", "application"),
                *("--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6"),
                *("--validate", "--output-file", str(raw)),
            ],
            check=True,
        )
        bill = without_places(only(json.loads(raw.read_text(encoding="utf-8")), running()))
        raw.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        subprocess.run([str(_TOOLS / "python"), "-c", _CHECK, str(raw)], check=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(raw, target)
    print(f"{target}: {len(bill['components'])} components, valid CycloneDX 1.6")
    return 0


def running() -> set[str]:
    """Names of all that the connector needs to run on this machine, as its parts themselves say."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    waiting = [(Requirement(wanted), "") for wanted in project["dependencies"]]
    met: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra_of_asker = waiting.pop()
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": extra_of_asker}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in met:
                met.add((name, extra))
                waiting += [(Requirement(wanted), extra) for wanted in metadata.requires(name) or ()]
    return {name for name, _ in met}


def only(bill: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The bill with these parts alone: what is there to develop with is no part of what runs."""
    kept = {one["bom-ref"] for one in bill["components"] if canonicalize_name(one["name"]) in names}
    root = bill["metadata"]["component"]["bom-ref"]
    dependencies = [
        {**one, "dependsOn": [ref for ref in one.get("dependsOn", []) if ref in kept]}
        for one in bill["dependencies"]
        if one["ref"] in kept or one["ref"] == root
    ]
    components = [one for one in bill["components"] if one["bom-ref"] in kept]
    return {**bill, "components": components, "dependencies": dependencies}


def without_places(value: Any) -> Any:
    """The bill without links and paths: what the parts are, not where this machine had them from."""
    match value:
        case dict():
            kept = {
                name: without_places(inner) for name, inner in value.items() if name != "externalReferences"
            }
            return {name: inner for name, inner in kept.items() if inner not in ([], {})}
        case list():
            return [without_places(inner) for inner in value]
        case _:
            return value


def tools() -> int:
    """Print what `make lock` resolves for the environment of these tools."""
    print(
        "\n".join(
            tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]["audit"]
        )
    )
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """One of the four; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m connector_tests.supply_chain", description=__doc__)
    parser.add_argument("what", choices=("lock", "weaknesses", "sbom", "tools"))
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "build" / "sbom.json")
    chosen = parser.parse_args(words)
    match chosen.what:
        case "lock":
            return check_lock()
        case "weaknesses":
            return check_weaknesses()
        case "tools":
            return tools()
        case _:
            return write_sbom(chosen.file)


if __name__ == "__main__":
    sys.exit(main())
