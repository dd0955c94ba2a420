"""Malformed and ambiguous requests as raw bytes, and what each must come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

HOST = b"Host: alpha.localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
GOOD = b"GET /good HTTP/1.1\r\n" + HOST + b"\r\n"


class Reach(Enum):
    """What may reach the backend, apart from whole requests."""

    NOTHING = "nothing"
    BEGUN = "nothing, or the beginning of a request on a connection that is then closed"


@dataclass(frozen=True, slots=True)
class Entry:
    """Bytes that a client sends.

    ``statuses`` are those of the answers in their order, each one of several. Each 200 stands for a
    whole request at the backend. ``unfinished``: more would have to come, so that only the end of
    the client's sending brings the last answer; it may be left out.
    """

    name: str
    data: bytes
    statuses: tuple[frozenset[int], ...]
    reach: Reach = Reach.NOTHING
    unfinished: bool = False
    rude: bool = False


def entry(
    name: str,
    data: bytes,
    *statuses: int | set[int],
    reach: Reach = Reach.NOTHING,
    unfinished: bool = False,
    rude: bool = False,
) -> Entry:
    """Return an entry."""
    sets = tuple(frozenset({one} if isinstance(one, int) else one) for one in statuses)
    return Entry(name, data, sets, reach, unfinished, rude)


def bad(group: dict[str, bytes], *statuses: int, reach: Reach = Reach.NOTHING) -> Iterator[Entry]:
    """Refuse each; a good request behind it is lost with it, one before it is answered."""
    allowed = set(statuses or (400,))
    for name, data in group.items():
        waits = b"\r\n\r\n" not in data and name != "bare LF all over"
        yield entry(name, data, allowed, reach=reach, unfinished=waits)
        yield entry(f"{name}, before a good one", data + GOOD, allowed, reach=reach)
        after = GOOD + data
        yield entry(f"{name}, after a good one", after, 200, allowed, reach=reach, unfinished=waits)


def framings() -> Iterator[Entry]:
    """Yield lengths and transfer codings that contradict each other or themselves."""
    cl, te = b"Content-Length: ", b"Transfer-Encoding: "
    last = b"0\r\n\r\n"
    both = {
        "length and chunked": POST + cl + b"5\r\n" + te + b"chunked\r\n\r\n" + last,
        "chunked and length": POST + te + b"chunked\r\n" + cl + b"5\r\n\r\n" + last,
        "length 0 and chunked": POST + cl + b"0\r\n" + te + b"chunked\r\n\r\n" + last,
        "chunked and length 0": POST + te + b"chunked\r\n" + cl + b"0\r\n\r\n" + last,
        "both on a GET": GET + cl + b"4\r\n" + te + b"chunked\r\n\r\n" + last,
        "both, oddly": POST + b"content-LENGTH:5\r\ntransfer-ENCODING:chunked\r\n\r\n" + last,
        "both, one nominated": CHUNKED + b"Connection: " + cl[:-2] + b"\r\n" + cl + b"5\r\n\r\n",
        "both, other nominated": CHUNKED + b"Connection: " + te[:-2] + b"\r\n" + cl + b"5\r\n\r\n",
        "both, something between": POST + cl + b"5\r\nX: y\r\n" + te + b"chunked\r\n\r\n" + last,
        "both, in HTTP/1.0": CHUNKED.replace(b"/1.1", b"/1.0") + cl + b"5\r\n\r\n" + last,
        "both, unknown coding": POST + cl + b"5\r\n" + te + b"x\r\n\r\nhello",
        "both, empty coding": POST + cl + b"5\r\n" + te + b"\r\n\r\nhello",
    }  # fmt: skip
    yield from bad(both, 400, 501)
    twice = {
        "two lengths": cl + b"5\r\n" + cl + b"6",
        "the same length twice": cl + b"5\r\n" + cl + b"5",
        "the same length thrice": cl + b"5\r\n" + cl + b"5\r\n" + cl + b"5",
        "lengths 0 and 5": cl + b"0\r\n" + cl + b"5",
        "two lengths spelled differently": b"content-length: 5\r\nCONTENT-LENGTH: 5",
    }
    yield from bad({name: POST + line + b"\r\n\r\nhello" for name, line in twice.items()})


LENGTHS = {
    "listed": b"5, 5",
    "listed, different": b"5, 6",
    "listed without space": b"5,5",
    "trailing comma": b"5,",
    "leading comma": b",5",
    "plus": b"+5",
    "minus": b"-5",
    "minus nothing": b"-0",
    "hexadecimal": b"0x5",
    "letters": b"five",
    "letter behind": b"5a",
    "letter before": b"a5",
    "point": b"5.0",
    "exponent": b"5e0",
    "underscore": b"1_0",
    "space within": b"1 0",
    "tab within": b"1\t0",
    "semicolon": b"5;",
    "quoted": b'"5"',
    "empty": b"",
    "only space": b"   ",
    "vertical tab": b"5\x0b",
    "form feed": b"\x0c5",
    "NUL": b"5\0",
    "bare CR": b"5\r0",
    "non-breaking space": b"\xa05",
    "digits of another script": "\N{FULLWIDTH DIGIT FIVE}".encode(),
    "superscript": "\N{SUPERSCRIPT TWO}".encode(),
    "arabic digits": "\N{ARABIC-INDIC DIGIT FIVE}".encode(),
    "2 to the 64": b"18446744073709551616",
    "2 to the 64 and 5": b"18446744073709551621",
    "30 digits": b"9" * 30,
    "400 digits": b"9" * 400,
}

CODINGS = {
    "xchunked": b"xchunked",
    "chunkedx": b"chunkedx",
    "chunked twice": b"chunked, chunked",
    "gzip first": b"gzip, chunked",
    "gzip last": b"chunked, gzip",
    "gzip only": b"gzip",
    "identity": b"identity",
    "identity and chunked": b"identity, chunked",
    "chunked and identity": b"chunked, identity",
    "trailing comma": b"chunked,",
    "leading comma": b", chunked",
    "parameter": b"chunked;q=1",
    "semicolon": b"chunked;",
    "quoted": b'"chunked"',
    "single quotes": b"'chunked'",
    "empty": b"",
    "only spaces": b"  ",
    "vertical tab before": b"\x0bchunked",
    "vertical tab behind": b"chunked\x0b",
    "form feed": b"\x0cchunked",
    "NUL behind": b"chunked\0",
    "NUL before": b"\0chunked",
    "bare CR behind": b"chunked\rx",
    "tab within": b"chun\tked",
    "space within": b"chun ked",
    "two words": b"chunked chunked",
    "dotless": "chun\N{LATIN SMALL LETTER DOTLESS I}ked".encode(),
    "Kelvin sign": "chun\N{KELVIN SIGN}ed".encode(),
    "non-breaking space": b"\xa0chunked",
    "deflate": b"deflate",
    "trailers": b"trailers",
    "cow": b"cow",
    "null": b"null",
    "colon": b": chunked",
    "eight bit": b"chunked\xff",
}


def lengths() -> Iterator[Entry]:
    """Yield malformed values of Content-Length."""
    entries = {n: POST + b"Content-Length: " + v + b"\r\n\r\n" for n, v in LENGTHS.items()}
    yield from bad(entries)
    yield from bad({"on a GET": GET + b"Content-Length: x\r\n\r\n"})


def codings() -> Iterator[Entry]:
    """Yield transfer codings that are not exactly one ``chunked``."""
    te = b"Transfer-Encoding: "
    last = b"\r\n\r\n0\r\n\r\n"
    yield from bad({n: POST + te + v + last for n, v in CODINGS.items()}, 400, 501)
    odd = {
        "twice": te + b"chunked\r\n" + te + b"chunked",
        "twice, second unknown": te + b"chunked\r\n" + te + b"x",
        "twice, first unknown": te + b"x\r\n" + te + b"chunked",
        "twice, first empty": te + b"\r\n" + te + b"chunked",
        "twice, second empty": te + b"chunked\r\n" + te,
        "space before the colon": b"Transfer-Encoding : chunked",
        "tab before the colon": b"Transfer-Encoding\t: chunked",
        "leading space": b" Transfer-Encoding: chunked",
        "folded value": te + b"\r\n chunked",
        "folded value behind": te + b"chunked\r\n , identity",
        "name with NUL": b"Transfer\0-Encoding: chunked",
        "name with a vertical tab": b"Transfer-Encoding\x0b: chunked",
        "hidden behind a bare LF": b"X: y\nTransfer-Encoding: chunked",
        "hidden behind a bare CR": b"X: y\rTransfer-Encoding: chunked",
    }
    yield from bad({n: POST + line + last for n, line in odd.items()}, 400, 501)
    old = POST.replace(b"/1.1", b"/1.0")
    yield from bad({"in HTTP/1.0": old + te + b"chunked" + last})
    yield from bad({"on a GET": GET + te + b"xchunked" + last}, 400, 501)
