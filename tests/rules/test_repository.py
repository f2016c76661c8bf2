"""What the repository promises about itself: one version, no addresses of machines or registries, honest help."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Spelled in pieces, so that this file does not contain what it looks for.
MACHINE_PATHS = [f"/{folder}/" for folder in ("work", "root", "home", "tmp")]
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("deb", "debian", "org"),
    )
]
# Data beside its loader; a generator behind one function, imported only when it is called.
WITH_CODE = {"resources/definitions", "hospital/demo"}


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # data in a binary format
    return found


@pytest.mark.parametrize("address", MACHINE_PATHS + REGISTRIES)
def test_no_file_names_a_machine_or_a_registry(address: str) -> None:
    pattern = re.compile(rf"(?<![\w.:]){re.escape(address)}" if address.startswith("/") else re.escape(address))
    assert [name for name, text in texts() if pattern.search(text)] == []


def test_changelog_is_about_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert sorted(phony[1].split()) == sorted(line.split()[1] for line in listed.splitlines())


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_every_package_with_its_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    assert [entry for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_both_locks_agree() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("package", ["fhir_server", "hospital", "mappers", "resources", "smart_auth", "subscriptions"])
def test_every_package_opens_with_its_map_and_no_code(package: str) -> None:
    openings = {path.parent.relative_to(ROOT).as_posix(): path for path in (ROOT / package).rglob("__init__.py")}
    assert package in openings
    for name, path in openings.items():
        first, *code = ast.parse(path.read_text()).body
        assert isinstance(first, ast.Expr), f"{name} opens without a docstring"
        assert not code or name in WITH_CODE, f"{name}/__init__.py holds code"
