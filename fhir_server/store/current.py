"""The search parameters in force in this process: which ones writes make entries for, which ones searches may use.

Rule: what is in force changes as a whole (`fhir_server.store.following`); a request sees one set or the other. A
process that was silent for a while must not write, and one that looked long ago must not search: the others no longer
reckon with it.
"""

from __future__ import annotations

import math
import time
from typing import Final
from weakref import WeakSet

from resources.outcome import Unavailable
from resources.parameters import BASE, ParameterSet

SILENT_SECONDS: Final = 20.0
"""After so long without a sign of life a process must not write. NOTE: see `presence.GONE_SECONDS`."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former also runs while a machine sleeps


class CurrentParameters:
    """HL7's own, until others are taken over."""

    def __init__(self, base: ParameterSet = BASE) -> None:
        self.base: Final = base
        """HL7's own, as the settings want them."""
        self.written: ParameterSet = base
        """Those that a write makes entries for. The same object as long as they are the same."""
        self.answered: ParameterSet = base
        """Those that a search may use; why others cannot be used stands in it."""
        self.revision = 0
        """Of the stored state that this is."""
        self._trusted: WeakSet[ParameterSet] = WeakSet([base])
        """What commits under way may have been made by."""
        self._heard = math.inf
        self._looked = math.inf

    def take_over(self, written: ParameterSet, answered: ParameterSet, revision: int) -> None:
        """From now on these are in force."""
        self._trusted.add(written)
        self.written, self.answered, self.revision = written, answered, revision

    def disown(self) -> None:
        """Nothing that was begun may be committed: the others went on without this process."""
        self._trusted.clear()

    def looked(self, at: float) -> None:
        """What is in force was right at `at` (by `clock`), or later."""
        self._looked = at

    def doubt(self) -> None:
        """What is in force may be wrong: no search until it was looked at."""
        self._looked = -math.inf

    def heard(self, at: float) -> None:
        """The others were told at `at` (by `clock`) that this process lives."""
        self._heard = at

    def is_silent(self) -> bool:
        """Whether the others may believe that this process is gone."""
        return clock() - self._heard > SILENT_SECONDS

    def for_search(self) -> ParameterSet:
        """Those that a search may use now. Raises Unavailable where they may be those of long ago."""
        if clock() - self._looked > SILENT_SECONDS:
            raise Unavailable(_LOST)
        return self.answered

    def check(self, parameters: ParameterSet) -> None:
        """Raises Unavailable where what was made by these parameters must not be committed."""
        if self.is_silent() or parameters not in self._trusted:
            raise Unavailable(_LOST)


_LOST: Final = "The server has lost touch with its database and is finding back. Try again."


def clock() -> float:
    """Seconds that never go back and never stop."""
    return time.clock_gettime(_CLOCK)
