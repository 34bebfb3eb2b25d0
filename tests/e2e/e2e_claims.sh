#!/bin/sh
# What is claimed of a commit or a save is what the device did: vendors, words, questions, silence and lost connections.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_broker 'devices: {}'
number=0

# claim TYPE SAYS DID NAME [SETTING=VALUE...]: SAYS is the end of npexec's summary, DID what the device did; the rest is
# how the device is.
claim()
{
	claim_type=$1 claim_says=$2 claim_did=$3 claim_name=$4
	shift 4
	number=$((number + 1))
	case $claim_type in
	cisco_iosxr) set -- before=RP/0/RP0/CPU0: in=RP/0/RP0/CPU0: candidate=yes "$@" ;;
	arista_eos) set -- 'inside=(config-s-np)#' candidate=yes "$@" ;;
	juniper_junos) set -- before=ops@ in=ops@ 'view=> ' 'inside=# ' candidate=yes "$@" ;;
	paloalto_panos) set -- before=ops@ in=ops@ 'view=> ' 'inside=# ' candidate=yes "$@" ;;
	vyos) set -- before=ops@ in=ops@ 'view=:~$ ' 'inside=# ' candidate=yes "$@" ;;
	hp_comware) set -- 'before=<' 'view=>' 'in=[' 'inside=]' "$@" ;;
	huawei_vrpv8) set -- 'before=<' 'view=>' 'in=[' 'inside=]' candidate=yes "$@" ;;
	esac
	_save=
	case $claim_type in cisco_ios | cisco_nxos | cisco_asa | hp_comware | hpe_aruba_aoscx | dell_os10) _save=--save ;; esac
	_i=$#
	while [ "$_i" -gt 0 ]; do
		set -- "$@" --set "$1"
		shift
		_i=$((_i - 1))
	done
	start_simdev "d$number" --scenario claims.txt --listen "127.0.9.$number" "$@"
	run npexec -c --type "$claim_type" $_save "d$number" 'one line'
	like "$err" "$claim_says\$" "$claim_type: $claim_name"
	is "$(sed -n 's/^event [0-9.]* //p' "$T/d$number/events" | grep -v '^committing$' | tr '\n' ' ')" "$claim_did" "as it did"
}

# ---- saved: it was ----

claim cisco_ios 'live and saved' 'saved ' 'saved' does=done 'one=Building configuration...' 'two=[OK]'
claim cisco_ios 'live and saved' 'saved ' 'behind a question, slowly' does=done takes=3 \
	'one=Warning: Attempting to overwrite an NVRAM configuration previously written' \
	'asks=Overwrite the previous NVRAM configuration?[confirm]' yes= 'three=Building configuration...' 'four=[OK]'
claim cisco_nxos 'live and saved' 'saved ' 'bars, and pauses' does=done takes=2 'one=[#                   ]   1%\r\c' \
	'two=[########            ]  40%\r\c' 'three=[####################] 100%' 'four=Copy complete.'
claim hp_comware 'live and saved' 'saved ' 'slot by slot' does=done 'one=Validating file. Please wait...' \
	'two=Configuration is saved to mainboard device successfully.' 'three=Slot 2:' \
	'four=Configuration is saved to device successfully.'

# ---- not saved, or nobody knows ----

claim cisco_ios 'live, not saved' '' 'no space' 'one=Building configuration...' 'two=[OK]' \
	'three=%Error opening nvram:/private-config (No space left on device)'
claim cisco_ios 'live, not saved' 'saved ' 'done, but not said' does=done 'one=Building configuration...'
claim cisco_ios 'live, not saved' '' 'a question that nobody answers' 'asks=Overwrite file [startup-config].... (Y/N)[N] ?'
claim cisco_nxos 'live, not saved' '' 'aborted behind 100%' 'one=[########] 100%' 'two=Configuration update aborted: request was aborted'
claim hp_comware 'live, not saved' '' 'the words of success, denied' 'one=The configuration was not saved successfully.'
claim hpe_aruba_aoscx 'live, not saved' '' 'likewise' 'one=Copying configuration was not successful'
claim cisco_asa 'live, not saved' '' 'locked' 'one=Building configuration...' 'two=ERROR: Configuration is locked by another user'
claim cisco_ios 'live, not saved' 'saved ' 'the connection ends' does=part 'one=Building configuration...'

