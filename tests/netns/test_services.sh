# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Services as they are, with long flows: PostgreSQL, Redis, iperf3, SIP calls, QUIC.
# While they are at it, weights change again and again.

PORT_POSTGRES=5433
PORT_IPERF=5299
PORT_SIP=5066
PORT_QUIC=4434

# apply_services WEIGHT-OF-B1: all behind one Gateway; one backend where a client
# needs what it left there.
apply_services() {
  services_manifest "$1" | apply_stdin
}

services_manifest() {
  local -A weight=([b1]=$1 [b2]=50 [b3]=50)
  local b sip=() quic=()
  gateway_class
  parameters mode "$MODE"
  PARAMETERS=mode gateway gw "$VIP4 $VIP6" postgres:TCP:5432 redis:TCP:6379 \
    iperf-tcp:TCP:5201 iperf-udp:UDP:5201 sip:UDP:5060 quic:UDP:4433
  route TCPRoute postgres gw/postgres postgres:5432
  service postgres TCP 5432 "$PORT_POSTGRES" b1
  route TCPRoute redis gw/redis redis:6379
  service redis TCP 6379 "$PORT_REDIS" b2
  route TCPRoute iperf gw/iperf-tcp iperf-tcp:5201
  service iperf-tcp TCP 5201 "$PORT_IPERF" b3
  route UDPRoute iperf gw/iperf-udp iperf-udp:5201
  service iperf-udp UDP 5201 "$PORT_IPERF" b3
  for b in $BACKENDS; do
    service "sip-$b" UDP 5060 "$PORT_SIP" "$b"
    service "quic-$b" UDP 4433 "$PORT_QUIC" "$b"
    sip+=("sip-$b:5060:${weight[$b]}")
    quic+=("quic-$b:4433:${weight[$b]}")
  done
  route UDPRoute sip gw/sip "${sip[@]}"
  route UDPRoute quic gw/quic "${quic[@]}"
}

start_postgres() {
  local bin data=$WORK/postgres
  bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
  chmod 711 "$WORK"
  install -d -o postgres "$data"
  runuser -u postgres -- "$bin/initdb" -D "$data/db" -A trust --no-sync >/dev/null
  printf 'host all all all trust\n' >>"$data/db/pg_hba.conf"
  serve b1 runuser -u postgres -- "$bin/postgres" -D "$data/db" -F -p $PORT_POSTGRES \
    -k "$data" -h "${ADDRESS4[b1]},${ADDRESS6[b1]}"
  wait_for 20 PostgreSQL listening b1 tcp "${ADDRESS4[b1]}" $PORT_POSTGRES
}

start_sip() {
  local b a
  for b in $BACKENDS; do
    for a in "${ADDRESS4[$b]}" "[${ADDRESS6[$b]}]"; do
      # On its own it would accept the end of a call that it does not know.
      serve "$b" sipp -sn uas -t u1 -i "$a" -p $PORT_SIP -nostdin -default_behaviors none
      wait_for 10 "sipp on $b" listening "$b" udp "$a" $PORT_SIP
    done
  done
}

start_quic() {
  local b a
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=quic \
    -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
  mkdir "$WORK/www"
  head -c 5000000 /dev/urandom >"$WORK/www/data"
  for b in $BACKENDS; do
    for a in "${ADDRESS4[$b]}" "${ADDRESS6[$b]}"; do
      serve "$b" gtlsserver -q -d "$WORK/www" "$a" $PORT_QUIC "$WORK/key.pem" "$WORK/cert.pem"
      [[ $a != *:* ]] || a="[$a]"
      wait_for 10 "QUIC on $b" listening "$b" udp "$a" $PORT_QUIC
    done
  done
}

services_ready() {
  MODE=$1
  two_armed
  start_postgres
  start_redis b2
  serve b3 iperf3 -s -p $PORT_IPERF
  start_sip
  start_quic
  wait_for 10 iperf3 listening b3 tcp '' $PORT_IPERF
  attach
  apply_services 50
}

# Weights change until the file is there that says that all is done.
keep_changing() {
  local w
  while [[ ! -e $WORK/done ]]; do
    for w in 10 90 0 50; do
      apply_services "$w" >/dev/null
      sleep 0.3
    done
  done
}

# ---------------------------------------------------------------- clients

