#!/bin/sh
# A person at a terminal: what an ssh at the mux door shows is what one shows that has gone by itself, to the byte.
. "$(dirname "$0")/../kit/lib.sh"
need ssh

start_sshd dev
start_broker 'devices: {dev: {}}'
printf '#!/bin/sh\nexec ssh -F %s -o ControlPath=none "$@"\n' "$T/ssh_config" >"$T/straight"
printf '#!/bin/sh\nexec ssh -F %s -o ControlMaster=no -o ControlPath=%s -o ProxyCommand=false "$@"\n' "$T/ssh_config" \
	"$T/run/mux/dev" >"$T/through"
chmod +x "$T/straight" "$T/through"
"$T/straight" -tt dev true </dev/null >/dev/null 2>&1 || skip_all "this sshd gives no terminals"

# shown HOW PERSON... -- ARGUMENT...: what the terminal shows, and the status.  A shared connection is called so.
shown()
{
	_how=$T/$1
	shift
	for _word in "$@"; do
		shift
		[ "$_word" != -- ] || _word=$_how
		set -- "$@" "$_word"
	done
	{
		ptyrun "$@" </dev/null
		echo "status $?"
	} | sed 's/^Shared connection to/Connection to/' | od -An -c
}

# alike NAME PERSON... -- ARGUMENT...
alike()
{
	_what=$1
	shift
	is "$(shown through "$@")" "$(shown straight "$@")" "$_what"
}

# ---- a terminal ----

alike "a command and its status" -- -t dev 'echo out; echo err >&2; exit 7'
alike "one that dies" -- -t dev 'kill -TERM $$'
alike "one terminal for all" -- -t dev 'for i in 0 1 2; do [ -t $i ] && echo $i; done; stty size; echo $TERM'
alike "what is typed is echoed there" -e READY -s 'a\x7fb c\r' -e 'b c' -s '' -e 'b c' -s 'last\r\x04' -- -t dev 'echo READY; cat; echo end'
alike "Ctrl-C" -e READY -s '\x03' -- -t dev 'trap "echo interrupted; exit 9" INT; echo READY; while :; do sleep 0.05; done'
alike "no echo" -e word: -s 'secret\r' -- -t dev 'stty -echo; printf word:; read -r w; stty echo; echo; echo "$w" | tr a-z b-za'
alike "all bytes there" -e READY -s '\x00\x01\x03\x04\x0a\x0d\x11\x13\x1a\x1c\x7e.\x7f\x80\xc3\xa4\xff' -- -e none -t dev \
	'stty raw -echo; echo READY; head -c 17 | od -An -tx1'
alike "and back" -- -t dev 'stty raw; printf "\000\001\003\021\023\032\033[1m\177\200\303\244\377\r\n"'
alike "much" -- -t dev 'seq 30000'
alike "none" -- -T dev 'tty; echo ends; exit 3'

# ---- escapes ----

alike "~~ is a tilde" -e READY -s '~~a\r' -- -t dev 'echo READY; read -r x; echo "<$x>"'
alike "in a line there is none" -e READY -s 'a~.\r' -- -t dev 'echo READY; read -r x; echo "<$x>"'
alike "another character" -e READY -s '%%~.\r' -- -e % -t dev 'echo READY; read -r x; echo "<$x>"'
alike "~. ends the session" -e READY -s '~.' -- -t dev 'stty -echo; echo READY; exec sleep 100'
like "$(shown through -e READY -s '~?' -e 'this message' -s 'on\r' -- -t dev 'echo READY; read -r x; echo "<$x>"' | tr -d ' \n')" \
	'Supportedescape.*<on>.*status0' "~? says what there is, and the session goes on"

# ---- another size ----

cat >"$T/sizes" <<'SIZES'
trap 'stty size' WINCH
echo READY
while [ ! -e "$1" ]; do sleep 0.02; done
SIZES
for how in straight through; do
	printf 'tty >%s\nstty cols 90 rows 30\nexec %s -t dev sh %s %s\n' "$T/tty" "$T/$how" "$T/sizes" "$T/done-$how" >"$T/resize"
	ptyrun sh "$T/resize" >"$T/sizes-$how" 2>&1 </dev/null &
	pid=$!
	wait_until "grep -q READY $T/sizes-$how"
	for size in '77 22' '132 50' '80 24'; do
		stty -F "$(cat "$T/tty")" cols "${size% *}" rows "${size#* }"
		wait_until "grep -q '^${size#* } ${size% *}' $T/sizes-$how"
	done
	: >"$T/done-$how"
	wait_for "$pid"
done
# stty sets the two one after the other, and sizes between may be seen.
for how in straight through; do
	is "$(tr -d '\r' <"$T/sizes-$how" | grep -x -e '22 77' -e '50 132' -e '24 80' | uniq | tr '\n' ',')" '22 77,50 132,24 80,' \
		"$how: each size arrives"
done

# ---- an editor ----

export TERM=vt100
if vi --version 2>/dev/null | grep -q VIM; then
	for how in straight through; do
		echo second >"$T/edited-$how"
		shown "$how" -e second -s 'Ofirst\x1bGothird\x1b:wq\r' -- -t dev "vi -n -u NONE $T/edited-$how" >"$T/screen-$how"
	done
	same "$T/edited-through" "$T/edited-straight" "vi: the same file"
	is "$(tr -d ' \n' <"$T/screen-through" | tail -c 9):$(cat "$T/edited-through")" 'status0\n:first
second
third' "with all lines"
else
	skip 2 "vi is not installed"
fi

ok "the broker ends well" stop_broker
done_testing
