"""Quality gates: suites as data, held against loads and marts with Great Expectations on DuckDB.

Public: check_load, check_marts, verify_suites, refused, refuses, write_data_docs, Result, SuiteError, suite_names.
A leaf: it knows paths, tables and suites, and neither who calls it nor who wrote the data. Great Expectations itself is
imported by the first check, not by this package.
"""

from expectations.data_docs import write_data_docs
from expectations.results import Result, Severity, refused, refuses
from expectations.runner import check_load, check_marts, verify_suites
from expectations.suites import SuiteError, suite_names

__all__ = [
    "Result",
    "Severity",
    "SuiteError",
    "check_load",
    "check_marts",
    "refused",
    "refuses",
    "suite_names",
    "verify_suites",
    "write_data_docs",
]
