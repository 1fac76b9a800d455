#!/usr/bin/env python3
"""Makes vectors.txt: sealed things as docs/sealing.md describes them, by another implementation.

Needs the package `cryptography`. Writes to standard output:

    python3 certs/tests/sealing/vectors.py > certs/tests/sealing/vectors.txt
"""

import base64
import hashlib
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

CHUNK = 256 * 1024
PASSPHRASE = b"a passphrase of this vector"
FILE_KEY = bytes(range(32))
EVALUATION = 1
ITERATIONS = 1000


def message(key, additional, plain):
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, additional)


def header(magic, purpose, cluster, source):
    salt, drawn = os.urandom(16), os.urandom(32)
    if source == 1:
        key = hashlib.pbkdf2_hmac("sha256", PASSPHRASE, salt, ITERATIONS, 32)
        end = salt + struct.pack(">I", ITERATIONS)
    else:
        key, end = drawn, aes_key_wrap(FILE_KEY, drawn)
    head = magic + struct.pack(">HBB", 1, EVALUATION, source)
    for name in (purpose, cluster):
        head += bytes([len(name)]) + name
    head += end
    head += message(key, head, b"")
    return key, head


def stream(purpose, cluster, source, plain):
    key, head = header(b"FIPSSEAL", purpose, cluster, source)
    bound, out = hashlib.sha256(head).digest(), head
    for number in range(len(plain) // CHUNK + 1):
        chunk = plain[number * CHUNK : (number + 1) * CHUNK]
        last = 0x80000000 if len(chunk) < CHUNK else 0
        frame = struct.pack(">QI", number, last | len(chunk))
        out += frame + message(key, b"chunk" + bound + frame, chunk)
    return out


def envelope(purpose, cluster, source, plain):
    key, head = header(b"FIPSENVL", purpose, cluster, source)
    return head + message(key, b"envelope" + hashlib.sha256(head).digest(), plain)


def k3s(token, plain):
    """As encrypt() of k3s pkg/cluster/encrypt.go."""
    salt = os.urandom(8).hex().encode()
    key = hashlib.pbkdf2_hmac("sha1", token, salt, 4096, 32)
    return salt + b":" + base64.b64encode(message(key, b"", plain))


def line(name, value):
    print(name, base64.b64encode(value).decode())


line("stream-passphrase", stream(b"etcd-snapshot", b"cluster-7", 1, b"a snapshot"))
line("stream-key-file", stream(b"file", b"", 2, b"another snapshot"))
line("envelope", envelope(b"bootstrap", b"cluster-7", 1, b'{"ServerCA":"..."}'))
line("k3s-token", k3s(b"b3cf5f5e1f0d5d0a9c6e4f2b1a7d8e90", b'{"ServerCA":"..."}'))
line("k3s-short", k3s(b"secret", b'{"ClientCA":"..."}'))
line("k3s-empty", k3s(b"", b"{}"))
