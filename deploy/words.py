"""What the set-up says to people: one sentence, in French, in English, or in both when the machine does not say which.

Standard library alone: this runs before anything is installed.
"""

import os
import sys
from collections.abc import Mapping
from typing import Self


class Stop(Exception):
    """The set-up cannot go on; carries one sentence in each language, with what to do."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.fr = fr
        self.en = en


def language(environment: Mapping[str, str] = os.environ) -> str:
    """`fr`, `en`, or `both` where the locale says nothing (as on a bare server or in CI)."""
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    if locale.startswith("fr"):
        return "fr"
    return "both" if locale.split(".")[0] in ("", "C", "POSIX") else "en"


def in_words(fr: str, en: str) -> str:
    """A sentence in the language spoken here; both, the French first, where the machine does not say which."""
    return {"fr": fr, "en": en}.get(language(), f"{fr} · {en}")


def say(fr: str, en: str) -> None:
    """Print one line of progress on standard output."""
    print(in_words(fr, en), flush=True)


def complain(stop: Stop) -> None:
    """Print why the set-up stopped, on standard error, a line for each language spoken."""
    spoken = language()
    for code, sentence in (("fr", stop.fr), ("en", stop.en)):
        if spoken in (code, "both"):
            print(sentence, file=sys.stderr, flush=True)


class Bar:
    """A progress bar: redrawn in place on a terminal, a line each quarter elsewhere (a log of CI stays short)."""

    WIDTH = 30

    def __init__(self, fr: str, en: str) -> None:
        self._title = in_words(fr, en)
        self._live = sys.stdout.isatty()
        self._shown = -1
        self.show(0.0)

    def show(self, share: float) -> None:
        """Draw `share` (0 to 1) of the work as done."""
        percent = round(100 * min(max(share, 0.0), 1.0))
        step = percent if self._live else percent // 25 * 25
        if step == self._shown:
            return
        self._shown = step
        if self._live:
            filled = self.WIDTH * percent // 100
            print(f"\r[{'█' * filled}{'·' * (self.WIDTH - filled)}] {percent:3d} %  {self._title}", end="", flush=True)
        else:
            print(f"{step:3d} %  {self._title}", flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Draw the whole bar when all went well, and leave its line in any case."""
        if kind is None:
            self.show(1.0)
        if self._live:
            print(flush=True)
