"""Reads a file through a mapping, without lake or ledger: what the tests of mapped exports have in common."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingestion.landing import LandedFile
from ingestion.mapping import ExportMapping, load_mappings
from ingestion.sources.exports import _rows, _suggestion


@dataclass
class Read:
    """The canonical rows of each entity, and (line, text, reason) of each broken line."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    def column(self, entity: str, name: str) -> list[Any]:
        return [row.get(name) for row in self.rows.get(entity, [])]


@cache
def _shipped() -> dict[str, ExportMapping]:
    return load_mappings([])


def read_file(path: Path, mapping: ExportMapping | str) -> Read:
    """Raises what reading the file raises."""
    mappings = _shipped()
    if isinstance(mapping, str):
        mapping = mappings[mapping]
    status = path.stat()
    file = LandedFile(path, f"{mapping.name}/{path.name}", status.st_size, status.st_mtime_ns)
    found = Read()
    for item in _rows(file, mapping, _suggestion(mapping, mappings)):
        table: pa.Table = item.data
        name = item.meta.table_name
        if name == "broken_lines":
            numbers, lines, reasons = (table.column(one).to_pylist() for one in ("_row_number", "line", "reason"))
            found.broken += zip(numbers, lines, reasons, strict=True)
        else:
            found.rows.setdefault(name, []).extend(table.to_pylist())
    return found


_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/styles.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _cell(value: Any) -> str:
    """A text, a number, or ("date" | "time", serial number)."""
    if isinstance(value, tuple):
        return f'<c s="{1 if value[0] == "date" else 2}"><v>{value[1]}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>' if value else "<c/>"


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """An XLSX file with one sheet."""
    lines = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Report" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="22"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()
