"""Identity quality: How sure are we who is who, and what should a person decide?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Identity quality")


@app.cell
def _():
    import marimo as mo

    from reports import identity, live

    return identity, live, mo


@app.cell
def _(mo, identity):
    mo.md(f"# {identity.REPORT.title}\n\n**{identity.REPORT.question}**")
    return


@app.cell
def _(live, mo):
    reader = live.published()
    mo.md(live.told(reader))
    return (reader,)


@app.cell
def _(identity, live, mo, reader):
    # What joins records to people.
    mo.Html(live.html(identity.rules(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # How sure the links are.
    mo.Html(live.html(identity.confidence(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # How many records a person has.
    mo.Html(live.html(identity.sizes(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # How many systems know a person.
    mo.Html(live.html(identity.systems(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # Of how many orders the customer is known.
    mo.Html(live.html(identity.matched(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # What people are asked to decide.
    mo.Html(live.html(identity.reviews(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # What happened to ids, publication by publication.
    mo.Html(live.html(identity.events(reader)))
    return


@app.cell
def _(identity, live, mo, reader):
    # Where a person's records disagree.
    mo.Html(live.html(identity.conflicts(reader)))
    return


@app.cell
def _(mo):
    asked = mo.ui.code_editor(
        language="sql",
        label="Ask something else",
        value="""
        select source_system, record_type, count(*) as records, count(distinct customer_id) as customers
        from marts.customer_identities
        group by source_system, record_type
        order by records desc
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
