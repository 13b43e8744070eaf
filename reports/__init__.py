"""What people look at: the front page, the reports of the night, the table reference, and the figures of notebooks.

Public: opened, Reader, RESTRICTED, NIGHTLY, Example, front_page, table_reference, page.
A leaf: it knows a published file and nothing of the run that made it. Every question that a page or a notebook asks is
here, once, as SQL beside the chart of its answer. Only DuckDB and the standard library: a notebook's environment needs
no more.
"""

from reports import operational, page, quality, strategic, tactical
from reports.front_page import front_page
from reports.reader import RESTRICTED, Reader, opened
from reports.table_reference import Example, table_reference

# What each run draws of its release.
NIGHTLY = (strategic.REPORT, tactical.REPORT, operational.REPORT, quality.REPORT)

__all__ = ["NIGHTLY", "RESTRICTED", "Example", "Reader", "front_page", "opened", "page", "table_reference"]
