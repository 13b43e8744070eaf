"""Every make target and file that the docs name exists."""

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCS = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^  make ([a-z-]+)", subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout, flags=re.M))  # fmt: skip
    named = {name for doc in DOCS for name in re.findall(
        r"(?:`|^)(?:[A-Z]+=\S+ )?make ([a-z][a-z-]*)", doc.read_text(), flags=re.M)}  # fmt: skip
    assert {"run", "test", "ui", "help"} <= targets
    assert {"run", "ui", "help"} <= named <= targets


def test_every_link_in_the_docs_leads_somewhere():
    for doc in DOCS:
        for link in re.findall(r"\]\(([^)#]+)\)", doc.read_text()):
            assert link.startswith("https://") or (doc.parent / link).exists(), (doc, link)
