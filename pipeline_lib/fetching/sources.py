"""Where the hosts of public data are reached, and how patient a download is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sources:
    """Base addresses; a mirror or a test gives others.

    Attributes
    ----------
    osf : str
        OSF's JSON API, version 2.
    openneuro : str
        OpenNeuro's public S3 bucket.
    nemar : str
        NEMAR's data plane (docs.nemar.org, "Data API").
    """

    osf: str = "https://api.osf.io/v2"
    openneuro: str = "https://s3.amazonaws.com/openneuro.org"
    nemar: str = "https://data.nemar.org"


@dataclass(frozen=True)
class Patience:
    """When a server that fails is given up.

    Attributes
    ----------
    attempts : int
        Failures in a row, none of which brought a byte.
    pause : float
        Seconds before the second attempt; doubled each time.
    longest : float
        The longest pause in seconds, also where the server asks for more.
    timeout : float
        Seconds without an answer or a byte that count as a failure.
    """

    attempts: int = 6
    pause: float = 1.0
    longest: float = 60.0
    timeout: float = 60.0
