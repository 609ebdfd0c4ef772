"""docs/features.md is what the definitions say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_feature_page_is_current() -> None:
    command = [sys.executable, "scripts/gen_feature_docs.py", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
