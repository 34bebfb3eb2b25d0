# Real routers for end-to-end tests: FRR's daemons in a network namespace of their own, behind a real sshd.  Sourced after
# lib.sh.  Needs root, namespaces and the package frr; the daemons run as its user.
#
#   start_frr              starts zebra and staticd, and what they need; $T/frr/run holds their sockets
#   start_vtysh NAME       an sshd whose login shell is vtysh: $port_NAME
#   start_vty NAME         an sshd behind which zebra's own terminal is reached by telnet

frr_daemons=/usr/lib/frr
frr_vty_port=42601

# What stands in the way, or nothing.
frr_missing()
{
	if [ "$uid" -ne 0 ]; then
		echo "needs root"
	elif [ ! -x $frr_daemons/zebra ] || ! command -v vtysh >/dev/null; then
		echo "frr is not installed"
	elif ! unshare -n -m --propagation private true 2>/dev/null; then
		echo "network namespaces are not permitted here"
	fi
}

start_frr()
{
	_frr=$T/frr
	mkdir -p "$_frr/run" "$_frr/etc"
	cat >"$_frr/etc/zebra.conf" <<-END
		hostname r1
		password zebra
		enable password s3cret-word
		banner motd line Lab router r1
		line vty
		 exec-timeout 10 0
	END
	printf 'no service integrated-vtysh-config\nhostname r1\n' >"$_frr/etc/vtysh.conf"
	echo 'hostname r1' >"$_frr/etc/staticd.conf"
	chmod 711 "$T"
	chmod 755 "$_frr"
	chown -R frr:frrvty "$_frr/run" "$_frr/etc"
	chmod 750 "$_frr/run" "$_frr/etc"
	# From FRR 10 on the configuration of staticd comes from mgmtd, whose sockets and file have a fixed place, and zebra
	# complains without end where it is missing.
	unshare -n -m --propagation private sh -c '
		ip link set lo up
		config="-f $2/etc/staticd.conf"
		if [ -x "$1/mgmtd" ] && ! "$1/staticd" --help | grep -q config_file; then
			config=
			mount -t tmpfs none /run && mkdir /run/frr && mount --bind "$2/run" /run/frr && mount --bind "$2/etc" /etc/frr
			"$1/mgmtd" --vty_socket "$2/run" -i "$2/run/mgmtd.pid" --log "file:$2/run/mgmtd.log" &
			tries=0
			until [ -S "$2/run/mgmtd_be.sock" ] || [ $tries -gt 500 ]; do tries=$((tries + 1)); sleep 0.02; done
		fi
		"$1/zebra" --vty_socket "$2/run" -z "$2/run/zserv.api" -i "$2/run/zebra.pid" -f "$2/etc/zebra.conf" \
			-A 127.0.0.1 -P '$frr_vty_port' --log "file:$2/run/zebra.log" &
		tries=0
		until [ -S "$2/run/zserv.api" ] || [ $tries -gt 500 ]; do tries=$((tries + 1)); sleep 0.02; done
		"$1/staticd" --vty_socket "$2/run" -z "$2/run/zserv.api" -i "$2/run/staticd.pid" \
			$config -A 127.0.0.1 -P 42616 --log "file:$2/run/staticd.log" &
		wait' sh $frr_daemons "$_frr" </dev/null >"$_frr/log" 2>&1 &
	if ! wait_until '[ -S "$T/frr/run/staticd.vty" ] && [ -S "$T/frr/run/zebra.vty" ]' 30; then
		diag "FRR does not start: $(head -n 20 "$_frr/log" "$_frr"/run/*.log)"
		exit 1
	fi
}

# A login shell gets -c COMMAND for exec requests: the forced command does the same.
start_vtysh()
{
	cat >"$T/$1.login" <<-END
		#!/bin/sh
		set -- --vty_socket $T/frr/run --config_dir $T/frr/etc
		[ -z "\${SSH_ORIGINAL_COMMAND:-}" ] || set -- "\$@" -c "\$SSH_ORIGINAL_COMMAND"
		exec vtysh "\$@"
	END
	chmod 755 "$T/$1.login"
	start_sshd "$1" "ForceCommand $T/$1.login"
}

start_vty()
{
	cat >"$T/$1.login" <<-END
		#!/bin/sh
		exec nsenter --net=/proc/$(cat "$T/frr/run/zebra.pid")/ns/net telnet -E 127.0.0.1 $frr_vty_port
	END
	chmod 755 "$T/$1.login"
	start_sshd "$1" "ForceCommand $T/$1.login"
}
