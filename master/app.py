"""The slow lane's application: routers, error handlers, and a description of every route."""

from __future__ import annotations

from fastapi import FastAPI

from common.version import VERSION
from master.api import containers, errors, images, system
from master.api.deps import Manager


def create_app(manager: Manager | None = None) -> FastAPI:
    """The application over *manager*; without one it can only be described."""
    app = FastAPI(
        title="swarm",
        version=VERSION,
        summary="One Docker endpoint for many machines.",
        redirect_slashes=False,
    )
    app.state.manager = manager
    for router in (system.router, containers.router, images.router):
        app.include_router(router)
    errors.install(app)
    return app
