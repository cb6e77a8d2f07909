"""The event that `docs/federation.md` shows in full is a true one: whoever checks a reader against it is not misled."""

from __future__ import annotations

import re
from pathlib import Path

import nacl.encoding
import pytest

from services.kernel.envelope import Forged, read, verify
from services.kernel.identity import Keyring, fingerprint

DOCS = Path(__file__).parents[2] / "docs" / "federation.md"


def test_the_event_of_the_docs_is_signed_as_they_say() -> None:
    text = DOCS.read_text("utf-8").partition("## A signed event")[2]
    [(key, body)] = re.findall(r"signed by the key\n`([\w-]{43})`:\n\n```json\n(.*?)```", text, re.DOTALL)
    public = nacl.encoding.URLSafeBase64Encoder.decode(f"{key}=".encode())
    keyring = Keyring({fingerprint(public): public})
    verify(read(body.encode()), keyring.check_event)
    with pytest.raises(Forged):
        verify(read(body.replace("Blain", "Nozay").encode()), keyring.check_event)
