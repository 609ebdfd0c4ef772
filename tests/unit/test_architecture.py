"""House rules the linters cannot hold: what an import loads, how long a file is, whether the lock fits its ranges."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "feedrank"
MAX_LINES = 300
# Names that say nothing of what is inside.
EMPTY_NAMES = {"utils", "util", "common", "base", "manager", "helper", "helpers", "misc"}
OFFLINE = ("training", "analysis", "simulator", "importers", "rehearsal", "loadtest")  # never in a process that serves
TORCH = {"torch", "transformers", "sentence_transformers"}


def source_files() -> list[Path]:
    """Every module we wrote; the generated stubs are not ours."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "v1")


def module_name(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_by(modules: list[str]) -> set[str]:
    """Top-level packages in memory after a fresh interpreter imported `modules`."""
    code = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(modules)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def serving_modules() -> list[str]:
    """What a process that answers Rank may import: all but the encoder, the entry point and what works offline."""
    return [
        name
        for name in map(module_name, source_files())
        if name not in ("feedrank.index.encoder", "feedrank.__main__")
        and not name.startswith(tuple(f"feedrank.{part}" for part in OFFLINE))
    ]


def test_a_serving_process_never_loads_torch() -> None:
    assert not loaded_by(serving_modules()) & TORCH


def test_nothing_below_the_server_loads_grpc() -> None:
    edge = ("feedrank.server", "feedrank.client", "feedrank.cli")
    assert "grpc" not in loaded_by([name for name in serving_modules() if not name.startswith(edge)])


def test_a_backend_that_imports_the_client_loads_no_engine() -> None:
    assert not loaded_by(["feedrank.client"]) & (TORCH | {"faiss", "lightgbm", "polars", "scipy", "sklearn"})


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_a_file_is_short_and_its_name_says_something(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
    assert path.stem not in EMPTY_NAMES


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_no_attribute_is_asked_for_by_a_name_that_may_be_wrong(path: Path) -> None:
    """hasattr, and getattr with a default, are silently false once the attribute is renamed."""
    asked = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) > 2)
    ]
    assert asked == []


def test_the_lock_pins_every_dependency_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    required = [Requirement(line) for line in [*project["dependencies"], *(line for lines in extras for line in lines)]]
    pins = {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    }
    assert {str(r) for r in required if r.name not in pins or pins[r.name] not in r.specifier} == set()
    assert next(r for r in required if r.name == "torch").specifier == f"=={pins['torch']}"
