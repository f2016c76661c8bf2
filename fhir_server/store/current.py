"""The search parameters in force in this process: which ones writes make entries for, and which ones searches may use.

Rule: what is in force changes as a whole, by `follow` (`fhir_server.store.following`); a request sees one set or the
other. A process that has not been heard of for a while must not write: the others no longer reckon with it.
"""

from __future__ import annotations

import math
import time
from typing import Final

from resources.outcome import Unavailable
from resources.parameters import BASE, ParameterSet

SILENT_SECONDS: Final = 20.0
"""After so long without contact a process stops writing. NOTE: less than `presence.GONE_SECONDS`, by more than a
commit that is checked takes to be sent."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former also runs while a machine sleeps


class CurrentParameters:
    """HL7's own until `follow` learns of others."""

    def __init__(self, base: ParameterSet = BASE) -> None:
        self.base: Final = base
        """HL7's own, as the settings want them."""
        self.written: ParameterSet = base
        """Those that a write makes entries for. The same object as long as they are the same."""
        self.answered: ParameterSet = base
        """Those that a search may use; what is not ready is in it with the reason."""
        self.revision = 0
        """Of the stored state that this is."""
        self._heard = math.inf

    def heard(self, since: float) -> None:
        """The database has been told at `since` (by `clock`) that this process lives."""
        self._heard = since

    def check_heard(self) -> None:
        """Raises Unavailable when this process has been silent for too long to write."""
        if clock() - self._heard > SILENT_SECONDS:
            raise Unavailable("The server has lost touch with its database and is finding back. Try again.")


def clock() -> float:
    """Seconds that never go back and never stop."""
    return time.clock_gettime(_CLOCK)
