"""More of the corpus: targets, hosts, sizes, and what is odd but right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tests.wire.proxy.lane.corpus import (
    CHUNKED,
    GET,
    GOOD,
    HOST,
    POST,
    Entry,
    bad,
    codings,
    entry,
    framings,
    lengths,
)
from tests.wire.proxy.lane.corpus_chunks import LAST, chunks
from tests.wire.proxy.lane.corpus_heads import heads, protocols, start_lines


def targets() -> Iterator[Entry]:
    """Yield targets that are not of this host, or of no form that it serves."""
    forms = {
        "absolute-form, other host": b"http://beta.localhost/",
        "absolute-form, host with a port": b"http://alpha.localhost:81/",
        "absolute-form, host's beginning": b"http://alpha.localhost.evil.org/",
        "absolute-form, user": b"http://user@alpha.localhost/",
        "absolute-form, user and password": b"http://user:x@alpha.localhost/",
        "absolute-form, host as user": b"http://alpha.localhost@evil.org/",
        "absolute-form, no host": b"http:///",
        "absolute-form, nothing behind": b"http://",
        "absolute-form, one slash": b"http:/alpha.localhost/",
        "absolute-form, bracket": b"http://[::1/",
        "absolute-form, two ports": b"http://a:b:c/",
        "absolute-form, escaped host": b"http://alpha%2elocalhost/",
        "absolute-form, query for a path, other host": b"http://evil.org?x",
        "absolute-form, backslash": b"http://evil.org\\@alpha.localhost/",
        "other scheme": b"ftp://alpha.localhost/",
        "unknown scheme": b"foo://alpha.localhost/",
        "file": b"file:///etc/passwd",
        "javascript": b"javascript:alert(1)",
        "authority-form": b"alpha.localhost:80",
        "authority-form without a port": b"alpha.localhost",
        "asterisk-form": b"*",
        "relative": b"x",
        "dot": b".",
        "query": b"?x",
        "fragment": b"#x",
        "backslash": b"\\",
        "escaped slash": b"%2F",
    }
    for name, target in forms.items():
        yield from bad({name: b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"})
    connect = {
        "CONNECT": b"CONNECT alpha.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        "CONNECT elsewhere": b"CONNECT evil.org:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        "CONNECT to a path": b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n",
        "CONNECT, brackets": b"CONNECT [::1]:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    }
    yield from bad(connect, 400, 405, 501)


def hosts() -> Iterator[Entry]:
    """Yield Host fields that are none, too many, or not ours."""
    start = b"GET / HTTP/1.1\r\n"
    values = {
        "empty": b"",
        "space": b" ",
        "user": b"user@alpha.localhost",
        "user and password": b"u:p@alpha.localhost",
        "two by comma": b"alpha.localhost, evil.org",
        "comma": b"alpha.localhost,",
        "two by space": b"alpha.localhost evil.org",
        "tab within": b"alpha.localhost\tevil.org",
        "path": b"alpha.localhost/x",
        "scheme": b"http://alpha.localhost",
        "query": b"alpha.localhost?x",
        "fragment": b"alpha.localhost#x",
        "backslash": b"alpha.localhost\\x",
        "letters for a port": b"alpha.localhost:x",
        "minus for a port": b"alpha.localhost:-1",
        "port too large": b"alpha.localhost:65536",
        "long port": b"alpha.localhost:000000080",
        "two ports": b"alpha.localhost:80:80",
        "bracket": b"[::1",
        "no address in brackets": b"[alpha]",
        "escaped": b"alpha%2elocalhost",
        "semicolon": b"alpha.localhost;x",
        "quoted": b'"alpha.localhost"',
        "eight bit": b"alph\xe9.localhost",
        "NUL": b"alpha.localhost\0",
        "vertical tab": b"alpha.localhost\x0b",
        "bare CR": b"alpha.localhost\rx",
        "only a dot": b".",
    }
    yield from bad({n: start + b"Host: " + v + b"\r\n\r\n" for n, v in values.items()})
    fields = {
        "none": b"",
        "none, another field": b"X: alpha.localhost\r\n",
        "two": HOST + b"Host: evil.org\r\n",
        "two, the other first": b"Host: evil.org\r\n" + HOST,
        "the same twice": HOST + HOST,
        "two, spelled differently": HOST + b"hOST: alpha.localhost\r\n",
        "two, one empty": HOST + b"Host:\r\n",
        "two, not together": HOST + b"X: y\r\nHost: alpha.localhost\r\n",
        "space before the colon": b"Host : alpha.localhost\r\n",
        "folded": b"Host:\r\n alpha.localhost\r\n",
    }
    yield from bad({n: start + f + b"\r\n" for n, f in fields.items()})
    yield from bad({"none in HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n"})
    absolute = b"GET http://alpha.localhost/ HTTP/1.1\r\n\r\n"
    yield from bad({"none beside absolute-form": absolute})
    for name in (b"evil.org", b"0.0.0.0", b"alpha.localhost.evil.org", b"[::]", b"alpha"):
        data = start + b"Host: " + name + b"\r\n\r\n"
        yield entry(f"other host {name.decode()}", data + GOOD, 421, 200)


def too_much() -> Iterator[Entry]:
    """Yield what is too long."""
    huge = 1 << 20
    yield from bad(
        {"target": b"GET /" + b"a" * (33 << 10) + b" HTTP/1.1\r\n" + HOST + b"\r\n"}, 414
    )
    yield from bad(
        {"target of 1 MiB": b"GET /" + b"a" * huge + b" HTTP/1.1\r\n" + HOST + b"\r\n"}, 414
    )
    yield from bad(
        {"query": b"GET /?" + b"a" * (33 << 10) + b" HTTP/1.1\r\n" + HOST + b"\r\n"}, 414
    )
    method = b"G" * (65 << 10) + b" / HTTP/1.1\r\n" + HOST + b"\r\n"
    yield from bad({"method": method}, 400, 414, 431, 501)
    yield from bad({"value": GET + b"X: " + b"a" * (65 << 10) + b"\r\n\r\n"}, 431)
    yield from bad({"value of 1 MiB": GET + b"X: " + b"a" * huge + b"\r\n\r\n"}, 431)
    yield from bad({"name": GET + b"a" * (65 << 10) + b": x\r\n\r\n"}, 431)
    yield from bad({"fields": GET + b"X: a\r\n" * 300 + b"\r\n"}, 431)
    yield from bad({"many fields": GET + b"X: a\r\n" * (1 << 15) + b"\r\n"}, 431)
    yield from bad({"spaces": GET + b"X:" + b" " * (65 << 10) + b"a\r\n\r\n"}, 431)
    yield from bad({"zeros": bytes(huge) + b"\r\n\r\n"}, 400, 414, 431)
    yield entry("no line end", b"a" * huge, {400, 414, 431})
    yield entry("no end of a field", GET + b"X: " + b"a" * huge, 431)


def good() -> Iterator[Entry]:
    """Yield what is odd but right, or at least harmless: exactly that reaches the backend."""
    ones = {
        "plain": GET + b"\r\n",
        "empty line first": b"\r\n" + GET + b"\r\n",
        "no space after the colon": GET.replace(b": ", b":") + b"\r\n",
        "spaces and tabs around a value": GET + b"X: \t a \t \r\n\r\n",
        "empty value": GET + b"X:\r\n\r\n",
        "eight bit in a value": GET + b"X: \xc3\xa9\xff\r\n\r\n",
        "tab in a value": GET + b"X: a\tb\r\n\r\n",
        "every character of a token": GET + b"!#$%&'*+-.^_`|~09AZaz: x\r\n\r\n",
        "length with zeros": POST + b"Content-Length: 0005\r\n\r\nhello",
        "length with tab": POST + b"Content-Length:\t5\t\r\n\r\nhello",
        "length 0": POST + b"Content-Length: 0\r\n\r\n",
        "length on a GET": GET + b"Content-Length: 5\r\n\r\nhello",
        "coding in capitals": POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + LAST,
        "coding with spaces": POST + b"Transfer-Encoding:   chunked \r\n\r\n" + LAST,
        "chunk sizes in capitals": CHUNKED + b"\r\nA\r\n0123456789\r\n" + LAST,
        "chunk size with zeros": CHUNKED + b"\r\n0005\r\nhello\r\n000\r\n\r\n",
        "extension": CHUNKED + b'\r\n5;a;b=c;d="e;\\"f"\r\nhello\r\n0;x\r\n\r\n',
        "late fields": CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
        "late host": CHUNKED + b"\r\n0\r\nHost: evil.org\r\nX: y\r\n\r\n",
        "late coding": CHUNKED + b"\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "late connection": CHUNKED + b"\r\n0\r\nConnection: close\r\n\r\n",
        "late claim": CHUNKED + b"\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
        "absolute-form": b"GET http://alpha.localhost/x HTTP/1.1\r\n" + HOST + b"\r\n",
        "absolute-form in capitals": b"GET HTTP://ALPHA.localhost/x HTTP/1.1\r\n" + HOST + b"\r\n",
        "absolute-form without a path": b"GET http://alpha.localhost HTTP/1.1\r\n" + HOST + b"\r\n",
        "host in capitals": b"GET / HTTP/1.1\r\nHOST: ALPHA.LOCALHOST\r\n\r\n",
        "host with a dot": b"GET / HTTP/1.1\r\nHost: alpha.localhost.\r\n\r\n",
        "host nominated": GET + b"Connection: host\r\n\r\n",
        "length nominated": POST + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        "coding nominated": CHUNKED + b"Connection: transfer-encoding\r\n\r\n" + LAST,
        "claims": GET + b"X-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n\r\n",
        "length of another name": POST + b"X-Content-Length: 9\r\nContent_Length: 9\r\n\r\n",
        "slashes": b"GET //x//y?a?b HTTP/1.1\r\n" + HOST + b"\r\n",
        "dots": b"GET /../../etc HTTP/1.1\r\n" + HOST + b"\r\n",
        "bad escape": b"GET /%zz%00%0d%0a HTTP/1.1\r\n" + HOST + b"\r\n",
        "cleartext HTTP/2": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        "upgrade without Connection": GET + b"Upgrade: websocket\r\n\r\n",
    }  # fmt: skip
    for name, data in ones.items():
        yield entry(name, data, 200)
        yield entry(f"{name}, twice", data + data, 200, 200)
    old = GET.replace(b"/1.1", b"/1.0")
    tab = POST + b"Transfer-Encoding:\tchunked\t \r\n\r\n" + LAST
    yield entry("coding with tabs", tab, {200, 400})
    yield entry("HTTP/1.0, then another", old + b"\r\n" + GOOD, 200, rude=True)
    yield entry("HTTP/1.0 that stays", (old + b"Connection: keep-alive\r\n\r\n") * 2, 200, 200)
    closing = GET + b"Connection: close\r\n\r\n"
    yield entry("close, then another", closing + GOOD, 200, rude=True)
    yield entry("close, then nonsense", closing + b"nonsense\r\n\r\n", 200, rude=True)
    listed = GET + b"Connection: x, CLOSE, y\r\n\r\n"
    yield entry("close among others", listed + GOOD, 200, rude=True)
    yield entry("unknown expectation", GET + b"Expect: x\r\n\r\n", {200, 417})


GROUPS = {
    group.__name__: group
    for group in (
        *(framings, lengths, codings, heads, start_lines, protocols),
        *(chunks, targets, hosts, too_much, good),
    )
}
EVERYTHING = list(chain.from_iterable(group() for group in GROUPS.values()))
