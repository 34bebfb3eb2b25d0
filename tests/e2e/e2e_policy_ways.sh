#!/bin/sh
# What a client that may only look tries on every platform: each way is denied before anything is asked of the device.
. "$(dirname "$0")/../kit/lib.sh"
need jq

# Nobody is at port 1: what is not denied ends with another reason.
platforms=$(cd "$tests/../src/platform/vendors" && ls | sed 's/\.yaml$//')
{
	echo devices:
	for _p in $platforms; do
		echo "  $_p: {host: 127.0.0.1, port: 1, device_type: $_p, username: admin, password: x}"
	done
	echo "  other: {host: 127.0.0.1, port: 1, device_type: cisco_ios, username: admin, password: x}"
	echo "  exec: {host: 127.0.0.1, port: 1, username: admin, password: x}"
} >"$T/devices"
mkdir -m 711 "$T/agent"
start_broker "
sockets:
  - {path: $T/agent/look, role: look}
  - {path: $T/agent/show, role: show}
  - {path: $T/agent/one, role: one}
  - {path: $T/agent/any, role: any}
policy:
  - {role: any, devices: ['cisco_*', 'core*', 'EDGE1', '192.0.2.*', '127.*'], then: deny}
  - {role: any, may: [adhoc], then: allow}
  - {role: look, command: read_only, then: allow}
  - {role: one, devices: ['cisco_*'], command: 'show .*', then: allow}
  - {role: show, command: ['(show|display|get|info)( .*)?'], then: allow}
$(cat "$T/devices")"

