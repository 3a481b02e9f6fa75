"""`make audit` and `make sbom`: what the project is made of, and whether anything of it is known to be weak.

`lock`: every requirement is pinned to one version and to hashes. `weaknesses`: pip-audit, where its service can be
reached. `sbom FILE`: what is installed to run the connector, as CycloneDX, without a word of where it came from.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
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
    """Say what is wrong with the lock."""
    text = LOCK.read_text(encoding="utf-8")
    flaws = flaws_of_lock(text)
    for flaw in flaws:
        print(f"requirements.lock: {flaw}", file=sys.stderr)
    if not flaws:
        print(f"requirements.lock: {sum(1 for _ in requirements(text))} packages, each pinned by hash")
    return 1 if flaws else 0


def check_weaknesses() -> int:
    """Ask for published weaknesses of what the lock pins; 1 where there are any."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", str(LOCK)]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print("pip-audit: the service of known weaknesses cannot be reached, so none were looked up")
        print(f"  {(ended.stderr.strip().splitlines() or ['no reason given'])[-1][:200]}")
        return 0
    weak = [(one["name"], one["version"], flaw) for one in found for flaw in one.get("vulns", [])]
    for name, version, flaw in weak:
        remedy = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
        print(f"pip-audit: {name} {version}: {flaw['id']}, mended in {remedy}", file=sys.stderr)
    if not weak:
        print(f"pip-audit: nothing is known against {len(found)} packages")
    return 1 if weak else 0


def write_sbom(target: Path) -> int:
    """Write the bill of materials, checked against the schema by the tool that makes it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "sbom.json")
        subprocess.run(
            [
                *(sys.executable, "-m", "cyclonedx_py", "environment", sys.executable),
                *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
                *("--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6"),
                *("--validate", "--output-file", str(raw)),
            ],
            check=True,
        )
        bill = json.loads(raw.read_text(encoding="utf-8"))
    content = json.dumps(without_places(bill), indent=2, sort_keys=True) + "\n"
    _validate(content)
    target.write_text(content, encoding="utf-8")
    print(f"{target}: {len(bill['components'])} components")
    return 0


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


def _validate(content: str) -> None:
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from cyclonedx.validation import make_schemabased_validator

    flaw = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(content)
    if flaw is not None:
        raise SystemExit(f"the bill of materials does not fit its schema: {flaw}")


def main(words: Sequence[str] | None = None) -> int:
    """One of the three; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m connector_tests.supply_chain", description=__doc__)
    parser.add_argument("what", choices=("lock", "weaknesses", "sbom"))
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "build" / "sbom.json")
    chosen = parser.parse_args(words)
    if chosen.what == "lock":
        return check_lock()
    return check_weaknesses() if chosen.what == "weaknesses" else write_sbom(chosen.file)


if __name__ == "__main__":
    sys.exit(main())
