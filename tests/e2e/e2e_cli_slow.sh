#!/bin/sh
# A console at some thousand baud: output comes character by character, and lines that begin with the prompt end nothing.
. "$(dirname "$0")/../kit/lib.sh"
need perl

# In one process: a fork for each character would take as long as the machine's other work lets it.
cat >"$T/console.pl" <<'END'
$| = 1;
sub say { for (split //, $_[0]) { syswrite STDOUT, $_; select undef, undef, undef, 0.001 } }
system 'stty raw -echo 2>/dev/null';
say "\r\nR1#";
while (defined($line = readline STDIN)) {
	$line =~ s/[\r\n]+$//;
	say "$line\r\n";
	say "R1#show clock\r\nfirst line of the output\r\nR1#show version\r\nR1#\r\nlast\r\n" if $line =~ /^show/;
	exit if $line eq 'exit';
	say 'R1#';
}
END
start_sshd console "ForceCommand perl $T/console.pl"
start_broker 'devices: {console: {device_type: cisco_ios, driver: cli}}'

for n in 1 2 3 4 5; do
	run npexec console 'show x'
	is "$status:$out" '0:R1#show clock
first line of the output
R1#show version
R1#
last' "command $n: all of its output"
done

ok "the broker ends well" stop_broker
done_testing