# What harms whatever the platform is, or could.
cat >"$T/ways.tsv" <<'END'
"conf"
"conf t"
"configure"
"configure terminal"
"CONFIGURE TERMINAL"
"configure private"
"configure exclusive"
"configure replace flash:x force"
"con t"
"c t"
"edit"
"edit exclusive"
"enter candidate"
"system-view"
"sys"
"config global"
"config vdom"
"reload"
"rel"
"relo"
"RELOAD"
"reload in 1"
"reboot"
"request system reboot"
"req sys reb"
"execute reboot"
"/system reboot"
"/system/reboot"
"admin reboot"
"write"
"wr"
"wr mem"
"write erase"
"copy run start"
"copy tftp://192.0.2.1/x running-config"
"cop run start"
"delete flash:x"
"del x"
"erase startup-config"
"format flash:"
"save"
"save force"
"commit"
"rollback 1"
"load override x"
"set system host-name x"
"delete system"
"clear counters"
"cle counters"
"reset saved-configuration"
"undo sysname"
"debug all"
"deb all"
"test x"
"tclsh"
"tclsh flash:x"
"event manager run x"
"bash"
"run bash"
"run show version"
"start shell"
"start shell user root"
"guestshell run bash"
"python"
"tools perform x"
"file delete x"
"file show /etc/shadow | no-more"
"monitor capture x export flash:y"
"enable"
"en"
"disable"
"do show version"
"do reload"
"exit"
"end"
"quit"
"logout"
"exec x"
"alias exec show reload"
"terminal length 0"
"term mon"
"telnet 192.0.2.1"
"ssh admin@core1"
"su"
"sudo show"
"no ip routing"
"shutdown"
"s"
"x show version"
"showx"
"show-x"
"show.version"
"show/version"
"show:x"
"show,reload"
"reload show"
"-show"
"/show"
"./show"
"*show"
"~show"
"=show"
"@show"
"%show"
"show version;reload"
"show version ; reload"
";show version"
"show version;"
"show version&&reload"
"show version&reload"
"show version||reload"
"show version|reload"
"show `reload`"
"show $(reload)"
"show ${IFS}x"
"show $x"
"show $"
"show <x"
"show <(reload)"
"show >x"
"show version >x"
"show version >>x"
"show version > flash:x"
"show version 2>x"
"show (x)"
"show [x]"
"show {x}"
"show !reload"
"!show"
"show version !"
"show #"
"#show"
"show ^Z"
"show \\"
"show version \\"
"show \\\nreload"
"show \\n reload"
"\\show"
"\"show\" version"
"show \"version"
"show 'version"
"show version | redirect flash:x"
"show version | redirect tftp://192.0.2.1/x"
"show version | red flash:x"
"show version|redirect flash:x"
"show version | REDIRECT flash:x"
"show version | tee flash:x"
"show version | tee /append flash:x"
"show version | append flash:x"
"show version | app flash:x"
"show version | save x"
"show version | sav x"
"show version | file disk0:/x"
"show version | utility tail"
"show version | utility sh"
"show version | copy x"
"show version | write x"
"show version | to-file x"
"show version | tftp 192.0.2.1"
"show version | email x"
"show version | request message all x"
"show version | compare /var/tmp/x"
"show version | refresh 1"
"show version | hold"
"show version | monitor"
"show version | vsh"
"show version | sed w,x"
"show version | awk x"
"show version | perl"
"show version | python"
"show version | bash"
"show version | sh"
"show version | xargs reload"
"show version | dd of=x"
"show version | sort -o x"
"show version | less"
"show version | more"
"show version | vi"
"show version | ftp x"
"show version | source x"
"show version | diff x"
"show version | human"
"show version | last -o x"
"show version | include x | redirect flash:y"
"show version | include x | tee y"
"show version | include x ; reload"
"show version | include x;reload"
"show version | include x > y"
"show version | include x >y"
"show version | include x & reload"
"show version | include $(reload)"
"show version | include `reload`"
"show version | include ${x}"
"show version | include x\\"
"show version | include x\\\nreload"
"show version | include \"x"
"show version | include 'x"
"show version | include \"x\" \"y"
"show version | include x\nreload"
"show version | include x\rreload"
"show version | include x\u001breload"
"show version | include x ?"
"show version | include x\t"
"show version | include !x"
"show version | count ; reload"
"show version | no-more ; reload"
"show version | no-more > x"
"show version | match x | save y"
"show version | match x > y"
"show version | find x ; reload"
"show version | find -delete"
"show version | display set | save x"
"show version | grep -f /etc/shadow x"
"show version | section x | append y"
"show version |"
"show version ||"
"show version | |"
"show version | | include x"
"| include x"
"| reload"
"show version | \ninclude x"
""
" "
"\n"
"\r"
"\r\n"
"\t"
"\nshow version"
"\rreload\rshow version"
"show version\n"
"show version\r"
"show version\r\nreload"
"show version\nreload"
"show version\n\nreload"
"show version\u000breload"
"show version\u000creload"
"show version\u0085reload"
"show version\u2028reload"
"show version\u2029reload"
"show\u00a0version"
"show\u2003version"
"show\u3000version"
"show\ufeffversion"
"show\u200bversion"
"\u202eshow version"
"ѕhow version"
"ｓｈｏｗ version"
"show version\u003breload"
"show \u0003reload"
"show \u0004"
"show \u001a"
"show \u001areload"
"show \u0015reload"
"show \u0017\u0017reload"
"show \u0016\nreload"
"show \u0018reload"
"show \u0001reload \u000b"
"show \u0010"
"show \u000e"
"show \u001b[A"
"show \u001bOA"
"show \u009b2K"
"show x\b\b\b\b\b\breload"
"show x\u007f\u007f\u007f\u007f\u007f\u007freload"
"show \u001c"
"show \u001d"
"show \u001e"
"show \u001f"
"show ver\t"
"sh\tver"
"show\tversion"
"show ?"
"show version ?"
"?"
"show version?\breload"
END

