"""`fhir-server load`: what it says when there is nothing to load, nothing to load it into, or something went wrong."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.cli.demo import demo
from fhir_server.cli.load import load, summary
from mappers.loading import LoadReport


def nowhere() -> str:
    """A base URL at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/fhir"


def test_without_a_server_one_line_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    base = nowhere()
    result = CliRunner().invoke(load, [str(tmp_path), "--base", base])
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    for words in (base, "make run", "--base"):
        assert words in line


def test_a_missing_path_is_all_that_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(load, [str(tmp_path / "missing.json")])
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}/missing.json does not exist.\n"


@pytest.mark.parametrize("base", ["127.0.0.1:8000/fhir", "http://[::1/fhir"])
def test_what_is_no_address(tmp_path: Path, base: str) -> None:
    result = CliRunner().invoke(load, [str(tmp_path), "--base", base])
    assert result.exit_code in (1, 2)
    assert base in result.output


def test_the_demo_hospital_needs_a_server_as_well() -> None:
    base = nowhere()
    result = CliRunner().invoke(demo, ["--base", base, "--patients", "1"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(f"Error: Nothing answers at {base}")


def test_summary_names_what_was_left_out() -> None:
    assert summary(LoadReport(created=2, repeated=1, seconds=1)) == (
        "2 created, 0 updated, 0 unchanged, 0 refused, 1 superseded by later ones, in 1.0 s"
    )
