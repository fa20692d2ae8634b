#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Frames with VLAN tags, made and heard by packet sockets: this works without
VLAN devices. A tag is ETHERTYPE:TCI, the outer one first. Prints a line of JSON.

flow: a packet from the client to a listener, the backend's answer, and what came
of both. pass: frames that nobody changes come out elsewhere as they went in.
"""
import argparse
import ctypes
import json
import logging
import os
import random
import select
import socket
import struct
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.all import (  # pylint: disable=no-name-in-module,wrong-import-position
  ARP, ICMP, IP, IPv6, Ether, Raw, TCP, UDP)

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TAG_IS_THERE, TPID_IS_THERE = 1 << 4, 1 << 6


class Port:
  """A device of a namespace: frames in and out with their tags in them."""

  def __init__(self, namespace, device):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
      raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(fd)
    self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    self.socket.bind((device, ETH_P_ALL))
    self.mac = ":".join(f"{byte:02x}" for byte in self.socket.getsockname()[4])

  def send(self, frame, tags):
    data = bytes(frame)
    words = b"".join(struct.pack("!HH", protocol, tci) for protocol, tci in tags)
    self.socket.send(data[:12] + words + data[12:])

  def receive(self):
    """The kernel keeps the outer tag beside the frame; here it is put back."""
    data, messages, _, _ = self.socket.recvmsg(65536, 256)
    for level, kind, content in messages:
      if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
        continue
      status, tci, tpid = struct.unpack_from("=I12xHH", content)
      if status & TAG_IS_THERE:
        protocol = tpid if status & TPID_IS_THERE else 0x8100
        data = data[:12] + struct.pack("!HH", protocol, tci) + data[12:]
    return data

  def hear(self, wanted, seconds=2):
    """The first frame that is wanted, as (tags, frame without them), or None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
      if select.select([self.socket], [], [], 0.1)[0]:
        tags, frame = split_tags(self.receive())
        if wanted(frame):
          return tags, frame
    return None


def split_tags(data):
  tags = []
  while data[12:14] in (b"\x81\x00", b"\x88\xa8"):
    tags.append(struct.unpack("!HH", data[12:16]))
    data = data[:12] + data[16:]
  return tags, Ether(data)


def tag_list(text):
  pairs = [part.split(":") for part in text.split(",") if part]
  return [(int(protocol, 0), int(tci, 0)) for protocol, tci in pairs]


def written(tags):
  return [f"{protocol:#x}:{tci}" for protocol, tci in tags]


def good_checksums(frame):
  copy = Ether(bytes(frame))
  for layer in (IP, TCP, UDP):
    if copy.haslayer(layer):
      del copy[layer].chksum
  return bytes(copy)[:len(bytes(frame))] == bytes(frame)


def question(args, ends, tags, address, l4):
  """One flow: what the backend got, and what the client got back."""
  client, backend = ends
  v6 = ":" in address
  ip = IPv6 if v6 else IP
  args.port += 1
  client.send(Ether(src=client.mac, dst=args.gateway) /
              ip(src=args.source6 if v6 else args.source, dst=address) /
              l4(sport=args.port, dport=args.to, **({"flags": "S"} if l4 == TCP else {})) /
              Raw(b"question" + bytes(24)), tags)
  result = {"sent": written(tags), "address": address, "protocol": l4.__name__}
  if not args.refused:
    got = backend.hear(lambda f: f.haslayer(l4) and b"question" in bytes(f))
    if not got:
      return result
    tags, frame = got
    result["there"] = {"tags": written(tags), "checksums": good_checksums(frame)}
    backend.send(Ether(src=backend.mac, dst=frame.src) /
                 ip(src=frame[ip].dst, dst=frame[ip].src) /
                 l4(sport=frame[l4].dport, dport=frame[l4].sport,
                    **({"flags": "SA"} if l4 == TCP else {})) / Raw(b"answer" + bytes(24)), tags)
  if args.one_way:
    return result
  # The backend's own stack may have refused the question.
  got = client.hear(lambda f: f.haslayer(ip) and f[ip].src == address and
                    (args.refused or b"answer" in bytes(f)))
  if got:
    tags, frame = got
    result["back"] = {"tags": written(tags), "checksums": good_checksums(frame),
                      "reset": bool(frame.haslayer(TCP)) and "R" in str(frame[TCP].flags)}
  return result


def flow(args):
  ends = Port(*args.client), Port(*args.backend)
  return [question(args, ends, tags, address, l4)
          for tags in args.tags for address in args.addresses for l4 in (TCP, UDP)]


def others(source, target, addresses):
  """What is not for a listener of the tests, and closer to it than most."""
  ether = Ether(src=source, dst=target)
  rng = random.Random(7)
  for address in addresses:
    ip = IPv6(src="fd00:1::2", dst=address) if ":" in address else IP(src="10.1.0.2", dst=address)
    yield ether / ip / TCP(sport=4000, dport=7009, flags="S")
    yield ether / ip / UDP(sport=4000, dport=7009) / Raw(bytes(1000))
    # Echo requests are answered, these are not.
    yield ether / ip / ICMP(type="timestamp-request")
  for ip in IP(src="10.1.0.2", dst="10.1.0.77"), IPv6(src="fd00:1::2", dst="fd00:1::77"):
    yield ether / ip / TCP(sport=4000, dport=7000, flags="S")
    yield ether / ip / UDP(sport=4000, dport=7000)
  yield ether / IP(src="10.1.0.2", dst="10.1.0.77", frag=100) / Raw(b"x" * 24)
  yield ether / ARP(psrc="10.1.0.2", pdst="10.1.0.77")
  yield Ether(src=source, dst=target, type=0x9999) / Raw(rng.randbytes(60))


def pass_by(args):
  source, target = Port(*args.client), Port(*args.backend)
  result = {"sent": 0, "same": 0, "wrong": []}
  for tags in args.tags:
    for frame in others(source.mac, target.mac, args.addresses):
      mark = b"l4gate-tagged-%04d" % result["sent"]
      sent = bytes(frame / Raw(mark))
      source.send(sent, tags)
      result["sent"] += 1
      got = target.hear(lambda f, mark=mark: bytes(f).endswith(mark), 1)
      if got and got[0] == tags and bytes(got[1]) == sent:
        result["same"] += 1
      else:
        result["wrong"].append([written(tags), frame.summary(), got and written(got[0])])
  return result


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("command", choices=("flow", "pass"))
  parser.add_argument("addresses", nargs="+")
  parser.add_argument("--client", nargs=2, required=True, metavar=("NAMESPACE", "DEVICE"))
  parser.add_argument("--backend", nargs=2, required=True, metavar=("NAMESPACE", "DEVICE"))
  parser.add_argument("--source", default="10.1.0.2")
  parser.add_argument("--source6", default="fd00:1::2")
  parser.add_argument("--gateway", help="MAC address of the gateway")
  parser.add_argument("--port", type=int, default=4000)
  parser.add_argument("--to", type=int, default=7000)
  parser.add_argument("--refused", action="store_true")
  parser.add_argument("--one-way", action="store_true")
  parser.add_argument("--tags", type=tag_list, action="append", required=True)
  args = parser.parse_args()
  json.dump(flow(args) if args.command == "flow" else pass_by(args), sys.stdout)
  print()


main()