# What else a request can say: METHOD PARAMS.
cat >"$T/params" <<'END'
exec "device":"cisco_ios","device":"other","command":"show clock"
exec "device":"other","device":"cisco_ios","command":"show clock"
exec "device":"cisco_ios","command":"show clock","command":"reload"
exec "device":"cisco_ios","command":"show clock","commands":["reload"]
exec "device":"cisco_ios","command":"show clock","command_base64":"cmVsb2Fk"
exec "device":"cisco_ios","command_base64":"cmVsb2Fk"
exec "device":"cisco_ios","command_base64":"c2hvdyBjbG9jawByZWxvYWQ="
exec "device":"cisco_ios","command_base64":"AHNob3c="
exec "device":"cisco_ios","commands":["show clock","reload"]
exec "device":"cisco_ios","commands":["show clock",{"command":"reload"}]
exec "device":"cisco_ios","commands":["show clock",""]
exec "device":"cisco_ios","commands":["show","clock;reload"]
exec "device":"cisco_ios","command":["reload"]
exec "device":"cisco_ios"
exec "device":"cisco_ios","stdin":"reload"
exec "device":"cisco_ios","lines":true,"command":"reload"
exec "device":"cisco_ios","lines":true,"overrides":{"driver":"exec"}
exec "device":"cisco_ios","lines":true,"overrides":{"device_type":"linux"}
exec "device":"cisco_ios","lines":true,"overrides":{"password_command":"id"}
exec "device":"cisco_ios","lines":true,"overrides":{"max_idle_time":1}
exec "device":{"host":"127.0.0.1","device_type":"cisco_ios"},"lines":true
exec "device":"exec","lines":true
exec "device":"other","lines":true
exec "device":"cisco_ios","subsystem":"sftp"
exec "device":"cisco_ios","subsystem":"show clock"
exec "device":"cisco_ios","connect":"127.0.0.1:22"
exec "device":"cisco_ios","connect":"/run/docker.sock"
exec "device":"cisco_ios","command":"show clock","connect":"127.0.0.1:22"
exec "device":"cisco_ios","command":"show clock","pty":true,"modes":"AA=="
exec "device":"cisco_ios","command":"show clock","env":{"LD_PRELOAD":"x"},"env_optional":true
exec "device":"cisco_ios","command":"show clock","answers":[{"match":"x","answer":"y"}]
exec "device":"cisco_ios","command":"show clock","overrides":{"host":"192.0.2.1"}
exec "device":"cisco_ios","command":"show clock","overrides":{"device_type":"linux"}
exec "device":"cisco_ios","command":"show clock","overrides":{"driver":"exec"}
exec "device":"cisco_ios","command":"show clock","overrides":{"username":"root"}
exec "device":"cisco_ios","command":"show clock","overrides":{"password":"x"}
exec "device":"cisco_ios","command":"show clock","overrides":{"password_command":"id"}
exec "device":"cisco_ios","command":"show clock","overrides":{"password_file":"/etc/shadow"}
exec "device":"cisco_ios","command":"show clock","overrides":{"proxy_command":"id"}
exec "device":"cisco_ios","command":"show clock","overrides":{"jump":"other"}
exec "device":"cisco_ios","command":"show clock","overrides":{"ssh_config":"/tmp/x"}
exec "device":"cisco_ios","command":"show clock","overrides":{"private_key":"/root/.ssh/id_rsa"}
exec "device":"cisco_ios","command":"show clock","overrides":{"credential":"x"}
exec "device":"cisco_ios","command":"show clock","overrides":{"max_idle_time":1}
exec "device":{"name":"cisco_ios"},"command":"show clock"
exec "device":{"host":"cisco_ios"},"command":"show clock"
exec "device":{"host":"127.0.0.1","name":"cisco_ios","port":1},"command":"show clock"
exec "device":{"host":"127.0.0.1","host":"cisco_ios"},"command":"show clock"
exec "device":["cisco_ios"],"command":"show clock"
exec "device":"","command":"show clock"
exec "device":"CISCO_IOS","command":"show clock"
exec "device":" cisco_ios","command":"show clock"
exec "device":"cisco_ios ","command":"show clock"
exec "device":"cisco_ios.","command":"show clock"
exec "device":"cisco_ios,other","command":"show clock"
exec "device":"cisco_ios:1","command":"show clock"
exec "device":"admin@cisco_ios","command":"show clock"
exec "device":"admin@cisco_ios:1","command":"show clock"
exec "device":"@edge","command":"show clock"
exec "device":"*","command":"show clock"
exec "device":"ssh://cisco_ios","command":"show clock"
exec "device":"-oProxyCommand=id","command":"show clock"
exec "device":"127.0.0.1","command":"show clock"
exec "device":"[::1]","command":"show clock"
exec "device":"localhost","command":"show clock"
exec "device":"other","command":"show clock"
exec "device":"cisco_ios","command":"show clock","role":"main"
config "device":"cisco_ios"
config "device":"cisco_ios","dry_run":true
record "device":"cisco_ios","commands":["show clock"]
platform_test "device":"cisco_ios"
open "device":"cisco_ios","fresh":true
test "device":"cisco_ios","login":true
mux "device":"cisco_ios","present":true
close "all":true
close "devices":["cisco_ios"]
kill "id":1
confirm "id":1,"allow":true
pause "devices":["cisco_ios"]
drain "devices":["@edge","other"]
status "device":"cisco_ios"
config_show "device":"cisco_ios"
watch "device":"cisco_ios"
watch "confirm":true
stop "now":true
hand_over 
sync 
reload 
END

