"""What cannot be computed again from loads: publications, ids and their history, reviews, models, rules, conversions,
usual gaps of closed quarters, fits of the models of repeat buying, RFM as published, key figures as published, tags of
people as published and the place of each tag in a set, arms and messages of audiences.

Appended to `lake/_decisions/`, keyed by run. A decision counts only if its run's release was made current: it is
written before the swap, and the list of publications says afterwards which runs those were, with the checksum of each
of their files. What is decided is asked of the warehouse in `decided`. Loads and their admission are no decisions; the
lake's own ledger holds them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# One folder each, one file a run; a run that decides nothing of a kind has no file of it.
TABLES = (
    *("identity", "identity_events", "identity_bindings", "reviews", "models", "rules", "conversions"),
    *("order_numbers", "kpis", "kpi_inputs", "gap_medians", "value_fits", "rfm", "rfm_scales", "rfm_segments"),
    *("tag_places", "tags"),
    *("audience_members", "audience_messages", "audience_runs"),
)
HOME_KEY = "home_key"


@dataclass(frozen=True)
class Publication:
    """One release that was made current; `night` counts publications, `demo_night` the demo company's nights.

    `decisions`: checksum of every file it decided, by its place in the folder; None for a publication that noted none.
    `before`: checksum of the list of publications as it was before this line, so that no line of it can change unseen.
    """

    run_id: str
    night: int
    demo_night: int
    as_of: str
    published_at: str
    decisions: Mapping[str, str] | None = None
    before: str | None = None


@dataclass(frozen=True)
class Versions:
    """What links depended on in a publication, besides the records: rules, normaliser, model, overrides."""

    rules: str | None = None
    blocked: str | None = None
    normaliser: str | None = None
    model: str | None = None
    overrides: tuple[Mapping[str, str | None], ...] = field(default=())


class Decisions:
    """The append-only decisions of one home."""

    def __init__(self, lake: Path) -> None:
        self.folder = lake / "_decisions"

    def home_key(self) -> bytes:
        """The key that ids and keyed hashes are made with; random once, then kept."""
        file = self.folder / HOME_KEY
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / "home_key.tmp"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
                handle.write(secrets.token_hex(32) + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            fresh.replace(file)
        return bytes.fromhex(file.read_text().strip())

    def publications(self) -> list[Publication]:
        """Every release ever made current, oldest first; a torn last line, left by a crash, is no publication yet."""
        return [Publication(**json.loads(line)) for line in self._lines() if line.strip()]

    def add_publication(self, publication: Publication) -> None:
        """Append one publication and wait until the disk has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "publications.jsonl"
        existing = file.read_bytes() if file.exists() else b""
        whole = existing[: existing.rfind(b"\n") + 1]
        chained = replace(publication, before=hashlib.sha256(whole).hexdigest())
        with open(file, "r+b" if file.exists() else "wb") as handle:
            handle.truncate(len(whole))
            handle.seek(len(whole))
            handle.write(json.dumps(asdict(chained)).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())

    def files(self, table: str) -> list[Path]:
        """The decisions of one kind by published runs only, oldest publication first."""
        folder = self.folder / table
        runs = [publication.run_id for publication in self.publications()]
        return [file for run in runs for file in (folder / f"{run}.parquet", folder / f"{run}.json") if file.exists()]

    def models(self) -> list[tuple[str, str, int]]:
        """Every model of probable links ever published with: version, text, night of its first publication."""
        nights = {publication.run_id: publication.night for publication in self.publications()}
        texts = [(file.read_text(), nights[file.stem]) for file in self.files("models")]
        return [(version_of(text), text, night) for text, night in texts]

    def versions(self) -> Versions:
        """What the last publication's links depended on; all None where it noted nothing."""
        published = self.publications()
        file = self.folder / "rules" / f"{published[-1].run_id}.json" if published else None
        if file is None or not file.exists():
            return Versions()
        noted = json.loads(file.read_text())
        return Versions(**{**noted["versions"], "overrides": tuple(noted["overrides"])})

    def rule_contents(self) -> dict[str, str]:
        """The content of every rule file that a publication ever used, by its checksum."""
        return {
            digest: text
            for file in self.files("rules")
            for digest, text in json.loads(file.read_text())["contents"].items()
        }

    def write_table(self, table: str, run_id: str, rows: pa.Table) -> int:
        """Write what a run decides of one kind; returns the number of rows."""
        pq.write_table(rows, self._fresh(table, run_id), compression="zstd")
        self._keep(table, run_id, ".parquet")
        return rows.num_rows

    def write_text(self, table: str, run_id: str, text: str) -> None:
        """Write a decision that is one text."""
        self._fresh(table, run_id).write_text(text)
        self._keep(table, run_id, ".json")

    def checksums(self, run_id: str) -> dict[str, str]:
        """The checksum of every file that a run decided, and of the home's key."""
        found = [file for table in TABLES for file in sorted((self.folder / table).glob(f"{run_id}.*"))]
        found += [self.folder / HOME_KEY] if (self.folder / HOME_KEY).exists() else []
        return {str(file.relative_to(self.folder)): _sha256(file) for file in found}

    def drop_unpublished(self) -> list[str]:
        """Remove decisions of runs that never became current; returns their run ids."""
        published = {publication.run_id for publication in self.publications()}
        dropped = set()
        for table in TABLES:
            for file in (self.folder / table).glob("*"):
                if file.stem not in published or file.suffix == ".tmp":
                    file.unlink()
                    dropped.add(file.stem)
        return sorted(dropped)

    def problems(self) -> Iterator[str]:
        """A sentence for each decision that is lost or not what its publication noted."""
        whole, publications = b"", []
        for line in self._lines():
            publications.append(publication := Publication(**json.loads(line)))
            if publication.before not in (None, hashlib.sha256(whole).hexdigest()):
                yield (
                    f"the list of publications {self.folder / 'publications.jsonl'} was changed before the line of run "
                    f"{publication.run_id}. Restore it from a backup."
                )
            whole += line + b"\n"
        noted = {name: (run.run_id, digest) for run in publications for name, digest in (run.decisions or {}).items()}
        noted |= {f"identity/{run.run_id}.parquet": (run.run_id, "") for run in publications if run.decisions is None}
        for name, (run_id, digest) in noted.items():
            file = self.folder / name
            what = f"what run {run_id} decided, {file},"
            if not file.is_file():
                yield f"{what} is missing. Restore it from a backup; ids and what was shown hang on it."
            elif digest and _sha256(file) != digest:
                yield f"{what} was changed. Restore it from a backup; ids and what was shown hang on it."
            elif file.suffix == ".parquet" and (problem := _unreadable(file)):
                yield f"{what} cannot be read ({problem}). Restore it from a backup."

    def _lines(self) -> list[bytes]:
        file = self.folder / "publications.jsonl"
        return file.read_bytes().split(b"\n")[:-1] if file.exists() else []

    def _fresh(self, table: str, run_id: str) -> Path:
        if table not in TABLES:
            raise ValueError(f"{table} is no kind of decision: what is not listed is neither checked nor taken back")
        (self.folder / table).mkdir(parents=True, exist_ok=True)
        return self.folder / table / f"{run_id}.tmp"

    def _keep(self, table: str, run_id: str, suffix: str) -> None:
        fresh = self._fresh(table, run_id)
        with open(fresh, "rb") as handle:
            os.fsync(handle.fileno())
        fresh.replace(fresh.with_suffix(suffix))


def version_of(text: str) -> str:
    """The name of a content: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def rule_version(file: Path) -> str:
    """The version of a rule file: of its lines, whatever they end with; empty lines say nothing."""
    return version_of(rule_text(file))


def rule_text(file: Path) -> str:
    """The lines of a rule file."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines())
    return "\n".join(line for line in lines if line)


def _sha256(file: Path) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _unreadable(file: Path) -> str | None:
    try:
        sum(batch.num_rows for batch in pq.ParquetFile(file).iter_batches())
    except (OSError, pa.ArrowException) as problem:
        return str(problem)
    return None


def note_of_rules(versions: Versions, contents: Mapping[str, str]) -> str:
    """The JSON of a `rules` decision: versions, accepted overrides, and the contents not stored before."""
    noted: dict[str, Any] = asdict(versions)
    overrides = [dict(override) for override in noted.pop("overrides")]
    return json.dumps({"versions": noted, "overrides": overrides, "contents": dict(contents)}, indent=1) + "\n"
