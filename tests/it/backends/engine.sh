# The first process of network, mount and process namespaces of its own, told by words on standard input to start, stop or kill a
# Docker Engine; each word is said back when that is done. When its input ends, so does it, and the kernel ends with it all that runs
# in there: engine, shims, containers. Firewall rules, mounts and published ports are the namespaces' own.
#
# $1: folder of the engine, $2: name of its cgroups, $3: the program; the rest are arguments for it.
folder=$1 cgroups=$2 program=$3
shift 3
ip link set lo up || exit 1
engine=
while read -r word; do
    case $word in
    start)
        # The socket that a killed one left would be taken for the new one's.
        rm -f "$folder/engine.sock"
        "$program" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/engine.pid" \
            -H "unix://$folder/engine.sock" --cgroup-parent "$cgroups" --shutdown-timeout 1 "$@" \
            >>"$folder/engine.log" 2>&1 </dev/null &
        engine=$!
        ;;
    stop) [ -n "$engine" ] && kill "$engine" && wait "$engine" ;;
    kill) [ -n "$engine" ] && kill -9 "$engine" && wait "$engine" 2>/dev/null ;;
    esac
    echo "$word"
done
