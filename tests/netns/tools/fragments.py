#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""UDP datagrams in fragments made by hand, which leave in any order.

echo: sends datagrams and checks what comes back, whole and alike, behind the name
      of the backend. Prints one line of JSON.
serve: a backend that answers with its name and the datagram.
flood: fragments that no first one belongs to. Prints how many were sent.
"""
import argparse
import collections
import json
import os
import random
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33
WINDOW = 8
FLOWS = 16


def checksum(data):
  if len(data) % 2:
    data += b"\0"
  total = sum(struct.unpack(f"!{len(data) // 2}H", data))
  while total >> 16:
    total = (total & 0xffff) + (total >> 16)
  return ~total & 0xffff


def family(address):
  return socket.AF_INET6 if ":" in address else socket.AF_INET


class Wire:
  """A device that fragments are sent by."""

  def __init__(self, device, to, order, size):
    self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    self.sock.bind((device, 0))
    self.macs = bytes.fromhex(to.replace(":", "")) + self.sock.getsockname()[4]
    self.order = order
    self.size = size & ~7
    self.id = random.randrange(65536)
    self.random = random.Random(1)

  def frame(self, src, dst, offset, more, part, protocol=17):
    source, target = (socket.inet_pton(family(a), a) for a in (src, dst))
    if ":" in src:
      head = struct.pack("!IHBB", 0x60000000, 8 + len(part), 44, 64) + source + target
      head += struct.pack("!BBHI", protocol, 0, offset | more, self.id)
      return self.macs + b"\x86\xdd" + head + part
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(part), self.id & 0xffff,
                       more << 13 | offset >> 3, 64, protocol, 0) + source + target
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return self.macs + b"\x08\x00" + head + part

  def send(self, src, dst, sport, dport, data):
    self.id += 1
    length = 8 + len(data)
    source, target = (socket.inet_pton(family(a), a) for a in (src, dst))
    head = struct.pack("!HHHH", sport, dport, length, 0)
    check = checksum(source + target + struct.pack("!II", length, 17) + head + data)
    l4 = head[:6] + struct.pack("!H", check or 0xffff) + data
    frames = [self.frame(src, dst, at, int(at + self.size < length), l4[at:at + self.size])
              for at in range(0, length, self.size)]
    if self.order == "reverse":
      frames.reverse()
    elif self.order == "shuffle":
      self.random.shuffle(frames)
    for frame in frames:
      self.sock.send(frame)


def udp_socket(address, port):
  sock = socket.socket(family(address), socket.SOCK_DGRAM)
  sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
  sock.bind((address, port))
  return sock


def echo(args):
  wire = Wire(args.device, args.to, args.order, args.fragment)
  socks = [udp_socket(args.source, args.first_port + i) for i in range(FLOWS)]
  answers, wrong, lost, late = collections.Counter(), 0, 0, 0
  noise = os.urandom(65536)
  for first in range(0, args.count, WINDOW):
    asked = []
    for number in range(first, min(first + WINDOW, args.count)):
      sock = socks[number % FLOWS]
      data = struct.pack("!Q", number) + noise[number % 64:][:args.size - 8]
      wire.send(args.source, args.listener, sock.getsockname()[1], args.port, data)
      asked.append((sock, number, data))
    for sock, number, data in asked:
      end = time.monotonic() + args.timeout
      while True:
        sock.settimeout(max(end - time.monotonic(), 0.001))
        try:
          answer = sock.recv(65536)
        except TimeoutError:
          lost += 1
          break
        name, _, rest = answer.partition(b"\n")
        if len(rest) >= 8 and struct.unpack("!Q", rest[:8])[0] < number:
          late += 1
          continue
        answers[name.split()[0].decode()] += 1
        wrong += rest != data
        break
  print(json.dumps({"sent": args.count, "answers": answers, "lost": lost,
                    "wrong": wrong, "late": late}))


def serve(args):
  wire = Wire(args.device, args.to, args.order, args.fragment) if args.order else None
  sock = udp_socket(args.source, args.port)
  while True:
    data, peer = sock.recvfrom(65536)
    answer = args.name.encode() + b"\n" + data
    if wire:
      wire.send(args.source, peer[0], args.port, peer[1], answer)
    else:
      sock.sendto(answer[:65507], peer)


def flood(args):
  wire = Wire(args.device, args.to, "order", args.fragment)
  end, sent = time.monotonic() + args.timeout, 0
  part = b"x" * args.fragment
  while time.monotonic() < end:
    wire.id += 1
    sent += 1
    wire.sock.send(wire.frame(args.source, args.listener, 1480, sent & 1, part))
  print(sent)


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("what", choices=["echo", "serve", "flood"])
  parser.add_argument("--device", default="eth0")
  parser.add_argument("--to", help="MAC address of the next hop")
  parser.add_argument("--source")
  parser.add_argument("--listener")
  parser.add_argument("--port", type=int, default=7000)
  parser.add_argument("--first-port", type=int, default=30000)
  parser.add_argument("--name")
  parser.add_argument("--order", choices=["order", "reverse", "shuffle"])
  parser.add_argument("--size", type=int, default=4000)
  parser.add_argument("--fragment", type=int, default=1448)
  parser.add_argument("--count", type=int, default=100)
  parser.add_argument("--timeout", type=float, default=3)
  args = parser.parse_args()
  {"echo": echo, "serve": serve, "flood": flood}[args.what](args)


sys.exit(main())
