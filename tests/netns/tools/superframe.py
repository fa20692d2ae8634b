#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Sends one TCP superframe, an IP packet of LENGTH bytes that is to be cut into
segments later, as a virtual machine does: with the header of virtio-net.
"""
import argparse
import logging
import socket
import struct

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.all import IP, IPv6, Ether, Raw, TCP  # pylint: disable=no-name-in-module,wrong-import-position

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, GSO_TCPV4, GSO_TCPV6 = 1, 1, 4
ETHERNET = 14


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("device")
  parser.add_argument("to", help="MAC address of the gateway")
  parser.add_argument("source")
  parser.add_argument("destination")
  parser.add_argument("port", type=int)
  parser.add_argument("length", type=int)
  args = parser.parse_args()
  v6 = ":" in args.source
  ip = (IPv6(src=args.source, dst=args.destination) if v6 else
        IP(src=args.source, dst=args.destination, flags="DF"))
  headers = len(ip / TCP())
  sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
  sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
  sock.bind((args.device, 0))
  frame = (Ether(src=sock.getsockname()[4], dst=args.to) / ip /
           TCP(sport=5000, dport=args.port, flags="A", chksum=0) /
           Raw(b"." * (args.length - headers)))
  virtio = struct.pack("<BBHHHH", NEEDS_CSUM, GSO_TCPV6 if v6 else GSO_TCPV4,
                       ETHERNET + headers, 1000, ETHERNET + headers - 20, 16)
  sock.send(virtio + bytes(frame))


main()
