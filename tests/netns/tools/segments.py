#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends UDP datagrams as superframes (UDP_SEGMENT), and counts the answers. Prints
a line of JSON."""
import argparse
import json
import socket
import struct
import sys
import time

UDP_SEGMENT = 103


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("address")
  parser.add_argument("port", type=int)
  parser.add_argument("--size", type=int, default=1000, help="of a datagram")
  parser.add_argument("--count", type=int, default=20, help="datagrams in a superframe")
  parser.add_argument("--rounds", type=int, default=10)
  args = parser.parse_args()
  family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
  sock = socket.socket(family, socket.SOCK_DGRAM)
  sock.connect((args.address, args.port))
  sock.settimeout(0.5)
  size = struct.pack("=H", args.size)
  answers, errors = 0, []
  for _ in range(args.rounds):
    try:
      sock.sendmsg([bytes(args.size * args.count)],
                   [(socket.IPPROTO_UDP, UDP_SEGMENT, size)])
      end = time.monotonic() + 2
      for _ in range(args.count):
        sock.recv(65536)
        answers += 1
        if time.monotonic() > end:
          break
    except OSError as error:
      errors.append(type(error).__name__)
  json.dump({"sent": args.rounds * args.count, "answers": answers, "errors": errors}, sys.stdout)
  print()


main()
