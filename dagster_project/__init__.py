"""The only place where the parts meet: assets, checks, schedules, publishing, and the command line.

What a source delivers, how people are matched, what a table means and what a gate demands belong to
`ingestion`, `identity`, `dbt` and `expectations`; nothing here knows a vendor's field name.
"""
