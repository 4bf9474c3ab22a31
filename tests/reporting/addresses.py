"""What a page would fetch from elsewhere, as far as its text tells."""

import re
from html.parser import HTMLParser

FETCHED = {"src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href"}
INSIDE = ("data:", "#", "javascript:void")
STYLE_ADDRESS = re.compile(r"url\(\s*['\"]?([^'\")\s]+)|@import\s+['\"]([^'\"]+)")


class _Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.in_style = [], False

    def handle_starttag(self, tag, attrs):
        self.in_style = tag == "style"
        for name, value in attrs:
            if name in FETCHED or (name == "href" and tag not in ("a", "area")):
                self._note(value or "")
            if name == "style":
                self.handle_style(value or "")

    def handle_data(self, data):
        if self.in_style:
            self.handle_style(data)

    def handle_endtag(self, tag):
        self.in_style = False

    def handle_style(self, text):
        for groups in STYLE_ADDRESS.findall(text):
            self._note("".join(groups))

    def _note(self, address):
        if address and not address.startswith(INSIDE):
            self.found.append(address)


def outside_addresses(html):
    """The addresses of scripts, styles, pictures and fonts that are not part of the page; links are none."""
    parser = _Addresses()
    parser.feed(html)
    return parser.found
