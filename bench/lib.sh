# Sourced by the measurements (bash): a private Apache on a free loopback port,
# idle clients, figures, and the lines of the report. Everything that is started
# here is ended by its pid when the script ends, however it ends.
#
#   WSPUSH_MODULE   the module (build/mod_wspush.so)
#   WSLOAD          the client (build/bench/wsload)
#   BENCH_USER      whom httpd runs as when this is root (www-data, or nobody)
#   BENCH_KEEP=1    leave the folder with the logs
#   BENCH_REPORT    append Markdown rows to this file

set -euo pipefail
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
cd "$(dirname "${BASH_SOURCE[0]}")/.."

apxs=${APXS:-apxs}
module=${WSPUSH_MODULE:-build/mod_wspush.so}
wsload=${WSLOAD:-build/bench/wsload}
httpd_modules=$("$apxs" -q LIBEXECDIR)
httpd=${HTTPD:-$("$apxs" -q SBINDIR)/$("$apxs" -q PROGNAME)}
failures=0
port=
httpd_pid=
idle_pid=
idle_result=
strace_pid=
as_user=()

note() { echo "$*" >&2; }
die() {
    note "$(basename "$0"): $*"
    exit 3
}
need() { # command, Debian package
    command -v "$1" > /dev/null || die "$1 is missing: apt-get install $2"
}

[ -e "$module" ] || die "$module is missing: run make"
[ -x "$wsload" ] || die "$wsload is missing: run make bench-tools"

