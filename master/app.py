"""The slow lane's application: routers, error handlers, and a description of every route."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import FastAPI

from common.version import VERSION
from master.api import (
    build,
    containers,
    describe,
    errors,
    images,
    networks,
    plugins,
    system,
    usage,
    volumes,
)
from master.api.deps import Manager

ROUTERS = (
    system.router,
    usage.router,
    containers.router,
    build.router,
    images.router,
    networks.router,
    volumes.router,
    plugins.router,
)


def create_app(manager: Manager | None = None) -> FastAPI:
    """The application over *manager*; without one it can only be described."""
    app = FastAPI(
        title=describe.TITLE,
        version=VERSION,
        summary=describe.SUMMARY,
        redirect_slashes=False,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.manager = manager
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    # FastAPI's own way of giving it another document.
    app.openapi = _document  # type: ignore[method-assign]
    return app


@cache
def _document() -> dict[str, Any]:
    return describe.document(ROUTERS)
