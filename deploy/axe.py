"""axe-core, which tells what keeps people with a disability from using a page: fetched for the tests, never shipped.

One file of npm's package (Deque, MPL-2.0), of a version and a digest that are written here. Standard library alone:
this runs before anything is installed.
"""

import base64
import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path

from deploy.words import Stop

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
URL = f"https://registry.npmjs.org/axe-core/-/axe-core-{VERSION}.tgz"
INSIDE = "package/axe.min.js"
TIMEOUT_S = 60


def place(environment: Path) -> Path:
    """Where the file lies, in the Python environment of the checkout."""
    return environment / f"axe-{VERSION}.min.js"


def ensure(environment: Path) -> None:
    """Fetch the file unless it is there. Raises `Stop` where it cannot be had, or is another one."""
    there = place(environment)
    if there.exists():
        return
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT_S) as answer:
            packed = answer.read()
    except OSError as error:
        raise Stop(
            f"axe-core ne peut pas être pris à {URL} ({error}) : mettez-le dans {there}.",
            f"axe-core cannot be had from {URL} ({error}): put it at {there}.",
        ) from None
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise Stop(f"{URL} n’est pas le fichier attendu.", f"{URL} is not the file expected.")
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        file = package.extractfile(INSIDE)
        assert file is not None
        there.write_bytes(file.read())
