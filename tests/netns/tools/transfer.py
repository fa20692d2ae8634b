#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends random bytes through the echo of tools/identify.py and compares the
SHA-256 of what comes back. Prints one line of JSON; exits 1 on any difference.
"""
import argparse
import hashlib
import json
import os
import socket
import sys
import threading
import time

BLOCK = 65536


def send(sock, size, digest, failure):
  try:
    while size:
      data = os.urandom(min(size, BLOCK))
      digest.update(data)
      sock.sendall(data)
      size -= len(data)
    sock.shutdown(socket.SHUT_WR)
  except OSError as err:
    failure.append(str(err))


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("host")
  parser.add_argument("port", type=int)
  parser.add_argument("--bytes", type=int, default=10_000_000)
  parser.add_argument("--timeout", type=float, default=20)
  args = parser.parse_args()

  start = time.monotonic()
  sent, received, total, failure = hashlib.sha256(), hashlib.sha256(), 0, []
  name = None
  try:
    sock = socket.create_connection((args.host, args.port), args.timeout)
    sock.settimeout(args.timeout)
    stream = sock.makefile("rb")
    name = stream.readline().split()[0].decode()
    sender = threading.Thread(target=send, args=(sock, args.bytes, sent, failure), daemon=True)
    sender.start()
    while data := stream.read(BLOCK):
      received.update(data)
      total += len(data)
    sender.join(args.timeout)
  except (OSError, IndexError) as err:
    failure.append(f"{type(err).__name__}: {err}")
  same = not failure and total == args.bytes and sent.digest() == received.digest()
  json.dump({"name": name, "same": same, "bytes": total, "failure": failure,
             "seconds": round(time.monotonic() - start, 3)}, sys.stdout)
  print()
  sys.exit(not same)


main()
