"""Tactical: Which ways lead to an order, what do they earn for what they cost, and how well do we serve people?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Tactical")


@app.cell
def _():
    import marimo as mo

    from reports import live, tactical

    return live, mo, tactical


@app.cell
def _(mo, tactical):
    mo.md(f"# {tactical.REPORT.title}\n\n**{tactical.REPORT.question}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(live, mo, reader, tactical):
    # How far those come who begin a journey.
    mo.Html(live.html(tactical.funnels(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # How many runs of each journey are completed, by the month in which they began.
    mo.Html(live.html(tactical.journeys(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # What each channel is worth by each model of attribution, of the revenue that any touch led to.
    mo.Html(live.html(tactical.models_side_by_side(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # What the campaigns of the last three months earned for what they cost.
    mo.Html(live.html(tactical.campaigns(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # What was spent and what it earned, by channel, by the linear model.
    mo.Html(live.html(tactical.costs(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # How soon the desk answers, by channel.
    mo.Html(live.html(tactical.replies(reader)))
    return


@app.cell
def _(live, mo, reader, tactical):
    # Whether people are content, and helped at once.
    mo.Html(live.html(tactical.service(reader)))
    return


@app.cell
def _(mo):
    asked = mo.ui.code_editor(
        language="sql",
        label="Ask something else",
        value="""
        select path_length, count(distinct order_id) as orders
        from marts.attribution
        where model = 'linear'
        group by path_length
        order by path_length
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