check_postgres() {
  local a=$1 psql said
  psql=(psql -X -q -At -h "$a" -U postgres -v ON_ERROR_STOP=1)
  said=$(at cl "${psql[@]}" -c 'CREATE TABLE IF NOT EXISTS t (n int, s text)' \
    -c "INSERT INTO t SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 10000) n" \
    -c 'SELECT count(*), md5(string_agg(s, NULL ORDER BY n)) FROM t' \
    -c 'COPY (SELECT s FROM t ORDER BY n) TO STDOUT')
  expect "10 MB of rows from $a" \
    "$(tail -n +2 <<<"$said" | tr -d '\n' | md5sum | cut -d' ' -f1)" \
    "$(sed -n '1s/^10000|//p' <<<"$said")"
  at cl "${psql[@]}" -c 'DROP TABLE t'
  at cl pgbench -h "$a" -U postgres -i -q -s 1 postgres >"$WORK/pgbench" 2>&1 ||
    fail "pgbench -i: $(<"$WORK/pgbench")"
  at cl pgbench -h "$a" -U postgres -c 8 -T 3 postgres >"$WORK/pgbench" 2>&1 ||
    fail "pgbench: $(<"$WORK/pgbench")"
  expect_match "pgbench on $a" "$(<"$WORK/pgbench")" 'number of failed transactions: 0 '
}

check_redis() {
  at cl redis-benchmark -h "$1" -q -n 20000 -c 30 -d 1000 -t set,get,lpush \
    >"$WORK/redis" 2>&1 || fail "redis-benchmark: $(<"$WORK/redis")"
  expect_no_match "redis-benchmark on $1" "$(<"$WORK/redis")" 'error|closed'
}

iperf() {
  at cl iperf3 --json -c "$@"
}

check_iperf() {
  expect_json "iperf3 to $1" "$(iperf "$1" -t 1 -P 4)" '.end.sum_received.bytes > 1e7'
  expect_json "iperf3 from $1" "$(iperf "$1" -t 1 -P 4 -R)" '.end.sum_received.bytes > 1e7'
  # So slow that no socket overflows.
  expect_json "iperf3 of UDP to $1" "$(iperf "$1" -t 2 -u -b 5M -l 1000)" \
    '.end.sum.packets > 1000 and .end.sum.lost_packets == 0 and .end.sum.out_of_order == null'
  expect_json "iperf3 of UDP from $1" "$(iperf "$1" -t 2 -u -b 5M -l 1000 -R)" \
    '.end.sum.packets > 1000 and .end.sum.lost_packets == 0'
}

# Each call from a port of its own, and to its end at the backend that it began at:
# another one would not know it.
check_sip() {
  local a=$1 me=10.1.0.2
  [[ $a != *:* ]] || a="[$a]" me='[fd00:1::2]'
  (cd "$WORK" && at cl timeout 60 sipp -sn uac -t un -i "$me" -m 150 -r 50 -d 5000 \
    -max_socket 400 -max_non_invite_retrans 4 -nostdin "$a:5060" >"$WORK/sipp" 2>&1) ||
    fail "SIP calls to $a: $(grep -aE 'Successful|Failed|Unexpected|Retrans' "$WORK/sipp" | tail -n 8)"
}

check_quic() {
  local a=$1 host=$1 i pids=() wanted
  [[ $a != *:* ]] || host="[$a]"
  wanted=$(sha256sum <"$WORK/www/data")
  for i in 1 2 3 4 5 6; do
    mkdir -p "$WORK/quic-$i"
    at cl timeout 60 gtlsclient -q --exit-on-all-streams-close --download="$WORK/quic-$i" \
      "$a" 4433 "https://$host:4433/data" >"$WORK/quic-$i.log" 2>&1 &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || fail "QUIC from $a"; done
  for i in 1 2 3 4 5 6; do
    expect "5 MB over QUIC from $a" "$(sha256sum <"$WORK/quic-$i/data")" "$wanted"
    rm "$WORK/quic-$i/data"
  done
}

# endpoints_used PORT NUMBER: at least so many endpoints with that port had flows.
endpoints_used() {
  expect_json "endpoints of port $1 with flows" "$(l4 get backends -o json)" \
    "[.. | objects | select(has(\"endpoint\")) | select((.endpoint | endswith(\":$1\"))
      and .stats.flows > 0)] | length >= $2"
}

services_work() {
  local changes
  services_ready "$1"
  keep_changing &
  changes=$!
  for a in "$VIP4" "$VIP6"; do
    check_sip "$a"
    check_quic "$a"
    check_postgres "$a"
    check_redis "$a"
    check_iperf "$a"
  done
  touch "$WORK/done"
  wait "$changes" || fail 'an apply failed'
  endpoints_used "$PORT_SIP" 6
  endpoints_used "$PORT_QUIC" 3
  endpoints_used "$PORT_POSTGRES" 2
  expect_checksums
}

test_services_nat() {
  services_work nat
}

test_services_transparent() {
  services_work transparent
}
