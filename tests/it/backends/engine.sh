# The first process of network, mount and process namespaces of its own, told by words on standard input to start, stop or kill a
# container engine; each word is said back when that is done. When its input ends, so does it, and the kernel ends with it all that
# runs in there: engine, shims, containers. Firewall rules, mounts and published ports are the namespaces' own.
#
# $1: the engine's folder; the rest: its command line.
folder=$1
shift
ip link set lo up || exit 1
engine=
while read -r word; do
    case $word in
    start)
        # The socket that a killed one left would be taken for the new one's.
        rm -f "$folder/engine.sock"
        "$@" >>"$folder/engine.log" 2>&1 </dev/null &
        engine=$!
        ;;
    stop) [ -n "$engine" ] && kill "$engine" && wait "$engine" 2>/dev/null ;;
    kill)
        [ -n "$engine" ] && kill -9 "$engine" && wait "$engine" 2>/dev/null
        # Its containerd dies with it. Unburied it would be taken for one that runs, and this shell buries only while it waits.
        patience=100
        while [ $patience -gt 0 ] && pid=$(cat "$folder/exec/containerd/containerd.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; do
            sleep 0.05
            patience=$((patience - 1))
        done
        ;;
    esac
    echo "$word"
done