# The names that lead to what is denied to whoever may have any other device.
cat >"$T/names" <<'END'
{"name":"core1"}
{"name":"root@core1"}
{"name":"root@core1:1"}
{"name":"cisco_ios"}
{"name":"CISCO_IOS"}
{"host":"core1"}
{"host":null,"name":"core1"}
{"host":"core1","name":"x"}
{"host":"CORE1"}
{"host":"core1."}
{"host":127.1}
{"name":127.1}
"core1"
"CORE1"
"core1."
"Core1.:1"
"root@CORE1"
"root@core1.:1"
"edge1"
"CISCO_IOS"
"root@Cisco_ios."
"192.0.2.1."
END

# all_refused ROLE REASONS NAME: each line of $T/asks is answered by one of the reasons.
all_refused()
{
	nprpc -S "$T/agent/$1" -t 20 <"$T/asks" >"$T/answers" 2>&1
	jq -r --arg reasons "$2" '(.error.data.reason // "") as $r | select($reasons | split(" ") | index($r)) | .id' \
		"$T/answers" | sort >"$T/refused"
	seq "$(grep -c . "$T/asks")" | sort >"$T/all"
	is "$(comm -3 "$T/all" "$T/refused" | head -n 20 | while read -r _n; do sed -n "${_n}p" "$T/asks"; done)" "" "$3"
}
_id=0
for _p in $platforms exec; do
	while IFS= read -r _command; do
		_id=$((_id + 1))
		printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"%s","command":%s}}\n' $_id $_p "$_command"
	done <"$T/ways.tsv"
done >"$T/asks"
all_refused show denied "whoever may show can do nothing else ($(grep -c . "$T/ways.tsv") ways, each platform)"
all_refused look denied "nor who may look"
_id=0
while read -r _method _params; do
	_id=$((_id + 1))
	printf '{"jsonrpc":"2.0","id":%d,"method":"%s","params":{%s}}\n' $_id "$_method" "$_params"
done <"$T/params" >"$T/asks"
all_refused one 'denied invalid_params' "nor do it in another way"
_id=0
while read -r _device; do
	_id=$((_id + 1))
	printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":%s,"command":"x"}}\n' $_id "$_device"
done <"$T/names" >"$T/asks"
all_refused any denied "no spelling of a name gets around a denial"
is "$(npctl --json status | jq '[.requests[], .devices[]?.sessions[]?] | length')" 0 "nothing was begun"
unlike "$(cat "$T/broker.log")" 'connecting to' "and nobody dialled"
done_testing