# ---- committed: it was ----

claim cisco_iosxr 'committed and saved' 'committed ' 'silently' does=done
claim cisco_iosxr 'committed and saved' 'committed ' 'log messages' does=done takes=1 \
	'one=RP/0/RP0/CPU0:Nov 28 12:00:00.123 : config[65693]: %MGBL-CONFIG-6-DB_COMMIT : Configuration committed by user' \
	'three=LC/0/0/CPU0:Nov 28 12:00:01.123 : ifmgr[246]: %PKT_INFRA-LINK-3-UPDOWN : Interface has failed'
claim huawei_vrpv8 'committed' 'committed ' 'with dots' does=done 'one=Committing....done.'
claim arista_eos 'committed' 'committed ' 'with a warning' does=done 'one=! this needs a reload'
claim juniper_junos 'committed and saved' 'committed ' 'two engines, slowly' does=done takes=3 'one=re0: ' \
	'two=configuration check succeeds' 'three=re0: ' 'four=commit complete'
claim paloalto_panos 'committed and saved' 'committed ' 'from the queue' does=done takes=3 \
	'one=Commit job 15 is pending, queue position 2. Use Ctrl+C to return to command prompt' \
	'two=Commit job 15 is in progress. Use Ctrl+C to return to command prompt' 'three=....55%....98%.100%' \
	'four=Configuration committed successfully'
claim vyos 'committed' 'committed ' 'with an archive that failed' does=done 'one=Archiving config...' \
	'two=  sftp://192.0.2.1/config  OK'

# ---- refused: it is thrown away ----

claim cisco_iosxr 'discarded: nothing was changed' 'thrown away ' 'all reverted' \
	'one=% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been reverted.'
claim cisco_iosxr 'discarded: nothing was changed' 'declined thrown away ' 'others have committed' \
	'one=One or more commits have occurred from other configuration sessions since this session started.' \
	'asks=Do you wish to proceed with this commit anyway? [no]:' yes=yes
claim huawei_vrpv8 'discarded: nothing was changed' 'thrown away ' 'locked' 'one=Error: The configuration is locked by other user.'
claim arista_eos 'discarded: nothing was changed' 'thrown away ' 'not valid' 'one=! a warning' 'two=% Invalid config: conflict'
claim juniper_junos 'discarded: nothing was changed' 'thrown away ' 'check-out' 'one=[edit interfaces]' \
	"two=  'ge-0/0/0'" 'three=    bad' 'four=error: configuration check-out failed'
claim paloalto_panos 'discarded: nothing was changed' 'thrown away ' 'failed at 99%' \
	'one=Commit job 16 is in progress. Use Ctrl+C to return to command prompt' 'two=.....55%99%.100%' \
	'three=Error: Threat database handler failed' 'four=Commit failed'
claim vyos 'discarded: nothing was changed' 'thrown away ' 'locked' \
	'one=Configuration system temporarily locked due to another commit in progress'

# ---- nobody knows: neither is claimed ----

unknown='neither committed nor discarded: look at the device'
claim juniper_junos "$unknown" 'thrown away ' 'silence'
claim juniper_junos "$unknown" 'committed ' 'the connection ends' does=part 'one=configuration check succeeds'
claim cisco_iosxr "$unknown" 'committed ' 'likewise' does=part
claim paloalto_panos "$unknown" 'committed thrown away ' 'unknown words behind it' does=done \
	'one=Configuration committed successfully' 'two=Nobody has seen this before'
claim arista_eos "$unknown" 'thrown away ' 'a question' 'asks=Overwrite? [y/n]'
done_testing
