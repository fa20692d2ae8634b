#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""A backend that says who it is.

TCP: one line "NAME CLIENT-ADDRESS CLIENT-PORT", then every byte is echoed; the
     block "bye" ends the connection from this side.
UDP: every datagram is answered with the same line and the datagram itself.
"""
import argparse
import asyncio
import socket


def plain(address):
  """IPv4 as IPv4 where a dual-stack socket shows it mapped into IPv6."""
  return address[7:] if address.startswith("::ffff:") else address


def welcome(name, peer):
  return f"{name} {plain(peer[0])} {peer[1]}\n".encode()


async def serve_tcp(name, reader, writer):
  try:
    writer.write(welcome(name, writer.get_extra_info("peername")))
    while data := await reader.read(65536):
      if data == b"bye\n":
        break
      writer.write(data)
      await writer.drain()
  except (ConnectionError, TimeoutError, OSError):
    pass
  finally:
    writer.close()


class Datagrams(asyncio.DatagramProtocol):
  def __init__(self, name):
    self.name = name
    self.transport = None

  def connection_made(self, transport):
    self.transport = transport

  def datagram_received(self, data, addr):
    self.transport.sendto(welcome(self.name, addr) + data, addr)

  def error_received(self, exc):
    pass


def bound(kind, address, port):
  family = socket.AF_INET6 if ":" in address else socket.AF_INET
  sock = socket.socket(family, kind)
  sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  if family == socket.AF_INET6:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
  if kind == socket.SOCK_DGRAM:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
  sock.bind((address, port))
  return sock


async def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("name")
  parser.add_argument("--tcp", type=int, action="append", default=[])
  parser.add_argument("--udp", type=int, action="append", default=[])
  parser.add_argument("--bind", action="append", help="default: [::], both families")
  args = parser.parse_args()
  loop = asyncio.get_running_loop()

  for address in args.bind or ["::"]:
    for port in args.tcp:
      await asyncio.start_server(
        lambda r, w: serve_tcp(args.name, r, w),
        sock=bound(socket.SOCK_STREAM, address, port), backlog=1024)
    for port in args.udp:
      await loop.create_datagram_endpoint(
        lambda: Datagrams(args.name), sock=bound(socket.SOCK_DGRAM, address, port))
  await asyncio.Event().wait()


asyncio.run(main())
