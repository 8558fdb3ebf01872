"""The errors Marquee raises on purpose. Each message says what is wrong, where, and what to do."""


class MarqueeError(Exception):
    """Base of them all; command lines print it on one line and exit with status 2."""


class DataError(MarqueeError):
    """Ratings or a catalogue that are invalid."""


class ConfigError(MarqueeError):
    """A setting or parameter with an invalid value."""


class UnknownParameter(ConfigError):
    """A parameter of a name that this version does not know."""


class SetupError(MarqueeError):
    """Something this machine lacks, such as Java."""


class ReleaseError(MarqueeError):
    """A release that is damaged, missing, or of a format this version cannot read."""


class NoRelease(ReleaseError):
    """Nothing has been promoted yet."""


class StorageError(MarqueeError):
    """S3 is unreachable, denies access, or the object does not exist."""


class NotStored(StorageError):
    """The object does not exist in S3."""
