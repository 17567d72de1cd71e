#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the hand-made seeds of t/fuzz/corpus. Run it from anywhere; it
replaces its own files (seed-*) and leaves what the fuzzer found (found-*)."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
KEY = bytes.fromhex("37fa213d")


def frame(first, payload=b"", key=KEY):
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65536:
        head = struct.pack(">BBH", first, 0xFE, size)
    else:
        head = struct.pack(">BBQ", first, 0xFF, size)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def cuts(*sizes):
    return bytes([len(sizes)]) + bytes(sizes)


def reader(stream, sizes=(1,), maximum=10, stop_at=0):
    return bytes([maximum, stop_at]) + cuts(*sizes) + stream


CHINESE = "中文".encode()
EMOJI = "\U0001F600".encode()
RFC_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

READER = {
    "text": reader(frame(0x81, b"Hello")),
    "binary": reader(frame(0x82, bytes(range(200))), (7,)),
    "zero-key": reader(frame(0x81, b"Hello", bytes(4))),
    "fragments": reader(frame(0x01, b"Hel") + frame(0x89, b"p") +
                        frame(0x00) + frame(0x80, b"lo"), (2, 3)),
    "two-messages": reader(frame(0x81, b"a") + frame(0x82, b"b"), (5, 1)),
    "utf8-cut": reader(frame(0x01, CHINESE[:2]) + frame(0x80, CHINESE[2:])),
    "utf8-bad": reader(frame(0x81, b"ab\xffcd")),
    "utf8-half": reader(frame(0x81, EMOJI[:3])),
    "close": reader(frame(0x88, b"\x03\xe8bye")),
    "close-empty": reader(frame(0x88)),
    "close-half": reader(frame(0x88, b"\x03")),
    "close-code": reader(frame(0x88, b"\x03\xed")),
    "close-reason": reader(frame(0x88, b"\x03\xe8\xc0")),
    "ping-pong": reader(frame(0x89, b"x" * 125) + frame(0x8A), (9,)),
    "length-16": reader(frame(0x82, bytes(300)), (100, 7)),
    "length-64": reader(b"\x82\xff" + struct.pack(">Q", 3 << 30) + KEY +
                        b"begin", (3,), 39),
    "length-2-63": reader(b"\x82\xff" + struct.pack(">Q", 1 << 63)),
    "length-not-shortest": reader(b"\x82\xfe\x00\x7d" + KEY),
    "too-big": reader(frame(0x02, b"x" * 10) + frame(0x80, b"x" * 7), (4,), 4),
    "unmasked": reader(b"\x81\x05Hello"),
    "reserved-bit": reader(frame(0xC1, b"x")),
    "opcode": reader(frame(0x83, b"x")),
    "control-fragmented": reader(frame(0x09, b"x")),
    "control-long": reader(b"\x89\xfe\x00\x7e" + KEY),
    "new-inside": reader(frame(0x01, b"a") + frame(0x81, b"b")),
    "continuation-first": reader(frame(0x80, b"a")),
    "callback-stops": reader(frame(0x81, b"a") + frame(0x89) +
                             frame(0x81, b"b"), (3,), 10, 2),
}

UTF8 = {
    "empty": cuts(),
    "ascii": cuts(3) + b"The quick brown fox jumps over the lazy dog" * 3,
    "chinese": cuts(1, 2) + CHINESE * 5,
    "mixed": cuts(1) + "Grüße, 中文, \U0001F600.".encode() * 2,
    "edges": cuts(2) + ("\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff"
                        "\U00010000\U0010ffff").encode(),
    "overlong-2": cuts() + b"\xc0\xaf",
    "overlong-3": cuts(1) + b"a\xe0\x80\xaf",
    "overlong-4": cuts(1) + b"a\xf0\x80\x80\xaf",
    "surrogate": cuts(2) + b"ok\xed\xa0\x80",
    "too-high": cuts(3) + b"\xf4\x90\x80\x80",
    "stray": cuts(1) + b"x" * 40 + b"\x80",
    "half": cuts(1) + EMOJI[:3],
}


def encoded(first, size, phase, payload=b"", key=KEY):
    return bytes([first]) + struct.pack(">QQ", size, phase) + key + payload


FRAME = {
    "short": encoded(0x81, 5, 0, b"Hello"),
    "length-125": encoded(0x82, 125, 1, bytes(125)),
    "length-126": encoded(0x82, 126, 2, bytes(126)),
    "length-65535": encoded(0x02, 65535, 3),
    "length-65536": encoded(0x89, 65536, 1 << 32),
    "length-max": encoded(0xC1, (1 << 64) - 1, (1 << 64) - 1, b"x" * 77),
    "unaligned": encoded(0x80, 0, 7, bytes(range(255))),
}


def meta(kind, *values):
    values = list(values) + [b""] * (5 - len(values))
    return bytes([kind]) + bytes(map(len, values)) + b"".join(values)


META = {
    "none": meta(0, b"1:0"),
    "nchan": meta(1, b"1795215280:1", b"text/plain"),
    "wspush": meta(2, b"1795215280:1", b"text/plain", b"news", b"edit",
                   b"1795215000:7"),
    "id-only": meta(2, b"5:0"),
    "empty": meta(1),
    "lf": meta(2, b"1:0", b"a/b\nid: 9:9\n\n"),
    "cr-nul": meta(2, b"1:0", b"a\0b", b"c\rd", b"\r\n"),
}


def handshake(absent=0, major=1, minor=1, body=0, **fields):
    strings = dict(method=b"GET", host=b"h", upgrade=b"websocket",
                   connection=b"Upgrade", version=b"13", key=RFC_KEY,
                   list=b"chat, superchat", name=b"superchat")
    strings.update(fields)
    return (bytes([absent, major, minor, body]) +
            b"".join(s + b"\n" for s in strings.values()))


HANDSHAKE = {
    "good": handshake(),
    "post": handshake(method=b"POST"),
    "http-1.0": handshake(minor=0),
    "http-2": handshake(major=2, minor=0),
    "body": handshake(body=1),
    "lists": handshake(upgrade=b"h2c , WebSocket",
                       connection=b"keep-alive,\tUpgrade"),
    "version": handshake(version=b"8"),
    "key-short": handshake(key=RFC_KEY[:-1]),
    "key-bits": handshake(key=b"dGhlIHNhbXBsZSBub25jZR=="),
    "absent": handshake(absent=0xFF),
    "empty": handshake(host=b"", upgrade=b"", connection=b"", version=b"",
                       key=b"", list=b"", name=b""),
    "list-odd": handshake(list=b",, a,\ta ,b c,\"q\"", name=b"b c"),
    "list-long": handshake(list=b",".join(b"p%d" % i for i in range(66)),
                           name=b"p65"),
}


def main():
    targets = dict(reader=READER, utf8=UTF8, frame=FRAME, meta=META,
                   handshake=HANDSHAKE)
    for target, seeds in targets.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for name, data in seeds.items():
            (folder / ("seed-" + name)).write_bytes(data)


if __name__ == "__main__":
    main()
