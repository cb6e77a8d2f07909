"""What a worker of granian loads: the application of the node whose folder the environment names."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from gateway.app import create_app
from gateway.bulk.shelf import Shelf
from gateway.rpc import RpcClient, connector
from gateway.search import Reader
from services.directory.formats import territory
from services.directory.formats.territory_points import load_points
from services.kernel.settings import load

_folder = Path(os.environ["MAILLAGE_GATEWAY_FOLDER"])
_settings = load(_folder)
if (_folder / "points.csv").exists():
    territory.use_points(load_points(_folder / "points.csv"))
app = create_app(
    _settings, Reader(_folder / "index"), RpcClient(connector(_settings.broker.url)).call, _settings.http.workers,
    Shelf.of(_folder),
)  # fmt: skip
gc.collect()
gc.freeze()  # what was loaded stays for life: the collector need not walk over it again and again
