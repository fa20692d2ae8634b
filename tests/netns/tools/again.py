#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Connects to tools/identify.py from the same source port COUNT times, ending
each connection by FIN or RST in turn. Prints one line of JSON.
"""
import argparse
import json
import os
import socket
import struct
import sys
import time


def once(args, abort):
  family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
  with socket.socket(family, socket.SOCK_STREAM) as sock:
    sock.settimeout(3)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", args.source))
    sock.connect((args.host, args.port))
    stream = sock.makefile("rb")
    stream.readline()
    data = os.urandom(2000)
    sock.sendall(data)
    if stream.read(len(data)) != data:
      raise ValueError("foreign data")
    if abort:
      sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
      return
    # The server closes first and so keeps TIME_WAIT; ours is free at once.
    sock.sendall(b"bye\n")
    if stream.read(1):
      raise ValueError("data after the end")


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("host")
  parser.add_argument("port", type=int)
  parser.add_argument("--count", type=int, default=100)
  parser.add_argument("--source", type=int, default=23456)
  args = parser.parse_args()
  good, failures, retries = 0, {}, 0
  for i in range(args.count):
    for _ in range(20):
      try:
        once(args, abort=i % 2 == 0)
        good += 1
      except OSError as err:
        # Our own kernel's TIME_WAIT for this address and port, not the network.
        if err.errno in (98, 99):
          retries += 1
          time.sleep(0.1)
          continue
        failures[str(i)] = f"{type(err).__name__}: {err}"
      except ValueError as err:
        failures[str(i)] = str(err)
      break
  json.dump({"ok": good, "count": args.count, "retries": retries, "failures": failures},
            sys.stdout)
  print()


main()
