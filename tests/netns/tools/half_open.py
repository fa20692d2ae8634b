#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Begins TCP connections from an address that nobody has, and ends their
handshakes later: when the file --go is there. So long they are half open. Writes
--ready when all have been answered. Then each has to get the first line of
tools/identify.py. Prints one line of JSON.
"""
import argparse
import json
import logging
import os
import select
import socket
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.all import Ether, IP, IPv6, TCP  # pylint: disable=no-name-in-module,wrong-import-position

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
SO_RCVBUFFORCE = 33
FIRST_PORT = 20000
SECONDS = 10


class Connections:
  """Of one client address to one listener, by port."""

  def __init__(self, args):
    self.args = args
    six = ":" in args.source
    self.ip = (IPv6 if six else IP)(src=args.source, dst=args.listener)
    self.place = slice(38, 54) if six else slice(30, 34)
    self.source = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, args.source)
    # Of one protocol: what the host sends itself is not heard then.
    protocol = ETH_P_IPV6 if six else ETH_P_IP
    self.to = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    self.to.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    self.to.bind((args.device, protocol))
    self.answers = {}
    self.completed, self.resets = set(), set()

  def send(self, sport, **fields):
    segment = self.ip / TCP(sport=sport, dport=self.args.port, **fields)
    self.to.send(bytes(Ether(src=self.to.getsockname()[4], dst=self.args.to) / segment))

  def hear(self):
    """One frame, if it is an answer to one of ours."""
    data = self.to.recv(2048)
    if data[self.place] != self.source or TCP not in Ether(data):
      return
    tcp = Ether(data)[TCP]
    if tcp.flags.R:
      self.resets.add(tcp.dport)
    elif tcp.flags.S:
      self.answers[tcp.dport] = tcp.seq, tcp.ack
    elif bytes(tcp.payload):
      self.completed.add(tcp.dport)

  def until_all(self, there, again):
    """Hears until a set is complete, or for some time; again() sends once more."""
    end = time.monotonic() + SECONDS
    while len(there) < self.args.count and time.monotonic() < end:
      self.forget()
      again()
      until = time.monotonic() + 1
      while len(there) < self.args.count and time.monotonic() < until:
        if select.select([self.to], [], [], 0.1)[0]:
          self.hear()

  def forget(self):
    """What came while nobody listened."""
    while select.select([self.to], [], [], 0)[0]:
      self.to.recv(1)

  def ports(self):
    return range(FIRST_PORT, FIRST_PORT + self.args.count)

  def begin(self):
    for sport in self.ports():
      if sport not in self.answers:
        self.send(sport, flags="S", seq=sport)

  def acknowledge(self):
    for sport, (seq, ack) in self.answers.items():
      if sport not in self.completed:
        self.send(sport, flags="A", seq=ack, ack=seq + 1)


def main():
  parser = argparse.ArgumentParser()
  for name in ("device", "to", "source", "listener", "ready", "go"):
    parser.add_argument("--" + name, required=True)
  parser.add_argument("--port", type=int, required=True)
  parser.add_argument("--count", type=int, required=True)
  args = parser.parse_args()
  connections = Connections(args)
  connections.until_all(connections.answers, connections.begin)
  with open(args.ready, "w", encoding="ascii") as file:
    print(len(connections.answers), file=file)
  while not os.path.exists(args.go):
    time.sleep(0.05)
  connections.until_all(connections.completed, connections.acknowledge)
  json.dump({"answered": len(connections.answers), "completed": len(connections.completed),
             "resets": len(connections.resets)}, sys.stdout)
  print()


main()
