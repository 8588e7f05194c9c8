#!/usr/bin/env bash
# Ends the gateway that up.sh DIR PORT started (stop), or starts it again (start): the cluster behind it goes on.
set -euo pipefail
what=$1
dir=$2
port=$3
export CEPH_CONF=$dir/ceph.conf
case $what in
  stop)
    kill "$(cat "$dir/rgw.pid")"
    for _ in $(seq 50); do kill -0 "$(cat "$dir/rgw.pid")" 2>/dev/null || exit 0; sleep 0.1; done
    kill -9 "$(cat "$dir/rgw.pid")"
    ;;
  start)
    setsid radosgw -n client.rgw -f >>"$dir/log/rgw.out" 2>&1 &
    echo $! >"$dir/rgw.pid"
    for _ in $(seq 60); do curl -sf -m 2 -o /dev/null "http://127.0.0.1:$port" && exit 0; sleep 0.5; done
    echo "radosgw did not answer again; see $dir/log" >&2
    exit 1
    ;;
esac
