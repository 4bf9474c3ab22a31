"""Requests to servers that may be slow, busy or gone."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.sources import Patience

if TYPE_CHECKING:
    import requests

BUSY = {408, 425, 429}  # and 5xx: worth another try
CURES = {
    401: "the host asks for a login: get this file in a browser",
    403: "the host lets nobody have this file: get it in a browser, or ask its authors",
    404: "there is no such file any more: see the study's page",
    410: "the file was taken away: see the study's page",
}
LONGEST_LISTING = 1 << 28


class UnansweredError(Exception):
    """A request failed in a way that may pass.

    Attributes
    ----------
    wait : float
        Seconds the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Tries:
    """Count failures in a row, wait after each, and give up at last."""

    def __init__(self, patience: Patience, url: str) -> None:
        self.patience, self.url, self.failures = patience, url, 0

    def failed(self, reason: UnansweredError, *, gained: bool = False) -> None:
        """Wait before the next attempt.

        Parameters
        ----------
        reason : UnansweredError
            What went wrong.
        gained : bool
            Whether the attempt brought bytes that no attempt before had: then counting starts anew.

        Raises
        ------
        InputError
            If this was the last attempt.
        """
        self.failures = 1 if gained else self.failures + 1
        if self.failures >= self.patience.attempts:
            raise InputError(
                f"{self.url}: {reason} ({self.failures} attempts); check the connection and run the same command "
                "again: it continues where it stopped"
            )
        pause = max(reason.wait, self.patience.pause * 2 ** (self.failures - 1))
        time.sleep(min(pause, self.patience.longest))


class Web:
    """One session of requests.

    Parameters
    ----------
    patience : Patience
        For all of them.
    """

    def __init__(self, patience: Patience) -> None:
        import requests

        self.patience = patience
        self.session = requests.Session()
        # Compressed on the way, a body has another length than its file, and cannot be continued.
        self.session.headers.update({"User-Agent": "trialign", "Accept-Encoding": "identity"})

    @contextmanager
    def ask(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator["requests.Response"]:
        """One request, to be read inside the block.

        Yields
        ------
        requests.Response
            With status 200, 206 or 416.

        Raises
        ------
        UnansweredError
            If the request failed, or reading does, in a way that may pass.
        InputError
            If the server will never answer it.
        """
        import requests

        final = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.TooManyRedirects)
        try:
            with self.session.get(url, headers=headers, stream=True, timeout=self.patience.timeout) as response:
                _check_redirects(response, url)
                _check_status(response, url)
                yield response
        except (*final, requests.exceptions.MissingSchema) as error:
            raise InputError(f"{url}: not an address to fetch from ({error}); see the study's page") from error
        except requests.RequestException as error:
            raise UnansweredError(_reason(error)) from error

    def text(self, url: str) -> str:
        """The text at an address, asked for again while that may help.

        Raises
        ------
        InputError
            If there is none.
        """
        tries = Tries(self.patience, url)
        while True:
            try:
                with self.ask(url) as response:
                    return self._all_of(response, url)
            except UnansweredError as reason:
                tries.failed(reason)

    def _all_of(self, response: "requests.Response", url: str) -> str:
        body = bytearray()
        for chunk in response.iter_content(1 << 16):
            body += chunk
            if len(body) > LONGEST_LISTING:
                raise InputError(f"{url}: the listing has more than {LONGEST_LISTING} bytes: this is no listing")
        return body.decode("utf-8", errors="replace")


def _check_redirects(response: "requests.Response", url: str) -> None:
    """What a host sends encrypted may not be replaced by what anybody on the way puts in."""
    steps = [*(earlier.url for earlier in response.history), response.url]
    if url.startswith("https:") and (open_step := next((step for step in steps if not step.startswith("https:")), "")):
        raise InputError(f"{url}: the host leads on to {open_step}, without encryption; get this file in a browser")


def _check_status(response: "requests.Response", url: str) -> None:
    status = response.status_code
    if status in BUSY or status >= 500:
        raise UnansweredError(f"the server answers {status} {response.reason}", wait=_retry_after(response))
    if status not in (200, 206, 416):
        cure = CURES.get(status, "see the study's page")
        raise InputError(f"{url}: the server answers {status} {response.reason}; {cure}")


def _retry_after(response: "requests.Response") -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def _reason(error: Exception) -> str:
    """The innermost words of an error of requests, which wraps those of urllib3, which wraps those of the system."""
    inner = error
    while isinstance(args := getattr(inner, "args", ()), tuple) and args and isinstance(args[-1], Exception):
        inner = args[-1]
    named = getattr(inner, "reason", inner)
    return f"no whole answer: {named if str(named) else type(error).__name__}"
