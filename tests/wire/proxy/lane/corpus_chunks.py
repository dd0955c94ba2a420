"""More of the corpus: bodies that are no chunks, or not whole."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.proxy.lane.corpus import CHUNKED, HOST, POST, Entry, Reach, bad, entry

LAST = b"0\r\n\r\n"

SIZES = {
    "empty": b"",
    "only an extension": b";a",
    "0x": b"0x5",
    "0X": b"0X5",
    "plus": b"+5",
    "minus": b"-5",
    "minus nothing": b"-0",
    "leading space": b" 5",
    "leading tab": b"\t5",
    "trailing space": b"5 ",
    "trailing tab": b"5\t",
    "leading vertical tab": b"\x0b5",
    "space within": b"5 5",
    "underscore": b"5_5",
    "point": b"5.0",
    "comma": b"5,5",
    "no hexadecimal digit": b"5g",
    "h behind": b"5h",
    "NUL behind": b"5\0",
    "bare CR behind": b"5\r",
    "bare CR within": b"5\r;a",
    "eight bit": b"5\xff",
    "digit of another script": "\N{FULLWIDTH DIGIT FIVE}".encode(),
    "17 digits": b"0" * 16 + b"5",
    "17 digits that overflow": b"1" + b"0" * 15 + b"5",
    "2 to the 64 and 5": b"10000000000000005",
    "40 digits": b"0" * 39 + b"5",
    "400 digits": b"f" * 400,
    "quoted": b'"5"',
    "semicolon, no name": b"5;",
    "space, semicolon, no name": b"5 ;",
    "space before an extension": b"5 ;a",
    "space after its semicolon": b"5; a",
    "extension without a semicolon": b"5 a=b",
    "extension with NUL": b"5;a\0",
    "extension with a control": b"5;a=\x01",
    "extension with an escape": b"5;\x1b",
    "extension with DEL": b"5;a=\x7f",
    "extension with a bare CR": b"5;a\rb",
    "extension with a bare LF": b"5;a\nb",
    "extension with a bare LF and a size": b"5;a\n5",
    "extension with a vertical tab": b"5;\x0ba",
    "quoted extension with a bare LF": b'5;a="\n"',
    "quoted extension with CR": b'5;a="\r"',
    "quoted extension that is not closed": b'5;a="b',
    "endless extension": b"5;" + b"a" * (1 << 17),
}


def chunks() -> Iterator[Entry]:
    """Yield bodies that are no chunks."""
    bodies = {f"size {name}": size + b"\r\nhello\r\n" + LAST for name, size in SIZES.items()}
    bodies |= {f"second size {name}": b"1\r\nx\r\n" + data for name, data in bodies.items()}
    bodies |= {
        "size ends with a bare LF": b"5\nhello\r\n" + LAST,
        "last size ends with a bare LF": b"5\r\nhello\r\n0\n\r\n",
        "extension ends with a bare LF": b"5;a\nhello\r\n" + LAST,
        "no line end after a chunk": b"5\r\nhello" + LAST,
        "bare LF after a chunk": b"5\r\nhello\n" + LAST,
        "bare CR after a chunk": b"5\r\nhello\r" + LAST,
        "CR CR LF after a chunk": b"5\r\nhello\r\r\n" + LAST,
        "two line ends after a chunk": b"5\r\nhello\r\n\r\n" + LAST,
        "space after a chunk": b"5\r\nhello \r\n" + LAST,
        "chunk longer than its size": b"5\r\nhello!\r\n" + LAST,
        "chunk shorter than its size": b"5\r\nhell\r\n" + LAST,
        "line end before the first size": b"\r\n5\r\nhello\r\n" + LAST,
        "trailer without a colon": b"0\r\nX\r\n\r\n",
        "trailer with a space before the colon": b"0\r\nX : a\r\n\r\n",
        "trailer with a leading space": b"0\r\n X: a\r\n\r\n",
        "trailer folded": b"0\r\nX: a\r\n b\r\n\r\n",
        "trailer without a name": b"0\r\n: a\r\n\r\n",
        "trailer with NUL": b"0\r\nX: a\0\r\n\r\n",
        "trailer with a control": b"0\r\nX: \x01\r\n\r\n",
        "trailer with a bare CR": b"0\r\nX: a\rb\r\n\r\n",
        "trailer with a bare LF": b"0\r\nX: a\nY: b\r\n\r\n",
        "trailer name with a control": b"0\r\nX\x01: a\r\n\r\n",
        "another request for trailers": b"0\r\nGET /hidden HTTP/1.1\r\n" + HOST + b"\r\n",
        "endless trailer": b"0\r\nX: " + b"a" * (1 << 17) + b"\r\n\r\n",
        "endless trailers": b"0\r\n" + b"X: a\r\n" * (1 << 15) + b"\r\n",
        "a body as it is": b"hello\r\n\r\n",
    }
    yield from bad({n: CHUNKED + b"\r\n" + b for n, b in bodies.items()}, reach=Reach.BEGUN)
    begun = {
        "no chunk": b"",
        "half a size": b"5",
        "half a size, CR": b"5\r",
        "half a chunk": b"5\r\nhel",
        "a chunk without its end": b"5\r\nhello",
        "a chunk and a CR": b"5\r\nhello\r",
        "no last chunk": b"5\r\nhello\r\n",
        "half a last chunk": b"5\r\nhello\r\n0",
        "no end of trailers": b"5\r\nhello\r\n0\r\n",
        "half a trailer": b"5\r\nhello\r\n0\r\nX: a",
        "a trailer and no end": b"5\r\nhello\r\n0\r\nX: a\r\n",
    }
    for name, body in begun.items():
        data = CHUNKED + b"\r\n" + body
        yield entry(f"{name}, no more", data, 400, reach=Reach.BEGUN, unfinished=True)
    short = POST + b"Content-Length: 5\r\n\r\nhell"
    yield entry("body too short", short, 400, reach=Reach.BEGUN, unfinished=True)
    yield entry("body missing", short[:-4], 400, reach=Reach.BEGUN, unfinished=True)
