#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Random sets of objects, compiled by l4gate and by the rules in rules.py:

  check_sets.py --sets COUNT [--seed SEED] [--only NUMBER] L4GATE [OTHER]

Each set is compiled twice, the second time in another order and shape, by the
OTHER build if there is one; the output must be the same to the byte, and say
what the rules say. Of the first sets that differ, the smallest ones that still
do are printed.
"""
import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # not below the source
import manifests
from compare import Comparison
from generate import generate
from shrink import shrink
from spoil import spoiled

SHOWN = 3  # sets that are shrunk and printed
MOST = 20  # that differ; then it is enough
ENVIRONMENT = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=1:exitcode=99',
               'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'}


class Checker:
  """Runs l4gate, one build and another one, with files below a directory."""

  def __init__(self, binaries):
    self.binaries = binaries
    self.work = tempfile.TemporaryDirectory()
    self.count = 0

  def compile(self, binary, path, text=None):
    run = subprocess.run([binary, 'compile', '-o', 'json', '-f', path],
                         input=text, capture_output=True, text=True,
                         env=ENVIRONMENT)
    return run.returncode, run.stdout, run.stderr

  def permuted(self, items, seed):
    """What the same objects give in another shape."""
    self.count += 1
    directory = pathlib.Path(self.work.name) / str(self.count)
    directory.mkdir()
    manifests.write(directory, items, random.Random(seed))
    result = self.compile(self.binaries[-1], directory)
    shutil.rmtree(directory)
    return result

  def check(self, items, seed):
    """[(where, expected, got)], and whether the set was valid."""
    code, out, err = self.compile(self.binaries[0], '-',
                                  manifests.list_text(items))
    if code:
      return [('exit code', 0, f'{code}\n{err}')], code != 1
    printed = json.loads(out)
    differences = Comparison(items, printed).run()
    if not differences:
      path, wrong = spoiled(printed, random.Random(seed))
      if not notices(items, wrong):
        differences.append(('checker', 'a difference', f'none at {path}'))
    code, again, err = self.permuted(items, seed)
    if code:
      differences.append(('exit code, other shape', 0, f'{code}\n{err}'))
    elif again != out:
      differences.append(('output in another shape', *first_lines(out, again)))
    return differences, True


def notices(items, wrong):
  try:
    return bool(Comparison(items, wrong).run())
  except (KeyError, TypeError):  # it is not even of the right form
    return True


def first_lines(a, b):
  """The first lines in which two texts differ."""
  for left, right in zip(a.splitlines(), b.splitlines()):
    if left != right:
      return left, right
  return f'{len(a)} bytes', f'{len(b)} bytes'


checker = None


def start(binaries):
  global checker
  checker = Checker(binaries)


def check_one(seed, number):
  seed = f'{seed}.{number}'
  try:
    return number, seed, checker.check(generate(seed), seed)[0]
  except Exception as error:  # of the checker itself: as good as a difference
    return number, seed, [('checker', 'no exception', repr(error))]


def report(binaries, seed, differences):
  """Prints what differs in the smallest set that still does in that place."""
  start(binaries)
  kind = differences[0][0].split()[-1]

  def differs(items):
    try:
      found, valid = checker.check(items, seed)
    except Exception:
      return False
    return valid and any(where.split()[-1] == kind for where, *_ in found)

  items = generate(seed)
  if differs(items):
    items = shrink(items, differs)
    differences = checker.check(items, seed)[0]
  print(f'\nset {seed}:')
  print(manifests.yaml_text(items))
  for where, expected, got in differences:
    print(f'{where}:\n  expected {expected}\n  got      {got}')


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument('binaries', nargs='+', type=os.path.abspath)
  parser.add_argument('--sets', type=int, default=2000)
  parser.add_argument('--seed', default='1')
  parser.add_argument('--only', type=int)
  args = parser.parse_args()
  numbers = range(args.sets) if args.only is None else [args.only]
  began = time.monotonic()
  failed = []
  with multiprocessing.Pool(None, start, (args.binaries,)) as pool:
    for *which, differences in pool.imap_unordered(
        functools.partial(check_one, args.seed), numbers, 16):
      if differences:
        failed.append((*which, differences))
      if len(failed) >= MOST:
        pool.terminate()
        break
  for _, seed, differences in sorted(failed, key=lambda one: one[0])[:SHOWN]:
    report(args.binaries, seed, differences)
  print(f'sets of objects: seed {args.seed}, '
        f'{time.monotonic() - began:.0f} seconds')
  print(f'sets: {len(numbers) - len(failed)} passed, {len(failed)} failed, '
        '0 skipped')
  return bool(failed)


if __name__ == '__main__':
  sys.exit(main())
