#!/bin/sh
# Keeps the layers: a file includes only its own layer or lower ones, and the libraries of the outside world stay in
# the few files that the table names.  A file that is not in the table fails, and so does a row without a file.
#
# Layers: 0 libc only; 1 formats, pure; 2 decisions, pure; 3 the world; 4 wiring; 5 main().  C: client programs, which
# may include each other and what libnpcommon.a holds: layer 0, frame, message.
#
# A row: LAYER FILE [LIBRARY ...], FILE without directory and suffix (it stands for FILE.c and FILE.h).  Checked are
# the #include lines and calls by the libraries' prefixes, because a header can bring a library along unseen.
set -u

srcdir=${srcdir:-.}
AWK=${AWK:-awk}

table='
0 buf
0 clock
0 compiler
0 error
0 glob
0 log pthread
0 operand
0 options
0 paths
0 queue
0 sha1
0 text
0 xalloc

1 algorithm
1 conf
1 conf_check
1 conf_device
1 conf_effective cjson
1 conf_file
1 conf_key
1 conf_lint
1 conf_read
1 conf_show cjson
1 devlist
1 event cjson
1 frame
1 histogram
1 keyblob
1 mask
1 message cjson
1 openmetrics
1 params cjson
1 params_cli cjson
1 params_impl
1 pattern pcre2
1 platform
1 platform_dialogue
1 platform_dirs
1 platform_find
1 platform_impl
1 platform_key
1 platform_lint
1 platform_read
1 platform_show cjson
1 prompt
1 redact
1 sshconf
1 sshconf_expand
1 target
1 target_stamp
1 terminal
1 terminal_impl
1 terminal_line
1 transcript
1 yamldoc yaml
1 yamldoc_text

2 cli
2 cli_ask
2 cli_config
2 cli_impl
2 cli_job
2 cli_line
2 cli_login
2 cli_look
2 cli_op
2 cli_resync
2 echo
2 pool
2 pool_entry
2 pool_impl
2 pool_next
2 pool_serve

3 agent
3 agentproxy pthread
3 auditfile cjson pthread
3 auth libssh
3 auth_answer libssh
3 auth_impl
3 auth_pubkey libssh
3 channel
3 channel_run libssh
3 channel_ssh libssh
3 channel_start libssh
3 child
3 connector libssh ev pthread
3 connector_job libssh ev pthread
3 credential
3 dial libssh
3 hostkey libssh
3 identity libssh
3 knownhosts libssh
3 listener ev cjson
3 netconn
3 notify ev
3 peer ev
3 relay ev
3 resolve libssh
3 session libssh ev
3 session_end libssh ev
3 session_impl libssh ev
3 session_probe libssh
3 shell ev
3 sockfile
3 wake

4 broker cjson ev
4 broker_access
4 broker_audit cjson
4 broker_cli cjson
4 broker_client
4 broker_close cjson
4 broker_config cjson
4 broker_confshow
4 broker_control cjson ev
4 broker_devices cjson
4 broker_detect cjson
4 broker_dispatch cjson
4 broker_driver
4 broker_event cjson ev
4 broker_event_request
4 broker_exec cjson ev
4 broker_impl cjson ev
4 broker_limits ev
4 broker_metrics ev
4 broker_metrics_device
4 broker_metrics_text cjson
4 broker_pool cjson ev
4 broker_prompt cjson ev
4 broker_reload
4 broker_record
4 broker_request cjson ev
4 broker_rules
4 broker_select cjson
4 broker_session cjson
4 broker_shell cjson ev
4 broker_status cjson
4 broker_status_json cjson
4 broker_steer cjson
4 broker_stop ev
4 broker_test cjson
4 broker_trial
4 broker_wait cjson
4 broker_watch cjson
4 inspect cjson

5 main ev

C npclient cjson
C npconnect
C npctl
C npctl_config cjson
C npctl_daemon cjson
C npctl_detail cjson
C npctl_fetch cjson
C npctl_impl cjson
C npctl_metrics cjson
C npctl_open cjson
C npctl_options
C npctl_page cjson
C npctl_platform cjson
C npctl_show cjson
C npctl_status cjson
C npctl_steer cjson
C npctl_test cjson
C npctl_verbs cjson
C npctl_watch cjson
C npexec
C npexec_config cjson
C npexec_gather
C npexec_impl cjson
C npexec_input cjson
C npexec_interrupt cjson
C npexec_job cjson
C npexec_message cjson
C npexec_options cjson
C npexec_output cjson
C npexec_override cjson
C npexec_progress
C npexec_report cjson
C npexec_request cjson
C npexec_run cjson
C npexec_sink
C npexec_source
C npexec_tty
C npfold
C npjson cjson
C npprompt cjson
C npsignal
C npstart
C npstdio
C nptop
C nptop_broker cjson
C nptop_layout
C nptop_model cjson
C nptop_page cjson
C nptop_screen curses
C nptop_ui cjson
C nptop_view
'

