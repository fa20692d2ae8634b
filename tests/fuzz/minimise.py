#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Fills the corpus of a fuzzer with the few inputs that reach the most:

  tests/fuzz/minimise.py FUZZER CORPUS FROM...

FUZZER is the binary; FROM are directories of inputs, of which CORPUS (emptied
first) gets those of a greedy set cover of the code that they reach. libFuzzer's
own -merge keeps the shortest input for each edge, three times as many files.
"""
import hashlib
import multiprocessing
import pathlib
import shutil
import subprocess
import sys
import tempfile

LIMIT = 20000  # bytes of an input


def reached(fuzzer, path):
  """The set of features that one input reaches, by libFuzzer's merge."""
  with tempfile.TemporaryDirectory() as work:
    work = pathlib.Path(work)
    control = work / 'control'
    (work / 'out').mkdir()
    (work / 'in').mkdir()
    shutil.copy(path, work / 'in')
    subprocess.run(
      [fuzzer, '-merge=1', '-use_counters=0', f'-max_len={LIMIT}',
       f'-merge_control_file={control}', work / 'out', work / 'in'],
      check=True, capture_output=True)
    # Without one where there is nothing to merge: an empty input.
    lines = control.read_text() if control.exists() else ''
    for line in lines.splitlines():
      word, *numbers = line.split()
      if word == 'FT':
        return set(numbers[1:])
  return set()


def cover(features):
  """Paths of a greedy cover: most of what is still to reach, then short."""
  left = dict(features)
  done = set()
  chosen = []
  while left:
    best = max(left, key=lambda path: (
      len(left[path] - done), -path.stat().st_size, path))
    if not left[best] - done:
      break
    done |= left.pop(best)
    chosen.append(best)
  return chosen


def main():
  fuzzer, corpus, *sources = sys.argv[1:]
  corpus = pathlib.Path(corpus)
  inputs = [path for source in sources
            for path in pathlib.Path(source).iterdir() if path.is_file()]
  with multiprocessing.Pool() as pool:
    features = pool.starmap(reached, [(fuzzer, path) for path in inputs])
  chosen = cover(dict(zip(inputs, features)))
  contents = [path.read_bytes() for path in chosen]
  corpus.mkdir(parents=True, exist_ok=True)
  for old in corpus.iterdir():
    old.unlink()
  for content in contents:
    (corpus / hashlib.sha1(content).hexdigest()[:12]).write_bytes(content)
  print(f'{corpus}: {len(contents)} files, {sum(map(len, contents))} bytes')


main()