# --- clean-up --------------------------------------------------------------
end_pid() { # pid
    [ -n "$1" ] || return 0
    kill "$1" 2> /dev/null || true
    wait "$1" 2> /dev/null || true
}
cleanup() {
    trap - EXIT
    end_pid "$strace_pid"
    idle_close > /dev/null 2>&1 || true
    httpd_stop
    if [ "${BENCH_KEEP:-}" = 1 ]; then
        note "kept: $dir"
    else
        rm -rf "$dir"
    fi
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/wspush-bench.XXXXXX")
trap cleanup EXIT
cp "$module" "$dir/mod_wspush.so" # one build to the end, whoever runs make
trap 'exit 130' INT
trap 'exit 143' TERM
if [ "$(id -u)" = 0 ]; then
    need setpriv util-linux
    user=${BENCH_USER:-$(id -un www-data 2> /dev/null || echo nobody)}
    as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
fi

# --- the server ------------------------------------------------------------
free_port() {
    perl -MSocket -e 'socket my $s, PF_INET, SOCK_STREAM, 0 or die "$!\n";
        bind $s, sockaddr_in(0, INADDR_LOOPBACK) or die "$!\n";
        print +(sockaddr_in getsockname $s)[0]'
}

# http METHOD PATH: the body of the answer; false when there is none
http() {
    perl -MHTTP::Tiny -e '
        my $r = HTTP::Tiny->new(timeout => 20)->request(@ARGV);
        print $r->{content};
        exit !$r->{success}' "$1" "http://127.0.0.1:$port$2"
}

# httpd_start MPM "lines for the MPM" "lines for the endpoint"
httpd_start() {
    mkdir -p "$dir/htdocs"
    head -c 1024 /dev/zero | tr '\0' 'x' > "$dir/htdocs/static.html"
    port=$(free_port)
    sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|g" -e "s|@MPM@|$1|g" \
        -e "s|@MODULES@|$httpd_modules|g" \
        -e "s|@LOGLEVEL@|${BENCH_LOGLEVEL:-notice}|g" \
        -e "s|@MPM_LINES@|${2//$'\n'/\\n}|" \
        -e "s|@PLACE_LINES@|${3//$'\n'/\\n}|" \
        bench/httpd.conf.in > "$dir/httpd.conf"
    [ "$(id -u)" != 0 ] || chown -R "$user" "$dir"
    ulimit -n "$(ulimit -Hn)"
    : > "$dir/error.log"
    [ "$(id -u)" != 0 ] || chown "$user" "$dir/error.log"
    "${as_user[@]}" "$httpd" -f "$dir/httpd.conf" -DFOREGROUND \
        2>> "$dir/stderr.log" &
    httpd_pid=$!
    local i
    for ((i = 0; i < 200; i++)); do
        if http GET '/server-status?auto' > /dev/null 2>&1; then
            return 0
        fi
        kill -0 "$httpd_pid" 2> /dev/null || break
        sleep 0.1
    done
    cat "$dir/stderr.log" "$dir/error.log" >&2
    die "httpd did not start"
}
httpd_stop() {
    end_pid "$httpd_pid"
    httpd_pid=
}
httpd_children() { pgrep -P "$httpd_pid" | sort -n; }

# Wait until the number of children has not changed for a second.
httpd_settle() {
    local last='' now same=0 i
    for ((i = 0; i < 300 && same < 10; i++)); do
        now=$(httpd_children | wc -l)
        if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
        last=$now
        sleep 0.1
    done
}
# What httpd logged besides its ordinary start and stop lines.
httpd_complaints() {
    grep -E ':(emerg|alert|crit|error|warn)\]' "$dir/error.log" |
        grep -v -e AH00559 -e AH00169 || true
}
status_value() { # key of mod_status' ?auto page
    http GET '/server-status?auto' | awk -F': ' -v key="$1" \
        '$1 == key { print $2 }'
}

# Proportional set size in KiB of the given processes together.
pss_kib() {
    local pid
    for pid in "$@"; do
        cat "/proc/$pid/smaps_rollup" 2> /dev/null || true
    done | awk '$1 == "Pss:" { sum += $2 } END { print sum + 0 }'
}

# --- clients -----------------------------------------------------------------
load() { # mode, arguments: run the client against the server
    "$wsload" "$@" --url "http://127.0.0.1:$port/push/"
}

# idle_open MODE N [options]: hold clients in the background
idle_open() {
    rm -f "$dir/idle.in" "$dir/idle.out"
    mkfifo "$dir/idle.in"
    "$wsload" "$@" --time 3000 --url "http://127.0.0.1:$port/push/" \
        < "$dir/idle.in" > "$dir/idle.out" 2> "$dir/idle.err" &
    idle_pid=$!
    exec 9> "$dir/idle.in"
    while ! grep -q '"event": "ready"' "$dir/idle.out"; do
        if ! kill -0 "$idle_pid" 2> /dev/null; then
            cat "$dir/idle.out" "$dir/idle.err" >&2
            return 1
        fi
        sleep 0.05
    done
    if [ "$(head -1 "$dir/idle.out" | json open)" != "$2" ]; then
        idle_close || true
        return 1
    fi
}
# Ends them; their JSON result is in $idle_result; false when one was lost. Not
# to be called in $( ): only the shell that started them can wait for them.
idle_close() {
    [ -n "$idle_pid" ] || return 0
    exec 9>&-
    local code=0
    wait "$idle_pid" || code=$?
    idle_pid=
    # shellcheck disable=SC2034 # for the callers
    idle_result=$(tail -1 "$dir/idle.out")
    return "$code"
}

# --- figures -------------------------------------------------------------------
# json KEY: a value of the JSON object on stdin
json() {
    perl -MJSON::PP -e 'my $v = decode_json(do { local $/; <STDIN> });
        $v = ref $v eq "ARRAY" ? $v->[$_] : $v->{$_} for split /\./, shift;
        print $v // "" if !ref $v' "$1"
}
calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
is_true() { awk "BEGIN { exit !($1) }"; }
median() {
    printf '%s\n' "$@" | sort -g |
        awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

title() { # of a section
    note "== $1"
    [ -z "${BENCH_REPORT:-}" ] ||
        printf '\n## %s\n\n| figure | value | asked for | |\n|---|---|---|---|\n' \
            "$1" >> "$BENCH_REPORT"
}
row() { # figure, value, asked for, verdict
    printf '%-56s %-26s %-18s %s\n' "$1" "$2" "$3" "$4"
    [ -z "${BENCH_REPORT:-}" ] ||
        printf '| %s | %s | %s | %s |\n' "$1" "$2" "$3" "$4" >> "$BENCH_REPORT"
}
figure() { row "$1" "$2" '' ''; }      # shown, not judged
judge() {                              # figure, value, asked for, condition
    if is_true "$4"; then
        row "$1" "$2" "$3" ok
    else
        row "$1" "$2" "$3" FAILED
        failures=$((failures + 1))
    fi
}
# Every script's last line: 0 when all that was judged is ok.
conclude() {
    local complaints
    complaints=$(httpd_complaints | head -5)
    if [ -n "$complaints" ]; then
        note "the server's log has:"
        note "$complaints"
    fi
    [ "$failures" = 0 ]
}
