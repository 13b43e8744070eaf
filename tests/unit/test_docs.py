"""Every make target and file that the docs name exists; what is told in two places is told the same."""

import re
import subprocess
from pathlib import Path

import yaml

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


def test_every_key_figure_is_explained_on_its_page_by_the_metrics_and_in_the_comments():
    marts = PROJECT / "dbt" / "models" / "marts"
    page = (PROJECT / "docs" / "kpis.md").read_text("utf-8").replace("`", "")
    explained = dict(re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", (marts / "kpis.md").read_text("utf-8")))
    metrics = yaml.safe_load((marts / "_metrics.yml").read_text("utf-8"))["metrics"]
    by_description = {
        metric["name"] for metric in metrics if metric["description"] == f"{{{{ doc('{metric['name']}') }}}}"
    }
    assert by_description == explained.keys() == {metric["name"] for metric in metrics[4:]}
    comments = (marts / "_kpis.yml").read_text("utf-8")
    for name, explanation in explained.items():
        formula, sources, example = re.fullmatch(r"(.*) From (.*)\. Example: (.*)\.", explanation).groups()
        assert f"| {formula} | {sources} | {example} |" in page, name
        assert f"{name}: {{{{ doc('{name}') }}}}" in comments, name


def test_the_questions_about_a_past_day_are_commands_as_the_parser_has_them():
    asked = re.findall(r"^(make rfm .*)$", (PROJECT / "docs" / "rfm.md").read_text("utf-8"), flags=re.M)
    assert len(asked) == 3
    for line in asked:
        told = subprocess.run(
            [*line.replace("make", "make -n", 1).split()], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout
        given = dict(part.split("=") for part in line.split()[2:])
        for option, name in (("as-of", "AS_OF"), ("known-at", "KNOWN_AT"), ("out", "OUT")):
            assert f'--{option} "{given.get(name, "")}"' in told
