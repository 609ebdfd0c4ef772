"""The command line: what it refuses in one line, and what `doctor` finds."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from feedrank import __version__
from feedrank.settings import Settings
from feedrank.store.connections import FILE_NAME
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Action, Event, Item, ItemId, UserId

NOW = 1_700_000_000_000_000


def feedrank(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "feedrank", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )


def refusal(*arguments: str, **environment: str) -> str:
    """The one line that a wrong configuration gets."""
    ended = feedrank(*arguments, **environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("feedrank: ")
    return line


def test_version_and_help() -> None:
    assert feedrank("--version").stdout == f"feedrank {__version__}\n"
    shown = feedrank("--help").stdout
    assert all(command in shown for command in ("serve", "index", "doctor")) and "worker" not in shown


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is in use" in refusal("serve", "--data-dir", str(tmp_path), "--port", port)
        line = refusal("serve", "--data-dir", str(tmp_path), "--port", "0", "--metrics-port", port)
        assert f"metrics port {port}" in line


def test_a_data_dir_that_is_none_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "below"):
        assert str(path) in refusal("serve", "--data-dir", str(path), "--port", "0")
    assert str(file) in refusal("index", "--once", "--data-dir", str(file))


def test_a_file_of_another_program_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    assert FILE_NAME in refusal("serve", "--data-dir", str(tmp_path), "--port", "0")


def test_a_store_of_a_newer_schema_is_one_line(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path, Settings()).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
    connection.close()
    assert "schema version 99" in refusal("serve", "--data-dir", str(tmp_path), "--port", "0")
    assert "schema version 99" in refusal("index", "--once", "--data-dir", str(tmp_path))


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    line = refusal("serve", "--data-dir", str(tmp_path), FEEDRANK_CANDIDATES="many", FEEDRANK_QUOTAS__FRESH="-1")
    assert "FEEDRANK_CANDIDATES='many'" in line and "FEEDRANK_QUOTAS__FRESH='-1'" in line
    line = refusal("doctor", "--data-dir", str(tmp_path), FEEDRANK_SLATE_SAMPLING="2")
    assert "FEEDRANK_SLATE_SAMPLING='2'" in line


@pytest.mark.parametrize("host", ["203.0.113.7"])
def test_a_host_of_another_machine_is_one_line(tmp_path: Path, host: str) -> None:
    assert host in refusal("serve", "--data-dir", str(tmp_path), "--host", host)


def test_the_supervisor_imports_nothing_that_requests_need(tmp_path: Path) -> None:
    heavy = ("grpc", "torch", "faiss", "lightgbm", "scipy", "polars", "sentence_transformers")
    code = (
        "import sys\n"
        "from feedrank import cli\n"
        "from feedrank.server import supervisor\n"
        "supervisor.serve = lambda plan, announce: 0\n"
        "try:\n"
        f"    cli.app(['serve', '--data-dir', {str(tmp_path)!r}, '--port', '0', '--metrics-port', '9'])\n"
        "except SystemExit as ended:\n"
        f"    print(ended.code, [name for name in {heavy!r} if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "0 []\n", ended.stderr


def findings(data_dir: Path, tmp_path: Path, **environment: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    report = tmp_path / "report.json"
    ended = feedrank("doctor", "--data-dir", str(data_dir), "--json", str(report), **environment)
    checks = {check["check"]: (check["ok"], check["finding"]) for check in json.loads(report.read_text())}
    assert all(name in ended.stdout for name in checks), ended.stderr
    return ended.returncode, checks


def test_doctor_finds_a_healthy_place_healthy(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    store = SqliteStore.open(data_dir, Settings())
    store.append_items([Item(ItemId(name), title=name) for name in ("a", "b", "c")], NOW)
    store.append_items([Item(ItemId("a"), title="again")], NOW)
    store.delete_items(["c"], NOW)
    store.append_events([Event("e1", UserId("u1"), NOW, Action.CLICK, "a")], NOW)
    store.close()
    code, checks = findings(data_dir, tmp_path, FEEDRANK_MODELS_DIR=str(tmp_path / "models"))
    assert code == 0 and all(ok for ok, _ in checks.values()), checks
    assert {"python", "grpcio", "torch", "data directory", "log", "encoder", "champion", "free disk"} <= set(checks)
    assert checks["log"][1] == "schema 1, position 6: 2 items, 1 events"
    assert checks["champion"][1].startswith("prior")
    assert "sha256 53aa51172d14" in checks["encoder"][1]


def test_doctor_names_what_is_wrong_and_looks_on(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "aliases.json").write_text("no json")
    code, checks = findings(
        tmp_path / "none", tmp_path, FEEDRANK_MODELS_DIR=str(models), FEEDRANK_ENCODER=str(tmp_path / "no-encoder")
    )
    assert code == 1
    assert {name for name, (ok, _) in checks.items() if not ok} == {"data directory", "log", "encoder", "champion"}
    assert "is no directory" in checks["data directory"][1]
    assert not (tmp_path / "none").exists()
