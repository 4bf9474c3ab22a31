"""The browser's eyes are open: a page with every fault is seen to have them."""

from tests.reporting.looking import look_at

FAULTY = """<html><head><title>faulty</title></head><body><td>x</td>
<img alt="gone" src="nowhere.png"><img alt="far" src="https://far.example/x.png">
<img alt="there" src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">
<script>alert(1); console.error("something broke")</script></body></html>"""


def test_faults_are_seen(tmp_path):
    (tmp_path / "page.html").write_text(FAULTY)
    seen = look_at(tmp_path / "page.html", tmp_path)
    assert any("something broke" in line for line in seen.console)
    assert dict(map(tuple, seen.images)) == {"gone": 0, "far": 0, "there": 1}
    assert {"https://far.example/x.png"} <= set(seen.asked)
    assert seen.hacked == "alert 1"
    assert "script" in seen.tags
    assert seen.scripts == 1
    assert seen.title == "faulty"
