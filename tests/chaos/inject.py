#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends TCP segments that nobody asked for, from addresses that are another's.

  inject.py FLAGS COUNT --src ADDRESS[-PORT-PORT] --dst ADDRESS[-PORT-PORT]
            --seed N

FLAGS: RST, FIN, SYN, ACK, or some with a "+". Each has a random sequence number,
and random ports of the ranges. A source "10.9.0.0/16" is a network to take
addresses of.
"""
import argparse
import ipaddress
import random
import socket
import struct

FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "ACK": 16}


def checksum(data):
  if len(data) % 2:
    data += b"\0"
  total = sum(struct.unpack(f"!{len(data) // 2}H", data))
  total = (total & 0xffff) + (total >> 16)
  return ~(total + (total >> 16)) & 0xffff


class End:
  """An address, or a network of IPv4, and a range of ports."""

  def __init__(self, text):
    words = text.split("-")
    self.network = ipaddress.ip_network(words[0])
    self.first, self.last = (int(words[1]), int(words[2])) if len(words) > 2 else (0, 65535)

  def draw(self, chance):
    number = chance.randrange(self.network.num_addresses)
    return self.network[number].packed, chance.randint(self.first, self.last)


def segment(src, dst, flags, chance):
  (saddr, sport), (daddr, dport) = src.draw(chance), dst.draw(chance)
  tcp = struct.pack("!HHIIBBHHH", sport, dport, chance.getrandbits(32),
                    chance.getrandbits(32) if flags & 16 else 0, 0x50, flags, 8192, 0, 0)
  pseudo = saddr + daddr + struct.pack("!IHBB", len(tcp), 0, 0, socket.IPPROTO_TCP)
  check = checksum(pseudo + tcp)
  tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
  if len(saddr) == 16:
    head = struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64)
  else:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0)
  return head + saddr + daddr + tcp, daddr


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("flags")
  parser.add_argument("count", type=int)
  parser.add_argument("--src", required=True)
  parser.add_argument("--dst", required=True)
  parser.add_argument("--seed", type=int, required=True)
  args = parser.parse_args()
  src, dst, chance = End(args.src), End(args.dst), random.Random(args.seed)
  flags = sum(FLAGS[name] for name in args.flags.split("+"))
  family = socket.AF_INET if dst.network.version == 4 else socket.AF_INET6
  with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
    for _ in range(args.count):
      packet, daddr = segment(src, dst, flags, chance)
      try:
        sock.sendto(packet, (socket.inet_ntop(family, daddr), 0))
      except OSError:
        pass  # a full queue, a link that is down: one less


main()
