#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""The clients of a chaos run: long TCP streams and UDP flows to
tests/netns/tools/identify.py, until SIGTERM.

Each flow sends what only it would send, and compares what comes back. A stream
that ends is begun anew. All that is not as it should be is a line of JSON in
--events: when, what, which flow, its source, its backend if that is known, and
"since", when what was answered last was sent, or the flow's first packet.
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

STREAM_WAIT = 60.0  # an answer on a stream: eight retransmissions later
UDP_WAIT = 1.0
UDP_TRIES = 4


def family_of(address):
  return socket.AF_INET6 if ":" in address else socket.AF_INET


def data_of(flow, serial, size):
  chance = random.Random(f"{flow}/{serial}")
  return chance.randbytes(chance.randint(1, size))


class Flow:
  """A connection, or what one socket sends by UDP."""

  def __init__(self, name, listener, source):
    self.name, self.listener, self.source = name, listener, source
    self.backend = None
    self.since = time.time()


class Flows:
  def __init__(self, args):
    self.args = args
    self.stop = asyncio.Event()
    self.events = open(args.events, "w", encoding="ascii", buffering=1)
    self.counts = collections.Counter()
    self.not_up = {*range(args.streams), *[f"u{i}" for i in range(args.udp)]}

  def event(self, what, flow, **more):
    self.counts[what] += 1
    line = {"t": time.time(), "event": what, "flow": flow.name, "source": flow.source,
            "backend": flow.backend, "since": flow.since, **more}
    self.events.write(json.dumps(line) + "\n")

  def is_up(self, number):
    if number in self.not_up:
      self.not_up.remove(number)
      if not self.not_up:
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
      self.event("peer", flow, seen=words, mine=mine[:2])

  async def welcome(self, flow, reader, writer):
    words = (await asyncio.wait_for(reader.readline(), STREAM_WAIT)).decode().split()
    if not words:
      raise asyncio.IncompleteReadError(b"", None)
    flow.backend = words[0]
    self.check_peer(flow, words, writer.get_extra_info("sockname"))
    self.counts["streams"] += 1

  async def exchange(self, flow, reader, writer, serial):
    """The backend speaks first, too. But in a flood it answers by SYN cookies: who
    waits for it, and whose last segment of the handshake is lost, waits in vain."""
    data = data_of(flow.name, serial, self.args.size)
    sent = time.time()
    writer.write(data)
    if flow.backend is None:
      await self.welcome(flow, reader, writer)
    answer = await asyncio.wait_for(reader.readexactly(len(data)), STREAM_WAIT)
    if answer != data:
      return False
    flow.since = sent
    self.counts["exchanges"] += 1
    return True

  async def stream(self, flow, number):
    """One connection, from its first to its last byte."""
    writer = None
    try:
      reader, writer = await asyncio.wait_for(asyncio.open_connection(
        flow.listener, self.args.port, local_addr=(flow.source, 0)), STREAM_WAIT)
      serial = 0
      while not self.stop.is_set():
        serial += 1
        if not await self.exchange(flow, reader, writer, serial):
          self.event("mismatch", flow, serial=serial)
          return
        self.is_up(number)
        await self.pause(self.args.interval)
    except (asyncio.TimeoutError, TimeoutError):
      self.event("timeout", flow)
    except ConnectionResetError:
      self.event("reset", flow)
    except (OSError, asyncio.IncompleteReadError) as err:
      self.event("error", flow, error=type(err).__name__)
    finally:
      if writer:
        writer.close()

  async def streams(self, number):
    times = 0
    while not self.stop.is_set():
      times += 1
      await self.stream(Flow(f"{number}.{times}", *self.ends(number)), number)
      if not self.stop.is_set():
        await self.pause(0.5)

  async def udp_answer(self, sock, flow, serial):
    """The backend that answered to a datagram; None: none did in time."""
    data = serial.to_bytes(8, "big") + data_of(flow.name, serial, self.args.size)
    to = (flow.listener, self.args.port)
    loop = asyncio.get_running_loop()
    sock.sendto(data, to)
    end = loop.time() + UDP_WAIT
    while True:
      try:
        answer, peer = await asyncio.wait_for(
          loop.sock_recvfrom(sock, 65536), max(end - loop.time(), 0.001))
      except (asyncio.TimeoutError, TimeoutError):
        return None
      line, _, body = answer.partition(b"\n")
      words = line.decode("ascii", "replace").split()
      if peer[:2] != to:
        self.event("udp_source", flow, seen=words, peer=peer[:2])
      past = int.from_bytes(body[:8], "big")
      if past > serial or body[8:] != data_of(flow.name, past, self.args.size):
        self.event("udp_mismatch", flow, seen=words, serial=serial)
      if past != serial:
        continue  # a late answer to what was given up
      self.check_peer(flow, words, sock.getsockname())
      return words[0]

  async def udp_flow(self, number):
    flow = Flow(number, *self.ends(int(number[1:])))
    sock = socket.socket(family_of(flow.listener), socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((flow.source, 0))
    serial, silent = 0, 0
    while not self.stop.is_set():
      serial += 1
      sent = time.time()
      try:
        backend = await self.udp_answer(sock, flow, serial)
      except OSError:
        backend = None
      if backend is None:
        silent += 1
        self.counts["udp_lost"] += 1
        if silent == UDP_TRIES:
          self.event("udp_silent", flow)
        continue
      silent = 0
      self.counts["datagrams"] += 1
      if flow.backend not in (None, backend):
        self.event("udp_moved", flow, to=backend)
      flow.backend, flow.since = backend, sent
      self.is_up(number)
      await self.pause(self.args.interval)
    sock.close()

  async def run(self):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop.set)
    await asyncio.gather(*[self.streams(i) for i in range(self.args.streams)],
                         *[self.udp_flow(f"u{i}") for i in range(self.args.udp)])
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
