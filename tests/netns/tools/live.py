#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Holds COUNT live flows to tools/identify.py, each exchanging random data that
is compared when it comes back, until SIGTERM or --seconds. Creates the file
--ready once all have had their first answer, and prints one line of JSON.
"""
import argparse
import asyncio
import collections
import json
import os
import random
import signal
import socket
import sys

WAIT = 5.0  # seconds without an answer before an exchange counts as a timeout


class Live:
  def __init__(self, args):
    self.args = args
    self.stop = asyncio.Event()
    self.counts = collections.Counter()
    self.by_backend = collections.Counter()
    self.resets_by_backend = collections.Counter()
    self.last_backend = collections.Counter()
    self.errors = collections.Counter()
    self.started = 0

  def flow_is_up(self, name):
    self.by_backend[name] += 1
    self.flow_has_settled()

  def flow_has_settled(self):
    self.started += 1
    if self.started == self.args.count and self.args.ready:
      with open(self.args.ready, "w", encoding="ascii") as ready:
        ready.write(f"{os.getpid()}\n")

  async def pause(self):
    try:
      await asyncio.wait_for(self.stop.wait(), self.args.interval * random.uniform(0.5, 1.5))
    except asyncio.TimeoutError:
      pass

  async def tcp(self, family):
    name = None
    writer = None
    try:
      reader, writer = await asyncio.wait_for(
        asyncio.open_connection(self.args.host, self.args.port, family=family), WAIT)
      name = (await asyncio.wait_for(reader.readline(), WAIT)).split()[0].decode()
      self.flow_is_up(name)
      while not self.stop.is_set():
        data = random.randbytes(random.randint(1, self.args.size))
        writer.write(data)
        answer = await asyncio.wait_for(reader.readexactly(len(data)), WAIT)
        self.counts["exchanges" if answer == data else "mismatches"] += 1
        await self.pause()
      self.last_backend[name] += 1
    except (asyncio.TimeoutError, TimeoutError):
      self.counts["timeouts"] += 1
    except ConnectionResetError:
      self.counts["resets"] += 1
      self.resets_by_backend[name or "?"] += 1
    except ConnectionRefusedError:
      self.counts["refused"] += 1
    except (OSError, asyncio.IncompleteReadError, IndexError) as err:
      self.errors[type(err).__name__] += 1
    finally:
      if name is None:
        self.flow_has_settled()
      if writer:
        writer.close()

  async def udp(self, family):
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.connect((self.args.host, self.args.port))
    name = None
    serial = 0
    while not self.stop.is_set():
      serial += 1
      data = serial.to_bytes(8, "big") + random.randbytes(random.randint(0, self.args.size))
      try:
        await loop.sock_sendall(sock, data)
        while True:
          answer = await asyncio.wait_for(loop.sock_recv(sock, 65536), self.args.udp_wait)
          line, _, body = answer.partition(b"\n")
          if body[:8] >= data[:8]:
            break  # else a late answer to a datagram that was given up
        self.counts["exchanges" if body == data else "mismatches"] += 1
        now = line.split()[0].decode()
        if name is None:
          self.flow_is_up(now)
        elif now != name:
          self.counts["moves"] += 1
        name = now
      except (asyncio.TimeoutError, TimeoutError):
        self.counts["timeouts"] += 1
      except ConnectionRefusedError:
        self.counts["refused"] += 1
      except OSError as err:
        self.errors[type(err).__name__] += 1
      await self.pause()
    if name is None:
      self.flow_has_settled()
    else:
      self.last_backend[name] += 1
    sock.close()

  async def run(self):
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, self.stop.set)
    loop.call_later(self.args.seconds, self.stop.set)
    family = socket.AF_INET6 if ":" in self.args.host else socket.AF_INET
    flow = self.udp if self.args.udp else self.tcp
    await asyncio.gather(*[flow(family) for _ in range(self.args.count)])
    keys = ("exchanges", "mismatches", "resets", "refused", "timeouts", "moves")
    return {
      "flows": self.args.count,
      **{key: self.counts[key] for key in keys},
      "by_backend": dict(sorted(self.by_backend.items())),
      "last_backend": dict(sorted(self.last_backend.items())),
      "resets_by_backend": dict(sorted(self.resets_by_backend.items())),
      "errors": dict(self.errors),
    }


async def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("host")
  parser.add_argument("port", type=int)
  parser.add_argument("--udp", action="store_true")
  parser.add_argument("--count", type=int, default=200)
  parser.add_argument("--size", type=int, default=1200)
  parser.add_argument("--interval", type=float, default=0.2)
  parser.add_argument("--udp-wait", type=float, default=2)
  parser.add_argument("--seconds", type=float, default=60)
  parser.add_argument("--ready")
  result = await Live(parser.parse_args()).run()
  json.dump(result, sys.stdout)
  print()


asyncio.run(main())
