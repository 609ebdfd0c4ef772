"""What a killed writer leaves is swept, and never what a living one is at."""

import subprocess
import sys
from pathlib import Path

import pytest

from feedrank.errors import NotFound, RegistryError
from feedrank.registry import Registry
from feedrank.registry.leftovers import sweep, writing

WRITER = """
import sys, time
from pathlib import Path
from feedrank.registry.files import write_folder
from feedrank.registry.leftovers import writing

def make(aside):
    (aside / "half").write_bytes(b"x" * 1000)
    print("writing", flush=True)
    time.sleep(60)
    return {}

with writing(Path(sys.argv[1])):
    write_folder(Path(sys.argv[1]) / "news" / "v", make)
"""


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)).partition(".new-")[0] for p in folder.glob("*/*"))


def test_a_killed_writer_is_swept_after_and_a_living_one_left_alone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        assert sweep(tmp_path) == ()
        with writing(tmp_path):  # another writer at the same time waits for nobody and sweeps nothing
            assert names(tmp_path) == ["news/"]
    finally:
        child.kill()
        child.communicate()
    assert names(tmp_path) == ["news/"], "left by the kill"
    (swept,) = sweep(tmp_path)
    assert swept.startswith("news/.new-")
    assert names(tmp_path) == []
    assert sweep(tmp_path) == ()


def test_the_next_writer_sweeps_too(tmp_path: Path) -> None:
    (tmp_path / "news" / ".new-abc").mkdir(parents=True)
    (tmp_path / "news" / "20260101T000000000000-00000001").mkdir()
    with writing(tmp_path):
        assert names(tmp_path) == ["news/20260101T000000000000-00000001"]


def test_no_registry_is_made_by_sweeping(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == ()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryError, match="cannot be written to"), writing(tmp_path / "file"):
        pass


def test_a_folder_without_a_version_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "nightly").mkdir()
    registry = Registry(tmp_path, lambda name, space: None)
    with pytest.raises(NotFound, match=r"no model or alias is called 'news' in .*; there is: none"):
        registry.resolve("news")
    with pytest.raises(NotFound, match="'nightly'"):
        registry.resolve("nightly")
