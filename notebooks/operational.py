"""Operational: What happened in messages, pages and stores, and what of the night should somebody look at?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Operational")


@app.cell
def _():
    import marimo as mo

    from reports import live, operational

    return live, mo, operational


@app.cell
def _(mo, operational):
    mo.md(f"# {operational.REPORT.title}\n\n**{operational.REPORT.question}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(live, mo, operational, reader):
    # What of the night is not as it should be, worst first.
    mo.Html(live.html(operational.exceptions(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # Revenue of the last four weeks, by channel.
    mo.Html(live.html(operational.days(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # What became of the messages of four weeks.
    mo.Html(live.html(operational.messages(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # What people look at.
    mo.Html(live.html(operational.pages(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # What each store sold, and how that moved.
    mo.Html(live.html(operational.stores(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # What came back.
    mo.Html(live.html(operational.returns(reader)))
    return


@app.cell
def _(live, mo, operational, reader):
    # Where articles are missing.
    mo.Html(live.html(operational.sold_out(reader)))
    return


@app.cell
def _(mo):
    asked = mo.ui.code_editor(
        language="sql",
        label="Ask something else",
        value="""
        select order_date, store_id, sum(net_amount_reporting) as net_revenue
        from marts.orders
        where is_valid and store_id is not null
        group by order_date, store_id
        order by order_date desc, store_id
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
