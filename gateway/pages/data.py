"""The bulk files for people and programs: what there is, whose it is, and the files, which never change in place."""

from __future__ import annotations

from pathlib import Path

import orjson
from flask import Blueprint, Response, render_template, request, send_file

from gateway import http
from gateway.bulk.shelf import MANIFEST, Manifest, Shelf
from services.kernel import clock
from services.kernel.errors import NotFound
from services.kernel.settings import Settings

NONE_YET = "Les fichiers ne sont pas encore faits : revenez dans quelques minutes."


def data_blueprint(settings: Settings, shelf: Shelf) -> Blueprint:
    """`/data/` (a page), `/data/manifest.json`, and the files that it names."""
    data = Blueprint("data", __name__, template_folder="templates")

    @data.get("/data/")
    def listing() -> str:
        shown = shelf.manifest()
        manifest = shown[1] if shown else None
        made_at = clock.from_text(manifest["made_at"]) if manifest else None
        return render_template("data.html", manifest=manifest, made_at=made_at, none_yet=NONE_YET)

    @data.get(f"/data/{MANIFEST}")
    def manifest() -> Response:
        folder, found = _current(shelf)
        response = Response(orjson.dumps(found, option=orjson.OPT_INDENT_2), content_type=http.JSON)
        response.set_etag(folder.name)
        response.make_conditional(request)
        return _kept(response)

    @data.get("/data/<name>")
    def file(name: str) -> Response:
        folder, found = _current(shelf)
        told = next((each for each in found["files"] if each["name"] == name), None)
        if told is None:
            raise NotFound("Ce fichier n’est pas parmi ceux de cet annuaire : /data/ les nomme.")
        response = send_file(
            folder.resolve() / name, etag=told["sha256"], last_modified=clock.from_text(found["made_at"]),
            conditional=True, as_attachment=True, download_name=f"{settings.node.id}-{name}",
        )  # fmt: skip
        if response.status_code != 304:
            response.headers["Content-Type"] = told["media_type"]
        return _kept(response)

    return data


def _current(shelf: Shelf) -> tuple[Path, Manifest]:
    shown = shelf.manifest()
    if shown is None:
        raise NotFound(NONE_YET)
    return shown


def _kept(response: Response) -> Response:
    """Kept by caches, asked again each time: a new set takes the same addresses."""
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    response.headers["Link"] = http.LICENCE_LINK
    return response
