#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Makes COUNT new flows, each from a fresh socket, and counts who answered; with
--until FILE it does so again and again until the file is there.

  tcp   the first line of tools/identify.py
  udp   one datagram to the same
  http  GET /, the body's first word is the name
  dns   a TXT query for id.test over UDP, the answer's text is the name

Prints one line of JSON: answers by name, addresses that backends saw, refusals
(RST, port unreachable) with the slowest, timeouts, and anything else by name.
"""
import argparse
import collections
import concurrent.futures
import errno
import fcntl
import json
import os
import socket
import struct
import sys
import threading
import time


class SourcePorts:
  """Ports one after the other, none twice, neither here nor in another run with the
  same file. What comes from a port again goes where it went before: UDP flows
  live for minutes, and the kernel would give ports of refused connections out
  again sooner than those that have to wait, so that refusals would count too
  often. Below the ephemeral ports, which other tools of a test use."""
  FIRST, LAST = 10000, 32767

  def __init__(self, path):
    self.lock = threading.Lock()
    self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

  def take(self):
    with self.lock:
      fcntl.flock(self.file, fcntl.LOCK_EX)
      port = int(os.pread(self.file, 5, 0) or self.FIRST - 1) + 1
      if port > self.LAST:
        raise RuntimeError("no source port is left that was not used before")
      os.pwrite(self.file, b"%d" % port, 0)
      fcntl.flock(self.file, fcntl.LOCK_UN)
    return port

  def bind(self, sock):
    while True:
      try:
        return sock.bind(("", self.take()))
      except OSError as err:
        if err.errno != errno.EADDRINUSE:
          raise


class Split:
  def __init__(self, args):
    self.args = args
    self.ports = SourcePorts(args.ports)
    self.lock = threading.Lock()
    self.answers = collections.Counter()
    self.peers = collections.Counter()
    self.errors = collections.Counter()
    self.counts = collections.Counter()
    self.slowest_refusal = 0.0
    self.slowest_answer = 0.0
    self.made = 0

  def connect(self, kind):
    host = self.args.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(self.args.timeout)
    self.ports.bind(sock)
    sock.connect((host, self.args.port))
    return sock

  def ask_tcp(self):
    with self.connect(socket.SOCK_STREAM) as sock:
      return sock.makefile().readline().split()

  def ask_udp(self):
    with self.connect(socket.SOCK_DGRAM) as sock:
      sock.send(b"who\n")
      return sock.recv(2048).decode().split("\n")[0].split()

  def ask_http(self):
    with self.connect(socket.SOCK_STREAM) as sock:
      sock.sendall(b"GET / HTTP/1.0\r\nHost: split\r\n\r\n")
      head, _, body = sock.makefile("rb").read().partition(b"\r\n\r\n")
      if b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError("not 200")
      return body.decode().split()[:1]

  def ask_dns(self):
    query = struct.pack("!6H", 0x4c34, 0x0100, 1, 0, 0, 0)
    query += b"\x02id\x04test\x00" + struct.pack("!2H", 16, 1)
    with self.connect(socket.SOCK_DGRAM) as sock:
      sock.send(query)
      answer = sock.recv(2048)
    if len(answer) < len(query) + 14 or answer[:2] != query[:2]:
      raise ValueError("not an answer")
    # A compressed name (2), type, class, TTL, length (10), then the text.
    length = answer[len(query) + 12]
    start = len(query) + 13
    return [answer[start:start + length].decode()]

  def sample(self, _):
    start = time.monotonic()
    try:
      words = getattr(self, "ask_" + self.args.kind)()
      elapsed = time.monotonic() - start
      with self.lock:
        if not words:
          self.counts["closed"] += 1
          return
        self.answers[words[0]] += 1
        self.slowest_answer = max(self.slowest_answer, elapsed)
        if len(words) > 1:
          self.peers[words[1]] += 1
    except ConnectionRefusedError:
      with self.lock:
        self.counts["refused"] += 1
        self.slowest_refusal = max(self.slowest_refusal, time.monotonic() - start)
    except (TimeoutError, socket.timeout):
      with self.lock:
        self.counts["timeouts"] += 1
    except ConnectionResetError:
      with self.lock:
        self.counts["resets"] += 1
    except (OSError, ValueError, UnicodeDecodeError) as err:
      with self.lock:
        self.errors[f"{type(err).__name__}: {err}"] += 1

  def run(self):
    with concurrent.futures.ThreadPoolExecutor(self.args.concurrency) as pool:
      while True:
        list(pool.map(self.sample, range(self.args.count)))
        self.made += self.args.count
        if not self.args.until or os.path.exists(self.args.until):
          return

  def result(self):
    return {
      "count": self.made,
      "answers": dict(sorted(self.answers.items())),
      "peers": dict(sorted(self.peers.items())),
      **{key: self.counts[key] for key in ("refused", "resets", "timeouts", "closed")},
      "errors": dict(self.errors),
      "slowest_answer_ms": round(self.slowest_answer * 1000, 1),
      "slowest_refusal_ms": round(self.slowest_refusal * 1000, 1),
    }


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("kind", choices=["tcp", "udp", "http", "dns"])
  parser.add_argument("host")
  parser.add_argument("port", type=int)
  parser.add_argument("--ports", required=True, metavar="FILE",
                      help="holds the source port that was used last")
  parser.add_argument("--count", type=int, default=500)
  parser.add_argument("--concurrency", type=int, default=10)
  parser.add_argument("--timeout", type=float, default=3)
  parser.add_argument("--until", metavar="FILE")
  split = Split(parser.parse_args())
  split.run()
  json.dump(split.result(), sys.stdout)
  print()


main()
