#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends packets to a listener as frames made by hand, and looks at what comes
out at the backends before any of their tunnels: which headers are in front of
the packet, and whether it is the one that was sent. Then the same with packets
as long as the link takes, and what the client is told about them. Prints one
line of JSON.
"""
import argparse
import ctypes
import json
import logging
import os
import select
import socket
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.all import (  # pylint: disable=no-name-in-module,wrong-import-position
  ICMP, IP, IPv6, ICMPv6DestUnreach, ICMPv6PacketTooBig, Ether, Raw, TCP, UDP)

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
TTL = 37
TOS = 0xb9  # DSCP EF, ECN ECT(1)
LINK = 1500


def packet_socket(namespace, device):
  libc = ctypes.CDLL(None, use_errno=True)
  fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
  if libc.setns(fd, CLONE_NEWNET):
    raise OSError(ctypes.get_errno(), f"setns {namespace}")
  os.close(fd)
  sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
  sock.bind((device, ETH_P_ALL))
  return sock


def mac(sock):
  return ":".join(f"{byte:02x}" for byte in sock.getsockname()[4])


def packets(args, big):
  """By name; each with a mark at its end."""
  sport = 20000 + os.getpid() % 9000
  ipv4 = IP(src=args.client, dst=args.listener, ttl=TTL, tos=TOS, flags="DF", id=7)
  ipv6 = IPv6(src=args.client6, dst=args.listener6, hlim=TTL, tc=TOS, fl=0x12345)
  for name, ip in (("4", ipv4), ("6", ipv6)):
    for kind, l4 in (("tcp", TCP(sport=sport, dport=args.port, flags="S", seq=77)),
                     ("udp", UDP(sport=sport, dport=args.port))):
      mark = f"l4gate-{'big' if big else 'small'}-{kind}{name}".encode()
      fill = LINK - len(ip / l4) - len(mark) if big else 20
      yield kind + name, mark, bytes(ip / l4 / Raw(b"." * fill + mark))


def checked(packet, layer):
  """Whether the checksum of a layer is what it should be."""
  field = "cksum" if layer is ICMPv6PacketTooBig else "chksum"
  again = packet.__class__(bytes(packet))
  was = getattr(again[layer], field)
  delattr(again[layer], field)
  return getattr(packet.__class__(bytes(again))[layer], field) == was


def outer_of(frame):
  """Fields of the header in front of another IP header, or None."""
  if IP in frame and frame[IP].proto == 4:
    ip = frame[IP]
    return {"src": ip.src, "dst": ip.dst, "ttl": ip.ttl, "tos": ip.tos,
            "df": ip.flags.DF, "length": ip.len - 20, "ihl": ip.ihl,
            "sum": checked(ip, IP)}, 14 + 20
  if IPv6 in frame and frame[IPv6].nh == 41:
    ip = frame[IPv6]
    return {"src": ip.src, "dst": ip.dst, "ttl": ip.hlim, "tos": ip.tc,
            "length": ip.plen, "label": ip.fl}, 14 + 40
  return None, 14


def arrived(data, sent, name, macs):
  frame = Ether(data)
  outer, inner = outer_of(frame)
  return {"at": name, "frame": frame.dst == macs["backend"] and frame.src == macs["gateway"],
          "same": data[inner:] == sent, "outer": outer,
          "outer_fits": outer is None or outer["length"] == len(sent)}


def told(data):
  """What an ICMP error about a packet that is too big says, or None."""
  frame = Ether(data)
  if ICMP in frame and (frame[ICMP].type, frame[ICMP].code) == (3, 4):
    return {"mtu": frame[ICMP].nexthopmtu, "from": frame[IP].src, "to": frame[IP].dst,
            "sum": checked(frame[IP], ICMP) and checked(frame[IP], IP),
            "about": "tcp4" if frame[ICMP].payload.proto == 6 else "udp4"}
  if ICMPv6PacketTooBig in frame:
    return {"mtu": frame[ICMPv6PacketTooBig].mtu, "from": frame[IPv6].src,
            "to": frame[IPv6].dst, "sum": checked(frame[IPv6], ICMPv6PacketTooBig),
            "about": "tcp6" if data[14 + 40 + 8 + 6] == 6 else "udp6"}
  return None


def unreachable(data):
  """What the client's kernel says to an answer that no socket of it waits for: it
  quotes the answer, mark and all, and goes to the backend, too."""
  frame = Ether(data)
  return ICMP in frame or ICMPv6DestUnreach in frame


def exchange(args, socks, backends, big):
  """What becomes of one packet of each kind."""
  sent = list(packets(args, big))
  result = {"arrived": {}, "told": {}}
  for _, _, data in sent:
    ether = Ether(src=mac(socks["client"]), dst=mac(socks["gateway"]),
                  type=0x0800 if data[0] >> 4 == 4 else 0x86dd)
    socks["client"].send(bytes(ether) + data)
  end = time.monotonic() + 3
  while len(result["arrived"]) + len(result["told"]) < len(sent) and time.monotonic() < end:
    for sock in select.select([*backends, socks["client"]], [], [], 0.2)[0]:
      data, address = sock.recvfrom(65536)
      if address[2] == socket.PACKET_OUTGOING:
        continue
      error = told(data) if sock is socks["client"] else None
      if error:
        result["told"][error.pop("about")] = error
      for name, mark, packet in sent:
        if sock in backends and data.endswith(mark) and not unreachable(data):
          macs = {"backend": mac(sock), "gateway": mac(socks["hop"])}
          result["arrived"][name] = arrived(data, packet, backends[sock], macs)
  return result


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--from", dest="source", nargs=2, required=True)
  parser.add_argument("--via", nargs=2, required=True)
  parser.add_argument("--hop", nargs=2, help="whose frames the backends get")
  parser.add_argument("--to", nargs=2, action="append", required=True)
  for name in ("client", "client6", "listener", "listener6"):
    parser.add_argument("--" + name, required=True)
  parser.add_argument("--port", type=int, default=7000)
  args = parser.parse_args()
  backends = {packet_socket(*to): to[0] for to in args.to}
  socks = {"gateway": packet_socket(*args.via), "hop": packet_socket(*args.hop or args.via),
           "client": packet_socket(*args.source)}
  json.dump({"small": exchange(args, socks, backends, False),
             "big": exchange(args, socks, backends, True)}, sys.stdout)
  print()


main()
