"""A host on the loopback address, with listings like those of OSF, S3 and NEMAR, that misbehaves on request."""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 2  # entries of a page of OSF's listing
KEYS = 3  # of S3's
CHUNK = 1 << 16


class Host:
    """Files and listings by path, and what goes wrong with the next requests for one.

    Attributes
    ----------
    url : str
        Base address.
    faults : dict
        By path, what happens to the next requests: ``drop:N`` (the connection ends after N bytes of the body),
        ``short:N`` (a whole answer of N bytes), ``long``, ``wrong``, ``ignore-range``, ``deaf:N`` (both that and
        ``drop:N``), ``shifted`` (a range other than asked for), a status (``500``), or ``fine``. With ``*`` before
        it: every request from then on.
    asked : list of (path, range)
        Every request.
    headers : list of dict
        Of each.
    pause : float
        Seconds after each 64 kB.
    """

    def __init__(self, url):
        self.url, self.contents, self.pages = url, {}, {}
        self.faults = defaultdict(list)
        self.asked = []
        self.headers = []
        self.pause = 0.0

    def put(self, path, content):
        """Serve bytes at a path; gives the address."""
        self.contents[path] = content
        return self.url + quote(path)

    def paths(self):
        """What was asked for that is no listing, in order."""
        return [path for path, _ in self.asked if path in self.contents]

    def next_fault(self, path):
        """What happens now."""
        waiting = self.faults[path]
        if not waiting:
            return "fine"
        return waiting[0][1:] if waiting[0].startswith("*") else waiting.pop(0)

    def serve_osf(self, node, storages, *, hashes=("md5", "sha256"), sizes=True):
        """A node of OSF; `storages` is a dict of dicts of bytes, by storage and path (with folders)."""
        root = f"/osf/nodes/{node}/files/"
        self._osf_pages(root, [self._osf_folder(name, f"{root}{name}/") for name in storages])
        for name, files in storages.items():
            self._osf_level(f"{root}{name}/", "", files, hashes, sizes)

    def _osf_level(self, page, prefix, files, hashes, sizes):
        below = {path.removeprefix(prefix).split("/")[0] for path in files if path.startswith(prefix)}
        entries = []
        for name in sorted(below):
            if prefix + name in files:
                entries.append(self._osf_file(page, prefix + name, files[prefix + name], hashes, sizes))
            else:
                entries.append(self._osf_folder(name, f"{page}{name}/"))
                self._osf_level(f"{page}{name}/", f"{prefix}{name}/", files, hashes, sizes)
        self._osf_pages(page, entries)

    def _osf_pages(self, page, entries):
        starts = range(0, max(len(entries), 1), PAGE)
        for number, start in enumerate(starts, 1):
            following = f"{self.url}{page}?page={number + 1}" if number < len(starts) else None
            document = {"data": entries[start : start + PAGE], "links": {"next": following}}
            self.pages[page, str(number)] = json.dumps(document).encode()

    def _osf_folder(self, name, page):
        return {
            "attributes": {"kind": "folder", "name": name, "size": None},
            "relationships": {"files": {"links": {"related": {"href": self.url + page}}}},
        }

    def _osf_file(self, page, path, content, hashes, sizes):
        url = self.put(f"{page.replace('/osf/', '/bytes/')}{path}", content)
        known = {name: hashlib.new(name, content).hexdigest() if name in hashes else None for name in ("md5", "sha256")}
        about = {"kind": "file", "name": path.split("/")[-1], "size": len(content) if sizes else None}
        about |= {"materialized_path": f"/{path}", "extra": {"hashes": known}}
        return {"attributes": about, "links": {"download": url}}

    def serve_s3(self, files, *, pieces=()):
        """A bucket; objects in `pieces` have an ETag that is no checksum."""
        self.bucket = {key: (content, key in pieces) for key, content in sorted(files.items())}
        for key, content in files.items():
            self.put(f"/s3/{key}", content)

    def s3_page(self, query):
        """A page of the bucket's listing."""
        keys = [key for key in self.bucket if key.startswith(query["prefix"][0])]
        start = int(query.get("continuation-token", ["0"])[0])
        following = start + KEYS < len(keys)
        entries = "".join(self._s3_entry(key) for key in keys[start : start + KEYS])
        token = f"<NextContinuationToken>{start + KEYS}</NextContinuationToken>" if following else ""
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f'<?xml version="1.0"?><ListBucketResult {space}>{entries}{token}</ListBucketResult>'.encode()

    def _s3_entry(self, key):
        content, in_pieces = self.bucket[key]
        etag = hashlib.md5(content).hexdigest() + ("-2" if in_pieces else "")
        return (
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>&quot;{etag}&quot;</ETag></Contents>"
        )

    def serve_nemar(self, dataset, files, *, in_git=()):
        """A version of a dataset of NEMAR; files `in_git` have git's checksum."""
        manifest = []
        for path, content in files.items():
            self.put(f"/nemar/{dataset}/{path}", content)
            algorithm = "git" if path in in_git else "sha256"
            blob = b"blob %d\0" % len(content) + content
            checksum = hashlib.sha1(blob) if path in in_git else hashlib.sha256(content)
            entry = {"path": path, "size": len(content), "url": "http://expired.invalid/"}
            manifest.append(entry | {"checksum_algorithm": algorithm, "checksum": checksum.hexdigest()})
        self.pages[f"/nemar/{dataset}/manifest.json", "1"] = json.dumps(manifest).encode()


@contextmanager
def serving() -> Iterator[Host]:
    """A running host."""
    server = Server(("127.0.0.1", 0), Handler)
    server.host = host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


class Server(ThreadingHTTPServer):
    """Says nothing when a client goes."""

    daemon_threads = True

    def handle_error(self, *about: object) -> None:
        """Be quiet."""


class Handler(BaseHTTPRequestHandler):
    """Answers as the host's faults say."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms

    def log_message(self, *words: object) -> None:
        """Be quiet."""

    def do_GET(self):
        """Send a listing, a file, a part of one, or nonsense."""
        host, split = self.server.host, urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query)
        host.asked.append((path, self.headers.get("Range", "")))
        host.headers.append(dict(self.headers))
        fault = host.next_fault(path)
        if fault.isdecimal():
            return self._answer(int(fault), b"no", {"Retry-After": "0"})
        if path == "/s3" and fault == "fine":
            return self._answer(200, host.s3_page(query))
        page = host.pages.get((path, query.get("page", ["1"])[0]))
        content = host.contents.get(path, page)
        if content is None:
            return self._answer(404, b"none")
        return self._send(content, fault)

    def _send(self, content, fault):
        name, _, number = fault.partition(":")
        wanted = self.headers.get("Range", "")
        start = (
            int(wanted.removeprefix("bytes=").removesuffix("-"))
            if wanted and name not in ("ignore-range", "deaf")
            else 0
        )
        if start and start >= len(content):
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        start += name == "shifted"
        body = bytes(reversed(content)) if name == "wrong" else content
        body = body[start : int(number) if name == "short" else None] + (b"more" if name == "long" else b"")
        place = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        return self._answer(206 if start else 200, body, place, stop=int(number) if name in ("drop", "deaf") else None)

    def _answer(self, status, body, headers: dict[str, str] | Sequence = (), stop=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body[:stop]), CHUNK):
            self.wfile.write(body[:stop][start : start + CHUNK])
            time.sleep(self.server.host.pause)
        if stop is not None:
            self.wfile.flush()
            self.close_connection = True
