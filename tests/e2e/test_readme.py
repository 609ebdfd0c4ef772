"""The README keeps its word: its Python runs, its scripts exist, its links lead somewhere, its demo ends well."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs(serve, tmp_path: Path) -> None:
    target = serve(tmp_path / "data", "--no-indexer")
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code.replace("127.0.0.1:50051", target)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_script_named_has_the_flags_quoted() -> None:
    commands = re.findall(r"scripts/(\w+\.py)((?: +[^\n`]*)?)", README.replace("\\\n", " "))
    assert {name for name, _ in commands} >= {"import_mind.py", "import_events.py", "train.py", "evaluate.py"}
    for name, rest in commands:
        command = [sys.executable, str(ROOT / "scripts" / name), "--help"]
        env = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        assert shown.returncode == 0, shown.stderr
        missing = [flag for flag in re.findall(r"--[a-z-]+", rest) if flag not in shown.stdout]
        assert not missing, f"{name} has no {missing}"


def test_every_link_leads_to_a_file() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("options", [["--users", "60", "--items", "160", "--days", "3"]])
def test_the_demo_ends_well(options: list[str], tmp_path: Path) -> None:
    """In small; `make demo` is the same with more of everything."""
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for part in ("Judging it on the last day", "Feed of a newcomer", "after that click", "The service has stopped"):
        assert part in done.stdout
