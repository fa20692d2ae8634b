#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""The clients of a chaos run: long TCP streams and UDP flows to
tests/netns/tools/identify.py, until SIGTERM.

Each flow sends what only it would send, and compares what comes back. A stream
that ends is begun anew. All that is not as it should be is a line of JSON in
--events: when, what, which flow, its backend, and since when it was up.
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
import time

STREAM_WAIT = 20.0  # an answer on a stream: some retransmissions later
UDP_WAIT = 1.0
UDP_TRIES = 4


def family_of(address):
  return socket.AF_INET6 if ":" in address else socket.AF_INET


def data_of(flow, serial, size):
  chance = random.Random(f"{flow}/{serial}")
  return chance.randbytes(chance.randint(1, size))


class Flows:
  def __init__(self, args):
    self.args = args
    self.stop = asyncio.Event()
    self.events = open(args.events, "w", encoding="ascii", buffering=1)
    self.counts = collections.Counter()
    self.up = 0

  def event(self, what, flow, backend, since, **more):
    self.counts[what] += 1
    line = {"t": round(time.time(), 3), "event": what, "flow": flow,
            "backend": backend, "since": since and round(since, 3), **more}
    self.events.write(json.dumps(line) + "\n")

  def is_up(self):
    self.up += 1
    if self.up == self.args.streams + self.args.udp:
      with open(self.args.ready, "w", encoding="ascii") as ready:
        ready.write(f"{os.getpid()}\n")

  async def pause(self, seconds):
    try:
      await asyncio.wait_for(self.stop.wait(), seconds * random.uniform(0.5, 1.5))
    except asyncio.TimeoutError:
      pass

  def ends(self, number):
    """Its listener's address and its own."""
    pairs = [(v, s) for v in self.args.address for s in self.args.source
             if family_of(v) == family_of(s)]
    return pairs[number % len(pairs)]

  def check_peer(self, flow, words, mine):
    """What the backend takes for its client's address."""
    if self.args.peer == "client":
      right = words[1] == mine[0] and int(words[2]) == mine[1]
    else:
      right = words[1] in self.args.peer.split(",")
    if not right:
      self.event("peer", flow, words[0], None, seen=words[1:], mine=mine[:2])

  async def exchange(self, flow, reader, writer, serial):
    data = data_of(flow, serial, self.args.size)
    writer.write(data)
    answer = await asyncio.wait_for(reader.readexactly(len(data)), STREAM_WAIT)
    if answer != data:
      return False
    self.counts["exchanges"] += 1
    return True

  async def stream(self, flow, number, first):
    """One connection, from its first to its last byte."""
    listener, source = self.ends(number)
    backend, since, writer = None, None, None
    try:
      reader, writer = await asyncio.wait_for(asyncio.open_connection(
        listener, self.args.port, local_addr=(source, 0)), STREAM_WAIT)
      words = (await asyncio.wait_for(reader.readline(), STREAM_WAIT)).decode().split()
      if not words:
        raise asyncio.IncompleteReadError(b"", None)
      backend, since = words[0], time.time()
      self.check_peer(flow, words, writer.get_extra_info("sockname"))
      if first:
        self.is_up()
      self.counts["streams"] += 1
      serial = 0
      while not self.stop.is_set():
        serial += 1
        if not await self.exchange(flow, reader, writer, serial):
          self.event("mismatch", flow, backend, since, serial=serial)
          return
        await self.pause(self.args.interval)
    except (asyncio.TimeoutError, TimeoutError):
      self.event("timeout", flow, backend, since)
    except ConnectionResetError:
      self.event("reset", flow, backend, since)
    except (OSError, asyncio.IncompleteReadError) as err:
      self.event("error", flow, backend, since, error=type(err).__name__)
    finally:
      if writer:
        writer.close()

  async def streams(self, number):
    times = 0
    while not self.stop.is_set():
      times += 1
      await self.stream(f"{number}.{times}", number, times == 1)
      if not self.stop.is_set():
        await self.pause(0.5)

  async def udp_answer(self, sock, flow, serial, listener):
    """The backend that answered to a datagram; None: none did in time."""
    data = serial.to_bytes(8, "big") + data_of(flow, serial, self.args.size)
    loop = asyncio.get_running_loop()
    sock.sendto(data, listener)
    end = loop.time() + UDP_WAIT
    while True:
      try:
        answer, peer = await asyncio.wait_for(
          loop.sock_recvfrom(sock, 65536), max(end - loop.time(), 0.001))
      except (asyncio.TimeoutError, TimeoutError):
        return None
      line, _, body = answer.partition(b"\n")
      words = line.decode("ascii", "replace").split()
      if peer[:2] != listener:
        self.event("udp_source", flow, words[:1], None, peer=peer[:2])
      past = int.from_bytes(body[:8], "big")
      if past > serial or body[8:] != data_of(flow, past, self.args.size):
        self.event("udp_mismatch", flow, words[:1], None, serial=serial)
      if past != serial:
        continue  # a late answer to what was given up
      self.check_peer(flow, words, sock.getsockname())
      return words[0]

  async def udp_flow(self, number):
    flow = f"u{number}"
    address, source = self.ends(number)
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((source, 0))
    backend, since, serial, silent = None, None, 0, 0
    while not self.stop.is_set():
      serial += 1
      try:
        now = await self.udp_answer(sock, flow, serial, (address, self.args.port))
      except OSError:
        now = None
      if now is None:
        silent += 1
        self.counts["udp_lost"] += 1
        if silent == UDP_TRIES:
          self.event("udp_silent", flow, backend, since)
        continue
      silent = 0
      self.counts["datagrams"] += 1
      if backend is None:
        self.is_up()
      elif now != backend:
        self.event("udp_moved", flow, backend, since, to=now)
      if now != backend:
        backend, since = now, time.time()
      await self.pause(self.args.interval)
    sock.close()

  async def run(self):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop.set)
    await asyncio.gather(*[self.streams(i) for i in range(self.args.streams)],
                         *[self.udp_flow(i) for i in range(self.args.udp)])
    return dict(sorted(self.counts.items()))


async def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--address", action="append", help="of the listener")
  parser.add_argument("--source", action="append", help="of the client")
  parser.add_argument("--port", type=int, default=7000)
  parser.add_argument("--peer", required=True,
                      help="'client', or the addresses that a backend may see")
  parser.add_argument("--streams", type=int, default=500)
  parser.add_argument("--udp", type=int, default=60)
  parser.add_argument("--size", type=int, default=1200)
  parser.add_argument("--interval", type=float, default=1.0)
  parser.add_argument("--events", required=True)
  parser.add_argument("--ready", required=True)
  json.dump(await Flows(parser.parse_args()).run(), sys.stdout)
  print()


asyncio.run(main())
