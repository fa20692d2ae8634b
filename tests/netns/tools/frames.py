#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends frames that l4gate has no business with from one namespace, and sees
whether they come out of the XDP hook of another as they went in. (A packet
socket hears a frame after XDP and before TC.) Prints one line of JSON.

Without VLAN tags: the kernel takes those off before a packet socket hears.
"""
import argparse
import ctypes
import json
import logging
import os
import random
import select
import socket
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.all import (  # pylint: disable=no-name-in-module,wrong-import-position
  ARP, AH, ESP, GRE, ICMP, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
  IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, ICMPv6EchoRequest, ICMPv6ND_NS, Ether,
  IPOption_RR, Raw, SCTP, TCP, UDP, fragment)

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000


def packet_socket(namespace, device):
  libc = ctypes.CDLL(None, use_errno=True)
  fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
  if libc.setns(fd, CLONE_NEWNET):
    raise OSError(ctypes.get_errno(), f"setns {namespace}")
  os.close(fd)
  sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
  sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
  sock.bind((device, ETH_P_ALL))
  return sock


def ipv4(args):
  for target in (args.backend, args.listener):
    ip = IP(src=args.client, dst=target)
    yield ip / ICMP(type=8)
    yield ip / ICMP(type=0)
    yield ip / TCP(sport=4000, dport=7001, flags="S")
    yield ip / TCP(sport=4000, dport=7001, flags="FPU")
    yield ip / TCP(sport=4000, dport=7001, flags="")
    yield ip / UDP(sport=4000, dport=7001)
    yield ip / UDP(sport=4000, dport=7001, chksum=0)
    yield ip / UDP(sport=0, dport=0)
    yield ip / SCTP(sport=7000, dport=7000)
    yield ip / ESP(spi=7, seq=1)
    yield ip / AH(spi=7, seq=1)
    yield ip / GRE()
    yield IP(src=args.client, dst=target, proto=253)
    yield IP(src=args.client, dst=target, ttl=1) / UDP(sport=1, dport=9)
    yield IP(src=args.client, dst=target, options=IPOption_RR(routers=["0.0.0.0"] * 3)) / UDP(
      sport=4000, dport=7001)
    yield IP(src=args.client, dst=target, frag=100) / Raw(b"later fragment")


def ipv6(args):
  for target in (args.backend6, args.listener6):
    ip = IPv6(src=args.client6, dst=target)
    yield ip / ICMPv6EchoRequest()
    yield ip / TCP(sport=4000, dport=7001, flags="S")
    yield ip / UDP(sport=4000, dport=7001)
    yield ip / IPv6ExtHdrHopByHop() / UDP(sport=4000, dport=7001)
    yield ip / IPv6ExtHdrDestOpt() / UDP(sport=4000, dport=7001)
    yield ip / IPv6ExtHdrRouting() / UDP(sport=4000, dport=7001)
    yield ip / IPv6ExtHdrFragment(offset=0, m=1) / UDP(sport=4000, dport=7001)
    yield ip / IPv6ExtHdrFragment(offset=100) / Raw(b"later fragment")
    yield IPv6(src=args.client6, dst=target, nh=59)
    yield IPv6(src=args.client6, dst=target, nh=253)
    yield IPv6(src=args.client6, dst=target, hlim=1) / UDP(sport=1, dport=9)


def frames(args, source, target):
  """Each ends with a mark of its own."""
  ether = Ether(src=source, dst=target)
  rng = random.Random(7)
  packets = [ether / p for p in list(ipv4(args)) + list(ipv6(args))]
  packets += [
    ether / ARP(op=1, psrc=args.client, pdst="10.1.0.99"),
    ether / ARP(op=2, psrc=args.client, pdst="10.1.0.1"),
    Ether(src=source, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=args.client, pdst="10.1.0.98"),
    Ether(src=source, dst="33:33:00:00:00:01") / IPv6(src=args.client6, dst="ff02::1") /
    ICMPv6ND_NS(tgt="fd00:1::77"),
    Ether(src=source, dst="01:80:c2:00:00:0e", type=0x88cc),
    Ether(src=source, dst="01:00:5e:00:00:fb") / IP(src=args.client, dst="224.0.0.251") /
    UDP(sport=5353, dport=7000),
    Ether(src=source, dst="ff:ff:ff:ff:ff:ff") / IP(src=args.client, dst="255.255.255.255") /
    UDP(sport=68, dport=7000),
    ether / IP(src=args.client, dst=args.backend, version=6) / UDP(),
    ether / IP(src=args.client, dst=args.backend, ihl=3) / UDP(),
    ether / IP(src=args.client, dst=args.backend, len=1400) / UDP(sport=4000, dport=7001),
    Ether(src=source, dst=target, type=0x8847),
    Ether(src=source, dst=target, type=0x9999),
  ]
  packets += [ether / p for p in fragment(
    IP(src=args.client, dst=args.backend) / UDP(sport=4000, dport=7001) / Raw(bytes(4000)),
    fragsize=1000)]
  # A small MTU of fragments leaves no room at the end: mark by content instead.
  result = []
  for i, packet in enumerate(packets):
    mark = b"l4gate-frame-%04d" % i
    if packet.haslayer(Raw) and len(packet) > 500:
      data = bytes(packet)
      result.append((mark, data[:-len(mark)] + mark))
    else:
      result.append((mark, bytes(packet / Raw(rng.randbytes(20) + mark))))
  return result


def receive(sock, wanted, seconds):
  got = {}
  end = time.monotonic() + seconds
  while len(got) < len(wanted) and time.monotonic() < end:
    if select.select([sock], [], [], 0.2)[0]:
      data = sock.recv(65536)
      for mark in wanted:
        if data.endswith(mark):
          got.setdefault(mark, data)
  return got


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--from", dest="source", nargs=2, required=True)
  parser.add_argument("--to", dest="target", nargs=2, required=True)
  for name in ("client", "client6", "backend", "backend6", "listener", "listener6"):
    parser.add_argument("--" + name, required=True)
  args = parser.parse_args()
  out = packet_socket(*args.target)
  source = packet_socket(*args.source)

  def mac(sock):
    return ":".join(f"{byte:02x}" for byte in sock.getsockname()[4])

  sent = frames(args, mac(source), mac(out))
  for _, data in sent:
    source.send(data)
  got = receive(out, [mark for mark, _ in sent], 5)
  missing = [i for i, (mark, _) in enumerate(sent) if mark not in got]
  changed = [{"frame": i, "sent": data[:80].hex(), "got": got[mark][:80].hex()}
             for i, (mark, data) in enumerate(sent) if mark in got and got[mark] != data]
  json.dump({"sent": len(sent), "same": len(sent) - len(missing) - len(changed),
             "missing": missing, "changed": changed}, sys.stdout)
  print()


main()
