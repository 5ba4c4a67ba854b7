import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from saccade.core.errors import DataError, UsageError
from saccade.data.sources.download import Remote, fetch

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; /short breaks off after 1,000 bytes, /whole knows no ranges."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.path != "/whole" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = 1_000 if self.path == "/short" and not start else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.ranges = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def remote(server, path="/file", md5=MD5):
    return Remote(f"http://127.0.0.1:{server.server_port}{path}", md5, len(CONTENT))


def test_fetch_downloads_once(server, tmp_path):
    paths = [fetch(remote(server), tmp_path / "cache") for _ in range(2)]
    assert paths[0].read_bytes() == CONTENT
    assert (paths[0], server.ranges) == (paths[1], [None])


def test_fetch_that_broke_off_asks_for_the_rest_the_next_time(server, tmp_path):
    with pytest.raises(UsageError, match=r"Run the same command again to resume"):
        fetch(remote(server, "/short"), tmp_path)
    assert fetch(remote(server, "/short"), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-"]


def test_fetch_from_server_without_ranges_starts_anew(server, tmp_path):
    (tmp_path / "whole.part").write_bytes(CONTENT[:100])
    assert fetch(remote(server, "/whole"), tmp_path).read_bytes() == CONTENT


def test_fetch_with_wrong_checksum_keeps_nothing(server, tmp_path):
    with pytest.raises(DataError, match=f"md5 {MD5} where 00 is published"):
        fetch(remote(server, md5="00"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_fetch_without_network_tells_the_manual_step(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UsageError, match=r"Cannot download .*get the file by hand \(7 bytes, md5 ab\).*--data.*cache"):
        fetch(Remote(f"http://127.0.0.1:{port}/set.tar.gz", "ab", 7), tmp_path / "cache")
