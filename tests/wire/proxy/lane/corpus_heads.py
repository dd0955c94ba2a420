"""More of the corpus: lines of a head that are none, and other protocols."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.proxy.lane.corpus import GET, GOOD, HOST, Entry, bad, entry


def heads() -> Iterator[Entry]:
    """Yield field lines that are none."""
    lines = {
        "obs-fold with a space": b"X: a\r\n b",
        "obs-fold with a tab": b"X: a\r\n\tb",
        "obs-fold, empty": b"X: a\r\n ",
        "space before the colon": b"X : a",
        "tab before the colon": b"X\t: a",
        "space within the name": b"X Y: a",
        "leading space": b" X: a",
        "empty name": b": a",
        "empty name and value": b":",
        "no colon": b"X",
        "only a space": b" ",
        "NUL in the name": b"X\0: a",
        "control in the name": b"X\x01: a",
        "DEL in the name": b"X\x7f: a",
        "eight bit in the name": b"X\xe9: a",
        "quote in the name": b'"X": a',
        "bracket in the name": b"X(: a",
        "at sign in the name": b"X@Y: a",
        "slash in the name": b"X/Y: a",
        "equals for colon": b"X=a",
        "NUL in the value": b"X: a\0b",
        "NUL as the value": b"X: \0",
        "control in the value": b"X: a\x01b",
        "escape in the value": b"X: a\x1bb",
        "backspace in the value": b"X: a\x08b",
        "vertical tab in the value": b"X: a\x0bb",
        "DEL in the value": b"X: a\x7fb",
        "bare CR in the value": b"X: a\rb",
        "bare CR at the end": b"X: a\r",
        "bare CR first": b"X:\ra",
        "CR CR LF": b"X: a\r\r\nY: b",
        "bare LF in the value": b"X: a\nY: b",
        "LF CR": b"X: a\n\rY: b",
        "bare LF twice": b"X: a\n\nY: b",
        "another request behind a bare LF": b"X: a\n\nGET /hidden HTTP/1.1\nHost: alpha.localhost",
    }
    yield from bad({n: GET + line + b"\r\n\r\n" for n, line in lines.items()})
    yield from bad({"bare LF all over": b"GET / HTTP/1.1\nHost: alpha.localhost\n\n"})
    yield from bad({"bare LF after the request line": b"GET / HTTP/1.1\n" + HOST + b"\r\n"})
    yield from bad({"bare LF as the last line": GET + b"\n"})
    yield from bad({"bare LF ends the last field": GET[:-2] + b"\n\r\n"})
    yield from bad({"bare CR after the request line": b"GET / HTTP/1.1\r" + HOST + b"\r\n"})
    yield from bad({"folded first line": b"GET / HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n"})


def start_lines() -> Iterator[Entry]:
    """Yield request lines that are none, or of another protocol."""
    lines = {
        "nothing but a word": b"nonsense",
        "no target": b"GET HTTP/1.1",
        "no version": b"GET /",
        "no method": b"/ HTTP/1.1",
        "two spaces before the target": b"GET  / HTTP/1.1",
        "two spaces before the version": b"GET /  HTTP/1.1",
        "leading space": b" GET / HTTP/1.1",
        "leading bare LF": b"\nGET / HTTP/1.1",
        "leading bare CR": b"\rGET / HTTP/1.1",
        "leading CR CR LF": b"\r\r\nGET / HTTP/1.1",
        "leading byte order mark": b"\xef\xbb\xbfGET / HTTP/1.1",
        "trailing space": b"GET / HTTP/1.1 ",
        "trailing word": b"GET / HTTP/1.1 x",
        "tab for space": b"GET\t/ HTTP/1.1",
        "tab before the version": b"GET /\tHTTP/1.1",
        "vertical tab": b"GET\x0b/ HTTP/1.1",
        "space in the target": b"GET /a b HTTP/1.1",
        "NUL in the target": b"GET /\0 HTTP/1.1",
        "control in the target": b"GET /\x01 HTTP/1.1",
        "tab in the target": b"GET /a\tb HTTP/1.1",
        "bare CR in the target": b"GET /a\rb HTTP/1.1",
        "bare LF in the target": b"GET /a\nb HTTP/1.1",
        "DEL in the target": b"GET /\x7f HTTP/1.1",
        "UTF-8 in the target": b"GET /\xc3\xa9 HTTP/1.1",
        "latin-1 in the target": b"GET /\xe9 HTTP/1.1",
        "eight bit in the query": b"GET /?\xff HTTP/1.1",
        "lower case method": b"get / HTTP/1.1",
        "mixed case method": b"Get / HTTP/1.1",
        "NUL in the method": b"G\0T / HTTP/1.1",
        "eight bit in the method": b"GET\xff / HTTP/1.1",
        "bracket in the method": b"(GET) / HTTP/1.1",
        "unknown method": b"FROB / HTTP/1.1",
        "method with a known beginning": b"GETX / HTTP/1.1",
        "endless method": b"G" * 300 + b" / HTTP/1.1",
        "version 1.2": b"GET / HTTP/1.2",
        "version 1.9": b"GET / HTTP/1.9",
        "version 2.0": b"GET / HTTP/2.0",
        "version 2": b"GET / HTTP/2",
        "version 3.0": b"GET / HTTP/3.0",
        "version 0.9": b"GET / HTTP/0.9",
        "version 01.1": b"GET / HTTP/01.1",
        "version 1.01": b"GET / HTTP/1.01",
        "version 1.1.1": b"GET / HTTP/1.1.1",
        "version 1,1": b"GET / HTTP/1,1",
        "version 1": b"GET / HTTP/1",
        "version 1.": b"GET / HTTP/1.",
        "version .1": b"GET / HTTP/.1",
        "version -1.1": b"GET / HTTP/-1.1",
        "version 1.x": b"GET / HTTP/1.x",
        "lower case version": b"GET / http/1.1",
        "mixed case version": b"GET / HtTP/1.1",
        "version with a space": b"GET / HTTP/ 1.1",
        "version without a slash": b"GET / HTTP1.1",
        "version HTTPS": b"GET / HTTPS/1.1",
        "RTSP": b"DESCRIBE / RTSP/1.0",
        "RTSP with a method of HTTP": b"OPTIONS / RTSP/1.1",
        "GET in RTSP": b"GET / RTSP/1.1",
        "ICE": b"SOURCE / ICE/1.0",
        "GET in ICE": b"GET / ICE/1.1",
        "a method of RTSP in HTTP": b"TEARDOWN / HTTP/1.1",
        "a method of ICE in HTTP": b"SOURCE / HTTP/1.1",
        "SIP": b"INVITE sip:alpha.localhost SIP/2.0",
        "an answer": b"HTTP/1.1 200 OK",
    }
    for name, line in lines.items():
        data = line + b"\r\n" + HOST + b"\r\n"
        if name.startswith("a method of"):
            # Known to the parser; no method of HTTP. Passed on it would do no harm.
            yield entry(name, data, {200, 400, 501})
        else:
            yield from bad({name: data}, 400, 405, 501, 505)


def protocols() -> Iterator[Entry]:
    """Yield first bytes of other protocols."""
    hello = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\x20" + b"\0" * 60
    )
    strangers = {
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        "HTTP/2 preface with Host": b"PRI * HTTP/2.0\r\n" + HOST + b"\r\nSM\r\n\r\n",
        "TLS": hello + b"\r\n\r\n",
        "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n",
        "SMTP": b"EHLO alpha.localhost\r\nMAIL FROM:<x@y>\r\n\r\n",
        "IMAP": b"a001 LOGIN x y\r\n\r\n",
        "Redis": b"*1\r\n$4\r\nPING\r\n\r\n",
        "memcached": b"get x\r\nstats\r\n\r\n",
        "PROXY protocol": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + GOOD,
        "PROXY protocol 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + GOOD,
        "DNS": b"\0\x1d\xab\xcd\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1\r\n\r\n",
        "WebSocket frame": b"\x81\x85abcd\x09\x07\x0f\x08\x0e\r\n\r\n",
        "JSON": b'{"jsonrpc":"2.0","method":"x"}\r\n\r\n',
        "zeros": bytes(64) + b"\r\n\r\n",
        "eight bit": b"\xff" * 64 + b"\r\n\r\n",
    }  # fmt: skip
    yield from bad(strangers, 400, 501, 505)
    yield entry("TLS that waits", hello, 400, unfinished=True)
    yield entry("SSH that waits", b"SSH-2.0-x\r\n", 400, unfinished=True)
    yield entry("one byte", b"G", 400, unfinished=True)
    yield entry("one line", b"GET / HTTP/1.1\r\n", 400, unfinished=True)
    yield entry("no empty line", GET, 400, unfinished=True)
    yield entry("half an empty line", GET + b"\r", 400, unfinished=True)
    yield entry("only an empty line", b"\r\n", unfinished=True)
    yield entry("nothing", b"", unfinished=True)
