"""The errors Marquee raises on purpose. Each message says what is wrong, where, and what to do."""


class MarqueeError(Exception):
    """Base of them all; command lines print it on one line and exit with status 2."""


class DataError(MarqueeError):
    """Ratings or a catalogue that cannot be used as they are."""


class ConfigError(MarqueeError):
    """A setting or a parameter with a value that cannot be used."""


class SetupError(MarqueeError):
    """Something this machine lacks, such as Java."""


class ReleaseError(MarqueeError):
    """A release that is damaged, missing, or of a format this version cannot read."""


class NoRelease(ReleaseError):
    """Nothing has been promoted yet."""


class StorageError(MarqueeError):
    """S3 is out of reach, refuses, or has not what is asked for."""


class NotStored(StorageError):
    """There is no such object."""
