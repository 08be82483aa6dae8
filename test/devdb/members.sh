# Keeps the members of a replica set on loopback: beside devdb itself, or in a container.
# usage: sh members.sh MONGOD DIRECTORY ADDRESS PORT...
# It reads orders from its standard input, one a line, and answers each with "done":
#   start PORT [ARGUMENT...]   starts the member that listens there, on its own data
#   kill PORT | stop PORT | cont PORT
#   log                        prints the last lines of every member's log first
# When its standard input ends, its owner has gone, however it went: it kills the members and ends.
mongod=$1 directory=$2 address=$3
shift 3
for port in "$@"; do mkdir -p "$directory/$port"; done

while read -r verb port arguments; do
  eval "pid=\${pid_$port:-}"
  case $verb in
  start)
    # shellcheck disable=SC2086 # the arguments are words
    "$mongod" --port "$port" --dbpath "$directory/$port" --bind_ip "$address" --replSet devdb \
      --oplogSize 50 --wiredTigerCacheSizeGB 0.25 --setParameter enableTestCommands=1 \
      --setParameter diagnosticDataCollectionEnabled=false $arguments \
      </dev/null >>"$directory/$port.log" 2>&1 &
    eval "pid_$port=$!"
    ;;
  kill)
    if [ -n "$pid" ]; then
      kill -KILL "$pid" 2>/dev/null
      wait "$pid" 2>/dev/null
      eval "pid_$port="
    fi
    ;;
  stop) kill -STOP "$pid" ;;
  cont) kill -CONT "$pid" ;;
  log) tail -n 5 "$directory"/*.log ;;
  esac
  echo "done"
done

for port in "$@"; do
  eval "pid=\${pid_$port:-}"
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
done