cd "$srcdir" || exit 99

# awk reads the table from standard input, then the sources named as arguments.
printf '%s' "$table" | "$AWK" '
function stem(path) {
	sub(/.*\//, "", path)
	sub(/\.[ch]$/, "", path)
	return path
}

# A library that a file uses though its row does not name it.
function want_library(library, how) {
	if (!((file, library) in allowed))
		complain(how " (" library ")")
}

function complain(text) {
	print "# " FILENAME ":" FNR ": " text
	bad = 1
}

function finish_file() {
	if (path == "")
		return
	count++
	print (bad ? "not ok " : "ok ") count " - " path
}

function check_include(header,   other) {
	if (header in library_of) {
		want_library(library_of[header], "includes " header)
		return
	}
	other = stem(header)
	if (!(other in layer) || header !~ /^[a-z0-9_]+\.h$/)
		return
	if (layer[file] == "C") {
		if (layer[other] != "C" && layer[other] != 0 && other != "frame" && other != "message")
			complain("includes " header ", which clients may not")
	} else if (layer[other] == "C" || layer[other] > layer[file]) {
		complain("layer " layer[file] " includes " header " of layer " layer[other])
	}
}

BEGIN {
	library_of["ev.h"] = prefix["ev_"] = "ev"
	library_of["pthread.h"] = prefix["pthread_"] = "pthread"
	library_of["libssh/libssh.h"] = prefix["ssh_"] = "libssh"
	library_of["libssh/callbacks.h"] = "libssh"
	library_of["libssh/server.h"] = "libssh"
	library_of["cjson/cJSON.h"] = prefix["cJSON_"] = "cjson"
	library_of["yaml.h"] = prefix["yaml_"] = "yaml"
	library_of["pcre2.h"] = prefix["pcre2_"] = "pcre2"
	library_of["curses.h"] = library_of["term.h"] = "curses"
}

FILENAME == "-" {
	if (NF == 0)
		next
	if ($2 in layer)
		complain($2 " is in the table twice")
	layer[$2] = $1
	for (i = 3; i <= NF; i++)
		allowed[$2, $i] = 1
	next
}

FNR == 1 {
	finish_file()
	path = FILENAME
	file = stem(path)
	bad = 0
	comment = 0
	seen[file] = 1
	if (!(file in layer)) {
		complain("not in the table of tests/check_layers.sh")
		layer[file] = 5
	} else if ((layer[file] == "C") != (path ~ /^client\//)) {
		complain("the table has it in the wrong directory")
	}
}

# The line without comments, strings and character constants, all of which may name what code may not.
function code_of(line,   out, end) {
	out = ""
	if (comment) {
		end = index(line, "*/")
		if (!end)
			return ""
		comment = 0
		line = substr(line, end + 2)
	}
	while (match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)+\047|\/\*|\/\//)) {
		out = out substr(line, 1, RSTART - 1) " "
		if (substr(line, RSTART, 2) == "//")
			return out
		if (substr(line, RSTART, 2) != "/*") {
			line = substr(line, RSTART + RLENGTH)
			continue
		}
		line = substr(line, RSTART + 2)
		end = index(line, "*/")
		if (!end) {
			comment = 1
			return out
		}
		line = substr(line, end + 2)
	}
	return out line
}

!comment && /^[ \t]*#[ \t]*include/ {
	header = $0
	sub(/^[^<"]*[<"]/, "", header)
	sub(/[>"].*$/, "", header)
	check_include(header)
	next
}

{
	line = " " code_of($0)
	for (p in prefix)
		if (match(line, "[^A-Za-z0-9_]" p "[A-Za-z0-9_]+[(]"))
			want_library(prefix[p], "calls " substr(line, RSTART + 1, RLENGTH - 2) "()")
}

END {
	finish_file()
	for (f in layer) {
		if (f in seen)
			continue
		count++
		print "not ok " count " - " f " is in the table but no file"
	}
	print "1.." count
}
' - src/*.[ch] client/*.[ch]
