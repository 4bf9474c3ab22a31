"""What the hosts say they have: path, size, checksum and address of each file.

Nothing about the files is kept in trialign, so a new version on the host is found by itself; of NEMAR, whose addresses
name a version, the one in `studies.py`.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.remote import RemoteFile
from pipeline_lib.fetching.sources import Sources
from pipeline_lib.fetching.web import Web

MOST_PAGES = 10_000


def list_files(host: str, dataset: str, web: Web, sources: Sources) -> list[RemoteFile]:
    """Every file of a dataset.

    Parameters
    ----------
    host : str
        ``osf``, ``openneuro`` or ``nemar``.
    dataset : str
        A node of OSF, a dataset of OpenNeuro, or a dataset and version of NEMAR with a slash between.
    web : Web
        Asks.
    sources : Sources
        Base addresses of the hosts.

    Raises
    ------
    InputError
        If the host cannot be reached, does not know the dataset, or answers with something else than a listing.
    """
    return list(LISTINGS[host](getattr(sources, host), dataset, web))


def osf_files(base: str, node: str, web: Web) -> Iterator[RemoteFile]:
    """Files of all storages of an OSF node: large ones often lie in a linked drive, not in OSF's own storage."""
    folders, seen = [f"{base}/nodes/{node}/files/?page%5Bsize%5D=100"], set()
    while folders:
        url = folders.pop(0)
        if url in seen or len(seen) >= MOST_PAGES:
            raise InputError(f"{url}: the listing runs in circles; see https://osf.io/{node}/")
        seen.add(url)
        page = _json(web, url)
        with _expected(url):
            entries = [(entry["attributes"], entry) for entry in page["data"]]
            following = (page.get("links") or {}).get("next")
            below = [_folder(entry) for about, entry in entries if about["kind"] == "folder"]
            files = [_osf_file(about, entry) for about, entry in entries if about["kind"] == "file"]
        yield from files
        folders = [*([following] if following else []), *below, *folders]


def s3_files(base: str, dataset: str, web: Web) -> Iterator[RemoteFile]:
    """Files of a dataset in a public S3 bucket."""
    token: str | None = ""
    for _ in range(MOST_PAGES):
        query = {"list-type": "2", "prefix": f"{dataset}/"} | ({"continuation-token": token} if token else {})
        url = f"{base}?{urlencode(query)}"
        with _expected(url):
            page = ElementTree.fromstring(web.text(url))
            if not page.tag.endswith("ListBucketResult"):
                raise ValueError(f"it is a {page.tag!r}")
            files = [_s3_file(entry, base, dataset) for entry in page.iterfind("{*}Contents")]
            token = page.findtext("{*}NextContinuationToken")
        yield from (file for file in files if not file.path.endswith("/"))
        if not token:
            return
    raise InputError(f"{base}: the listing of {dataset} does not end")


def nemar_files(base: str, dataset: str, web: Web) -> Iterator[RemoteFile]:
    """Files of one version of a NEMAR dataset.

    The addresses in the manifest expire after an hour; those taken here lead to fresh ones each time.
    """
    url = f"{base}/{dataset}/manifest.json"
    manifest = _json(web, url)
    with _expected(url):
        if not isinstance(manifest, list):
            raise TypeError(f"it is a {type(manifest).__name__}")
        for entry in manifest:
            path, algorithm = entry["path"], entry.get("checksum_algorithm", "")
            checksum = f"{algorithm}:{entry['checksum']}" if algorithm in ("md5", "sha256", "git") else ""
            yield RemoteFile(path, f"{base}/{dataset}/{quote(path)}", int(entry["size"]), checksum)


LISTINGS: dict[str, Callable[[str, str, Web], Iterator[RemoteFile]]] = {
    "osf": osf_files,
    "openneuro": s3_files,
    "nemar": nemar_files,
}


@contextmanager
def _expected(url: str) -> Iterator[None]:
    """Say of anything that is not shaped as a listing that it is none."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, ElementTree.ParseError) as error:
        raise InputError(
            f"{url}: not a listing as this host gave it when trialign was written ({error!r}); get the files from the "
            "study's page, and tell us"
        ) from error


def _json(web: Web, url: str) -> Any:
    with _expected(url):
        return json.loads(web.text(url))


def _folder(entry: dict[str, Any]) -> str:
    url = entry["relationships"]["files"]["links"]["related"]["href"]
    return url if "page%5Bsize%5D" in url else f"{url}{'&' if '?' in url else '?'}page%5Bsize%5D=100"


def _osf_file(about: dict[str, Any], entry: dict[str, Any]) -> RemoteFile:
    hashes = (about.get("extra") or {}).get("hashes") or {}
    checksum = next((f"{name}:{hashes[name]}" for name in ("sha256", "md5") if hashes.get(name)), "")
    path = (about.get("materialized_path") or about["name"]).lstrip("/")
    size = None if about.get("size") is None else int(about["size"])
    return RemoteFile(path, entry["links"]["download"], size, checksum)


def _s3_file(entry: ElementTree.Element, base: str, dataset: str) -> RemoteFile:
    key, size, etag = (entry.findtext(f"{{*}}{name}") or "" for name in ("Key", "Size", "ETag"))
    # The ETag of an object that was uploaded in pieces is no checksum of its bytes, and ends in "-" and their number.
    md5 = re.fullmatch('"?([0-9a-f]{32})"?', etag)
    path = key.removeprefix(f"{dataset}/")
    return RemoteFile(path, f"{base}/{quote(key)}", int(size), f"md5:{md5[1]}" if md5 else "", etag)
