"""Options for every Java that tests start."""

from __future__ import annotations

# Short jobs end sooner if Java does not optimize code that runs only a few times.
BRISK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
