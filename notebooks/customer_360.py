"""Customer 360: Who is this customer, through which doors do they come, and what happened so far?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Customer 360")


@app.cell
def _():
    import marimo as mo

    from reports import customer, live

    return customer, live, mo


@app.cell
def _(customer, mo):
    mo.md(f"# Customer 360\n\n**{customer.QUESTION}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(mo):
    words = mo.ui.text(
        value=mo.query_params().get("find") or "",
        label="Find by an id: of the customer, a record, an order, a ticket",
        full_width=True,
    )
    words
    return (words,)


@app.cell
def _(customer, mo, reader, words):
    people = {
        f"{row['customer_id']} · {row['source_systems']} · {row['orders_count'] or 0} orders": row["customer_id"]
        for row in customer.found(reader, words.value)
    }
    picked = mo.ui.dropdown(people, value=next(iter(people), None), label="Customer", full_width=True)
    mo.vstack([picked, mo.md("" if people else "Nobody is found.")])
    return (picked,)


@app.cell
def _(customer, live, mo, picked, reader):
    # What is known of the person, and everything that happened, channel by channel.
    mo.stop(picked.value is None)
    mo.Html(live.html(customer.profile(reader, picked.value), customer.timeline(reader, picked.value)))
    return


@app.cell
def _(customer, live, mo, picked, reader):
    # Every record of the person, and why it is theirs.
    mo.stop(picked.value is None)
    mo.Html(live.html(customer.identities(reader, picked.value)))
    return


@app.cell
def _(customer, live, mo, picked, reader):
    # What they bought and asked.
    mo.stop(picked.value is None)
    mo.Html(live.html(customer.orders(reader, picked.value), customer.tickets(reader, picked.value)))
    return


@app.cell
def _(customer, live, mo, picked, reader):
    # What rules say of them, and through which stages they went.
    mo.stop(picked.value is None)
    mo.Html(live.html(customer.tags(reader, picked.value), customer.stages(reader, picked.value)))
    return


@app.cell
def _(mo):
    shown = mo.ui.switch(label="Show name and contact details, where you may open the restricted file")
    shown
    return (shown,)


@app.cell
def _(customer, live, mo, picked, shown):
    mo.stop(picked.value is None or not shown.value)
    mo.Html(live.html(customer.contacts(live.restricted(), picked.value)))
    return


if __name__ == "__main__":
    app.run()
