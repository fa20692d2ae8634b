# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Servers on the backends, and clients that check what they answer.
# ---------------------------------------------------------------- servers

# A backend's processes run in the namespace of its name, or all in $PLACE.
PLACE=

place() {
  printf '%s\n' "${PLACE:-$1}"
}

# listening NAME tcp|udp ADDRESS-OR-EMPTY PORT
listening() {
  local flags=-Hltn
  [[ $2 == tcp ]] || flags=-Hlun
  at "$1" ss "$flags" | awk '{print $4}' | grep -Fq "${3:+$3}:$4"
}

# serve NAME COMMAND...: in the background, output into the work directory.
serve() {
  local name=$1
  shift
  at "$name" "$@" >>"$WORK/$name-${1##*/}.log" 2>&1 &
}

own_addresses() {
  printf '%s\n%s\n' "${ADDRESS4[$1]}" "${ADDRESS6[$1]}"
}

# Ports of the backends differ from the listeners', so that both are translated.
PORT_IDENTIFY=9000
PORT_HTTP=8080
PORT_DNS=5353
PORT_REDIS=6380

start_identify() {
  local b where bind backends=${*:-$BACKENDS}
  for b in $backends; do
    where=$(place "$b")
    bind=()
    while read -r a; do bind+=(--bind "$a"); done < <(own_addresses "$b")
    serve "$where" "$PYTHON" "$TOOLS/identify.py" "$b" \
      --tcp $PORT_IDENTIFY --udp $PORT_IDENTIFY "${bind[@]}"
  done
  for b in $backends; do
    wait_for 10 "identify on $b" listening "$(place "$b")" udp \
      "[${ADDRESS6[$b]}]" $PORT_IDENTIFY
  done
}

# start_http NAME...: nginx that answers with its name, and a file /data.
start_http() {
  local b dir backends=${*:-$BACKENDS}
  [[ -e $WORK/data ]] || head -c 10000000 /dev/urandom >"$WORK/data"
  for b in $backends; do
    dir=$WORK/nginx-$b
    mkdir -p "$dir"
    cat >"$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log stderr warn;
events { worker_connections 2048; }
http {
  access_log off; client_body_temp_path $dir; proxy_temp_path $dir;
  fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
  server {
    listen ${ADDRESS4[$b]}:$PORT_HTTP; listen [${ADDRESS6[$b]}]:$PORT_HTTP;
    location = / { default_type text/plain; return 200 "$b\n"; }
    location = /data { root $WORK; ${HTTP_DATA_OPTIONS:-} }
  }
}
CONF
    serve "$(place "$b")" nginx -e stderr -p "$dir" -c "$dir/nginx.conf"
  done
  for b in $backends; do
    wait_for 10 "nginx on $b" listening "$(place "$b")" tcp \
      "${ADDRESS4[$b]}" $PORT_HTTP
  done
}

# start_dns NAME...: dnsmasq that knows a TXT record id.test with its name.
start_dns() {
  local b backends=${*:-$BACKENDS}
  for b in $backends; do
    serve "$(place "$b")" dnsmasq --keep-in-foreground --conf-file=/dev/null \
      --no-resolv --no-hosts --user=root --pid-file= --bind-interfaces \
      --listen-address="${ADDRESS4[$b]}" --listen-address="${ADDRESS6[$b]}" \
      --port=$PORT_DNS --txt-record="id.test,$b" \
      --address=/www.test/192.0.2.80 --address=/www.test/2001:db8::80
  done
  for b in $backends; do
    wait_for 10 "dnsmasq on $b" listening "$(place "$b")" udp \
      "${ADDRESS4[$b]}" $PORT_DNS
  done
}

start_redis() {
  local b backends=${*:-$BACKENDS}
  for b in $backends; do
    serve "$(place "$b")" redis-server --port $PORT_REDIS --save '' \
      --appendonly no --protected-mode no --dir "$WORK" \
      --bind "${ADDRESS4[$b]}" "${ADDRESS6[$b]}"
  done
  for b in $backends; do
    wait_for 10 "redis on $b" listening "$(place "$b")" tcp \
      "${ADDRESS4[$b]}" $PORT_REDIS
  done
}

# ---------------------------------------------------------------- clients

# split KIND ADDRESS PORT [OPTION...]: fresh flows of this kind, from source ports
# that none before it in this test came from.
split() {
  timeout 60 nsenter --net=/run/netns/cl -- "$PYTHON" "$TOOLS/split.py" "$@" \
    --ports "$WORK/ports-$1"
}

transfer() {
  timeout 60 nsenter --net=/run/netns/cl -- "$PYTHON" "$TOOLS/transfer.py" "$@"
}

# live_start TAG ARGUMENTS...: holds flows in the background; live_stop TAG
# prints what became of them.
live_start() {
  local tag=$1
  shift
  timeout 120 nsenter --net=/run/netns/"${LIVE_FROM:-cl}" -- "$PYTHON" \
    "$TOOLS/live.py" "$@" --ready "$WORK/live-$tag.ready" \
    >"$WORK/live-$tag.json" 2>"$WORK/live-$tag.log" &
  wait_for 20 "live flows '$tag'" test -s "$WORK/live-$tag.ready"
}

live_stop() {
  local tag=$1
  # All flows may have ended, and the tool with them.
  kill -TERM "$(<"$WORK/live-$tag.ready")" 2>/dev/null || true
  wait_for 15 "the end of live flows '$tag'" test -s "$WORK/live-$tag.json"
  cat "$WORK/live-$tag.json"
}

# download_sum HOST: the SHA-256 of a 10 MB download from nginx.
download_sum() {
  local host=$1
  [[ $host != *:* ]] || host="[$host]"
  at cl curl -sS --max-time 30 "http://$host:80/data" | sha256sum | cut -d' ' -f1
}
