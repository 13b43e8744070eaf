"""Serves the notebooks of this folder as apps on one address of this machine, with a page that leads to them."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import marimo
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from reports import page

FOLDER = Path(__file__).parent
HOST, PORT = "127.0.0.1", int(os.environ.get("OMNIHOUSE_NOTEBOOKS_PORT", "2718"))
ORDER = ("strategic", "tactical", "operational", "customer_360", "identity", "quality")


def app() -> Starlette:
    """The page that leads to the notebooks, and each of them under its name."""
    notebooks = marimo.create_asgi_app(quiet=True)
    listed = []
    for name in ORDER:
        file = FOLDER / f"{name}.py"
        title, _, question = (ast.get_docstring(ast.parse(file.read_text())) or name).partition(": ")
        listed.append(f'<li><a href="/{name}/">{title}</a> <span class="aside">{question}</span></li>')
        notebooks = notebooks.with_app(path=f"/{name}", root=str(file))
    front = page.shell("Notebooks", f"<h1>Notebooks</h1><ul>{''.join(listed)}</ul>")
    return Starlette(
        routes=[Route("/", lambda _: HTMLResponse(front)), Mount("/", app=notebooks.build())],
    )


if __name__ == "__main__":
    print(f"Notebooks: http://{HOST}:{PORT}", flush=True)
    uvicorn.run(app(), host=HOST, port=PORT, log_level="warning")
