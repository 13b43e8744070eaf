"""Strategic: Are our customers worth what they cost us, and do they stay?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Strategic")


@app.cell
def _():
    import marimo as mo

    from reports import live, strategic

    return live, mo, strategic


@app.cell
def _(mo, strategic):
    mo.md(f"# {strategic.REPORT.title}\n\n**{strategic.REPORT.question}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(live, mo, reader, strategic):
    # What the customers of a month brought in their first year, beside what one cost.
    mo.Html(live.html(strategic.worth_and_cost(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # After how many months the margin of a month's customers had paid for them.
    mo.Html(live.html(strategic.payback(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # Who came back in each month after the first order.
    mo.Html(live.html(strategic.cohorts(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # The share of active customers that a month kept.
    mo.Html(live.html(strategic.retention(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # How many came by several channels, and what that was worth.
    mo.Html(live.html(strategic.cross_channel(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # How much of what was spent each segment stands for.
    mo.Html(live.html(strategic.segments(reader)))
    return


@app.cell
def _(live, mo, reader, strategic):
    # By which channel the customers came who are worth most.
    mo.Html(live.html(strategic.first_channels(reader)))
    return


@app.cell
def _(mo):
    asked = mo.ui.code_editor(
        language="sql",
        label="Ask something else",
        value="""
        select lifecycle_stage, count(*) as customers, sum(net_revenue) as net_revenue
        from marts.customers
        where not is_anonymous
        group by lifecycle_stage
        order by net_revenue desc nulls last
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
