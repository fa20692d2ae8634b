#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Opens two flows at once from one source port to two listeners, and checks
that each gets back its own data. Prints one line of JSON.
"""
import argparse
import json
import os
import socket
import sys


def endpoint(text):
  host, _, port = text.rpartition(":")
  return host, int(port)


def opened(kind, source, target):
  family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
  sock = socket.socket(family, kind)
  sock.settimeout(3)
  sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  if kind == socket.SOCK_DGRAM:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
  sock.bind(("", source))
  sock.connect(target)
  return sock


def exchange(kind, sock, data):
  sock.sendall(data)
  if kind == socket.SOCK_DGRAM:
    return sock.recv(65536).partition(b"\n")[2]
  answer = b""
  while len(answer) < len(data):
    more = sock.recv(65536)
    if not more:
      break
    answer += more
  return answer


def welcome(sock):
  """Byte by byte, so that none of the echo goes with it; the NAT source port."""
  line = b""
  while not line.endswith(b"\n"):
    byte = sock.recv(1)
    if not byte:
      raise ConnectionError("closed before the first line")
    line += byte
  return line


def once(kind, source, targets):
  socks = []
  try:
    for target in targets:
      socks.append(opened(kind, source, target))
    if kind == socket.SOCK_STREAM:
      for sock in socks:
        welcome(sock)
    for _ in range(3):
      for sock in socks:
        data = os.urandom(500)
        if exchange(kind, sock, data) != data:
          return "foreign data"
    return None
  except OSError as err:
    return f"{type(err).__name__}: {err}"
  finally:
    for sock in socks:
      sock.close()


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("kind", choices=["tcp", "udp"])
  parser.add_argument("target", nargs=2)
  parser.add_argument("--rounds", type=int, default=20)
  args = parser.parse_args()
  kind = socket.SOCK_STREAM if args.kind == "tcp" else socket.SOCK_DGRAM
  targets = [endpoint(text) for text in args.target]
  # Below the ephemeral range, so that no other socket has the port; one process
  # after another starts elsewhere, as TIME_WAIT may hold what was used.
  first = 20000 + os.getpid() * 97 % 9000
  failures = {}
  for i in range(args.rounds):
    failure = once(kind, first + i, targets)
    if failure:
      failures[str(first + i)] = failure
  json.dump({"ok": not failures, "rounds": args.rounds, "failures": failures}, sys.stdout)
  print()


main()
