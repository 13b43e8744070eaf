"""Data quality of the night: Can tonight's numbers be relied on?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Data quality of the night")


@app.cell
def _():
    import marimo as mo

    from reports import live, quality

    return live, mo, quality


@app.cell
def _(mo, quality):
    mo.md(f"# {quality.REPORT.title}\n\n**{quality.REPORT.question}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(live, mo, quality, reader):
    # How many checks passed tonight.
    mo.Html(live.html(quality.checks(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Whether it gets better or worse.
    mo.Html(live.html(quality.failures_by_night(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Up to when each source reaches.
    mo.Html(live.html(quality.freshness(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # What was set aside, and why.
    mo.Html(live.html(quality.quarantine(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Which streams and columns are not as they use to be.
    mo.Html(live.html(quality.unusual(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # How much came of each source, day by day.
    mo.Html(live.html(quality.rows_a_day(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Whether money booked is money shown.
    mo.Html(live.html(quality.reconciliation(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Whether a row was lost on the way.
    mo.Html(live.html(quality.conservation(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # How long the nights take.
    mo.Html(live.html(quality.duration(reader)))
    return


@app.cell
def _(live, mo, quality, reader):
    # Where the time of the night goes.
    mo.Html(live.html(quality.steps(reader)))
    return


@app.cell
def _(mo):
    asked = mo.ui.code_editor(
        language="sql",
        label="Ask something else",
        value="""
        select source_system, source_table, rule, count(*) as rows
        from ops.quarantine
        group by source_system, source_table, rule
        order by rows desc
        """,
    )
    asked
    return (asked,)


@app.cell
def _(asked, live, mo, reader):
    mo.Html(live.html(live.answer(reader, asked.value)))
    return


if __name__ == "__main__":
    app.run()
