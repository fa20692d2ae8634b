#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Fails on functions and files that are too long, as one of them or as a habit,
# and on files without their licence.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
code=0

MAX_FILE=600
LICENCE='SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)'

complain() {
  printf '%s\n' "$@" >&2
  code=1
}

# sources: what people write and read here. Not prose, nor what tests compare with.
sources() {
  git ls-files --cached --others --exclude-standard |
    grep -vE '\.md$|^LICENSE$|^tests/golden/|^tests/fuzz/corpus/' |
    while read -r file; do
      [[ ! -f $file ]] || printf '%s\n' "$file"
    done
}

# functions FILE...: lines, file and name of each, longest last.
functions() {
  ctags -x --language-force=C --c-kinds=f --_xformat='%n %{end} %F %N' "$@" |
    awk '{print $2 - $1 + 1, $3, $4}' | sort -n
}

# budget WHAT MEDIAN P90 MAX FILE...
budget() {
  local what=$1 median=$2 p90=$3 max=$4 found
  shift 4
  found=$(functions "$@" | awk -v what="$what" -v median="$median" -v p90="$p90" -v max="$max" '
    {lines[NR] = $1}
    $1 > max {print $2 ": " $3 "() has " $1 " lines, more than " max}
    END {
      if (!NR)
        print what ": no functions found"
      if (lines[int((NR + 1) / 2)] > median)
        print what ": half of the functions have more than " median " lines"
      if (lines[int(NR * 0.9)] > p90)
        print what ": a tenth of the functions has more than " p90 " lines"
    }')
  [[ -z $found ]] || complain "$found"
}

shopt -s globstar
budget bpf 20 40 80 bpf/*.[ch] include/**/*.h
budget user 20 60 100 user/**/*.[ch]
budget tests 20 60 100 tests/**/*.[ch]

mapfile -t files < <(sources)
((${#files[@]})) || complain 'git does not know any file here'
for file in "${files[@]}"; do
  case $file in
    *.[ch] | *.sh | *.py | Makefile)
      lines=$(wc -l <"$file")
      ((lines <= MAX_FILE)) || complain "$file: $lines lines, more than $MAX_FILE"
      ;;
  esac
  head -n 3 "$file" | grep -qF "$LICENCE" || complain "$file: no licence in its first lines"
done
exit "$code"
