/*
 * Tests of src/cli/cli_config.c and of privilege: scripts for the scripted device (clidev.h).  The numbers are those of
 * the list of hard cases.
 */
#include "kit/clidev.h"

/* To READY at R1# of a Cisco IOS: changes are live. */
#define IOS                                                                                                            \
	"platform cisco_ios\n"                                                                                         \
	"begin\n"                                                                                                      \
	"< R1#\n.\n+ 0.1\n> \\n\n"                                                                                     \
	"< \\r\\nR1#\n.\n> terminal length 0\\n\n"                                                                     \
	"< terminal length 0\\r\\nR1#\n.\n> terminal width 511\\n\n"                                                   \
	"< terminal width 511\\r\\nR1#\n.\n"                                                                           \
	"! ready\n"

#define IOS_ENTER                                                                                                      \
	"> configure terminal\\n\n"                                                                                    \
	"< configure terminal\\r\\nEnter configuration commands, one per line.  End with "                             \
	"CNTL/Z.\\r\\nR1(config)#\n.\n"

#define IOS_LEAVE                                                                                                      \
	"> end\\n\n"                                                                                                   \
	"< end\\r\\nR1#\n.\n"

/* To READY at ops@mx1> of a Junos: a candidate. */
#define STEP(command, prompt) "> " command "\\n\n< " command "\\r\\n\\r\\n" prompt "\n.\n"
#define OPER "ops@mx1> "
#define EDIT "[edit]\\r\\nops@mx1# "
#define JUNOS                                                                                                          \
	"platform juniper_junos\n"                                                                                     \
	"begin\n"                                                                                                      \
	"< --- JUNOS 21.4R1\\r\\nops@mx1> \n.\n+ 0.1\n> \\n\n"                                                         \
	"< \\r\\n\\r\\nops@mx1> \n.\n" STEP("set cli screen-length 0", OPER) STEP("set cli screen-width 0", OPER)      \
	    STEP("set cli complete-on-space off", OPER) STEP("set cli timestamp disable", OPER) "! ready\n"

#define JUNOS_ENTER STEP("configure exclusive", EDIT)
#define JUNOS_LEAVE                                                                                                    \
	"> exit configuration-mode\\n\n< exit configuration-mode\\r\\nExiting configuration mode\\r\\n\\r\\nops@mx1> " \
	"\n.\n"

#define RESYNC_IOS "> \\x03\n< ^C\\r\\nR1(config)#\n.\n+ 0.2\n> ! \\N\\n\n< ! \\N\\r\\nR1(config)#\n.\n"

static const struct clidev_script scripts[] = {
    {"every line is typed at its prompt, and configuration mode is left",
	IOS "| interface Loopback0\n"
	    "| \n"
	    "|  description test\n"
	    "config\n" IOS_ENTER "> interface Loopback0\\n\n"
	    "< interface Loopback0\\r\\nR1(config-if)#\n.\n"
	    "! line 0 ok\n"
	    "> \\sdescription test\\n\n"
	    "<  description test\\r\\nR1(config-if)#\n.\n"
	    "! line 2 ok\n" IOS_LEAVE "! result ok mode priv\n"
	    "! tally 2 ok 0 failed 0 not_run live\n"
	    "! ready\n"},
    {"it is saved only when asked for", IOS "| ntp server 1.1.1.1\n"
					    "config save\n" IOS_ENTER "> ntp server 1.1.1.1\\n\n"
					    "< ntp server 1.1.1.1\\r\\nR1(config)#\n.\n"
					    "! line 0 ok\n" IOS_LEAVE "> write memory\\n\n"
					    "< write memory\\r\\nBuilding configuration...\\r\\n[OK]\\r\\nR1#\n.\n"
					    "! result ok mode priv\n"
					    "! tally 1 ok 0 failed 0 not_run saved live\n"
					    "! ready\n"},
    {"saving may ask, and only that question is answered",
	IOS "| ntp server 1.1.1.1\n"
	    "config save\n" IOS_ENTER "> ntp server 1.1.1.1\\n\n"
	    "< ntp server 1.1.1.1\\r\\nR1(config)#\n.\n"
	    "! line 0 ok\n" IOS_LEAVE "> write memory\\n\n"
	    "< write memory\\r\\nOverwrite the previous NVRAM configuration?[confirm]\n.\n"
	    "> \\n\n"
	    "< \\r\\n[OK]\\r\\nR1#\n.\n"
	    "! result ok\n"
	    "! tally 1 ok 0 failed 0 not_run saved live\n"
	    "! ready\n"},
    {"case 60: the third line of five fails: the rest is not sent, nothing saved, and what is live is told",
	IOS "| a\n| b\n| c\n| d\n| e\n"
	    "config save\n" IOS_ENTER "> a\\n\n< a\\r\\nR1(config)#\n.\n! line 0 ok\n"
	    "> b\\n\n< b\\r\\nR1(config)#\n.\n! line 1 ok\n"
	    "> c\\n\n< c\\r\\n% Invalid input detected at '^' marker.\\r\\n\\r\\nR1(config)#\n.\n"
	    "! line 2 failed % Invalid input detected at '^' marker.\n"
	    "! line 3 not_run\n"
	    "! line 4 not_run\n"
	    "= % Invalid input detected at '^' marker.\n"
	    "= \n" IOS_LEAVE "! result config_rejected mode priv\n"
	    "! says 2 lines are live, nothing was saved: line 3: % Invalid input\n"
	    "! tally 2 ok 1 failed 2 not_run live\n"
	    "! ready\n"},
    {"what is not run is one event, however many lines it is",
	IOS "| a\n| \n| b\n|  \n| c\n| \n"
	    "config\n" IOS_ENTER "> a\\n\n< a\\r\\n% Invalid input detected\\r\\nR1(config)#\n.\n"
	    "! line 0 failed % Invalid input detected\n"
	    "! lines 2 to 4, 2\n"
	    "= % Invalid input detected\n" IOS_LEAVE "! result config_rejected\n"
	    "! tally 0 ok 1 failed 2 not_run live\n"
	    "! ready\n"},
    {"keep going: all lines are sent, the error is told, nothing is saved",
	IOS "| a\n| b\n| c\n"
	    "config keep_going save\n" IOS_ENTER "> a\\n\n< a\\r\\n% Invalid input detected\\r\\nR1(config)#\n.\n"
	    "! line 0 failed % Invalid input detected\n"
	    "> b\\n\n< b\\r\\nR1(config)#\n.\n! line 1 ok\n"
	    "> c\\n\n< c\\r\\nR1(config)#\n.\n! line 2 ok\n"
	    "= % Invalid input detected\n" IOS_LEAVE "! result config_rejected\n"
	    "! tally 2 ok 1 failed 0 not_run live\n"
	    "! ready\n"},
    {"configuration mode is refused: no line runs as a command",
	IOS "| reload\n"
	    "config\n"
	    "> configure terminal\\n\n"
	    "< configure terminal\\r\\n% Error: locked by another user\\r\\nR1#\n.\n"
	    "! line 0 not_run\n"
	    "! result config_rejected mode priv\n"
	    "! says entering configuration mode failed: % Error: locked by another user\n"
	    "! ready\n"},
    {"configuration mode is not entered, without a word",
	IOS "| reload\n"
	    "config\n"
	    "> configure terminal\\n\n"
	    "< configure terminal\\r\\nR1#\n.\n"
	    "! line 0 not_run\n"
	    "! result config_rejected mode priv\n"
	    "! says configuration mode was not entered: the prompt is that of mode priv\n"
	    "! ready\n"},
    {"a line that leaves configuration mode ends it: what follows would run as a command",
	IOS "| end\n| reload\n"
	    "config\n" IOS_ENTER "> end\\n\n< end\\r\\nR1#\n.\n"
	    "! line 0 ok\n"
	    "! line 1 not_run\n"
	    "! result config_rejected mode priv\n"
	    "! says line 1 left configuration mode\n"
	    "! ready\n"},
    {"the line that left it is named, and not the blank ones behind it",
	IOS "| end\n| \n| \n| hostname X\n"
	    "config\n" IOS_ENTER "> end\\n\n< end\\r\\nR1#\n.\n"
	    "! line 0 ok\n"
	    "! line 3 not_run\n"
	    "! result config_rejected mode priv\n"
	    "! says line 1 left configuration mode\n"
	    "! ready\n"},
    {"`end` as the last line is what people write",
	IOS "| a\n| end\n"
	    "config\n" IOS_ENTER "> a\\n\n< a\\r\\nR1(config)#\n.\n! line 0 ok\n"
	    "> end\\n\n< end\\r\\nR1#\n.\n! line 1 ok\n"
	    "! result ok mode priv\n"
	    "! ready\n"},
    {"case 60: a hostname inside the configuration",
	IOS "| hostname CORE\n| ip routing\n"
	    "config\n" IOS_ENTER "> hostname CORE\\n\n< hostname CORE\\r\\nCORE(config)#\n.\n! line 0 ok\n"
	    "> ip routing\\n\n< ip routing\\r\\nCORE(config)#\n.\n! line 1 ok\n"
	    "> end\\n\n< end\\r\\nCORE#\n.\n"
	    "! result ok mode priv\n"
	    "? prompt CORE#\n"
	    "! ready\n"},
    {"a banner of several lines goes as one",
	IOS "| banner motd #\n| hello\n| there #\n| ip routing\n"
	    "config\n" IOS_ENTER "> banner motd #\\n\n"
	    "< banner motd #\\r\\nEnter TEXT message.  End with the character '#'.\\r\\n\n.\n"
	    "+ 0.4\n"
	    "> hello\\n\n< hello\\r\\n\n.\n+ 0.1\n"
	    "> there #\\n\n< there #\\r\\nR1(config)#\n.\n"
	    "! line 0 ok\n! line 1 ok\n! line 2 ok\n"
	    "= Enter TEXT message.  End with the character '#'.\n"
	    "> ip routing\\n\n< ip routing\\r\\nR1(config)#\n.\n! line 3 ok\n" IOS_LEAVE "! result ok\n"
	    "! ready\n"},
    {"keep going: what belongs to a text that was refused is not typed, the line behind it is",
	IOS "| banner motd #\n| reload\n| #\n| ip routing\n"
	    "config keep_going\n" IOS_ENTER "> banner motd #\\n\n"
	    "< banner motd #\\r\\n% Invalid input detected\\r\\nR1(config)#\n.\n"
	    "! line 0 failed % Invalid input detected\n"
	    "! line 1 not_run\n! line 2 not_run\n"
	    "= % Invalid input detected\n"
	    "> ip routing\\n\n< ip routing\\r\\nR1(config)#\n.\n! line 3 ok\n" IOS_LEAVE "! result config_rejected\n"
	    "! tally 1 ok 1 failed 2 not_run live\n"
	    "! ready\n"},
    {"a line that asks without an answer ends it: interrupted, proven, left",
	IOS "| crypto key generate\n| b\n"
	    "config\n" IOS_ENTER "> crypto key generate\\n\n"
	    "< crypto key generate\\r\\n% You already have keys. Replace them? [yes/no]: \n.\n"
	    "+ 0.2\n"
	    "! line 0 failed the device asks `% You already have keys. Replace them? [yes/no]: `\n"
	    "= % You already have keys. Replace them? [yes/no]: \\c\n" RESYNC_IOS "! line 1 not_run\n" IOS_LEAVE
	    "! result waiting_for_input mode priv\n"
	    "! tally 0 ok 1 failed 1 not_run live\n"
	    "! ready\n"},
    {"case 54: the client leaves while a line is in flight: that line ends, then configuration mode is left",
	IOS "| a\n| b\n"
	    "config\n" IOS_ENTER "> a\\n\n"
	    "cancel\n"
	    "? state running\n"
	    "< a\\r\\nR1(config)#\n.\n"
	    "! line 0 ok\n"
	    "! line 1 not_run\n" IOS_LEAVE "! result cancelled mode priv\n"
	    "! tally 1 ok 0 failed 1 not_run live\n"
	    "! ready\n"},
    {"a candidate is committed when every line passed",
	JUNOS "| set system host-name mx1\n"
	      "config\n" JUNOS_ENTER STEP("set system host-name mx1",
		  EDIT) "! line 0 ok\n"
			"> commit\\n\n"
			"< commit\\r\\ncommit complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result ok mode oper\n"
			"! tally 1 ok 0 failed 0 not_run committed saved\n"
			"! ready\n"},
    {"a candidate with a failed line is thrown away, and never committed", JUNOS
	"| set system bad\n| set system good\n"
	"config\n" JUNOS_ENTER "> set system bad\\n\n"
	"< set system bad\\r\\n                ^\\r\\nsyntax error.\\r\\n\\r\\n" EDIT "\n.\n"
	"! line 0 failed syntax error.\n"
	"! line 1 not_run\n"
	"=                 ^\n"
	"= syntax error.\n"
	"> rollback 0\\n\n"
	"< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result config_rejected mode oper\n"
	"! says line 1: syntax error.\n"
	"! tally 0 ok 1 failed 1 not_run aborted\n"
	"! ready\n"},
    {"case 60: the commit fails: thrown away, and the device's words are told", JUNOS
	"| set a\n"
	"config\n" JUNOS_ENTER STEP("set a", EDIT) "! line 0 ok\n"
						   "> commit\\n\n"
						   "< commit\\r\\nerror: commit failed: bad\\r\\n\\r\\n" EDIT "\n.\n"
						   "> rollback 0\\n\n"
						   "< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT
						   "\n.\n" JUNOS_LEAVE "! result config_rejected mode oper\n"
						   "! says the commit failed: error: commit failed: bad\n"
						   "! tally 1 ok 0 failed 0 not_run aborted\n"
						   "! ready\n"},
    {"a commit that does not say that it worked has failed", JUNOS
	"| set a\n"
	"config\n" JUNOS_ENTER STEP("set a", EDIT) "! line 0 ok\n" STEP("commit",
	    EDIT) "> rollback 0\\n\n"
		  "< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result outcome_unknown\n"
		  "! says the commit is not proven: the device did not say that it worked\n"
		  "! tally 1 ok 0 failed 0 not_run\n"
		  "! ready\n"},
    {"case 60: the lock is held by another user",
	JUNOS "| set a\n"
	      "config\n"
	      "> configure exclusive\\n\n"
	      "< configure exclusive\\r\\nerror: configuration database locked by:\\r\\n  root terminal p0 (pid "
	      "1)\\r\\n\\r\\n" OPER "\n.\n"
	      "! line 0 not_run\n"
	      "! result config_rejected mode oper\n"
	      "! says error: configuration database locked by:\n"
	      "! ready\n"},
    {"a dry run checks, shows what the check says, and throws away",
	JUNOS "| set a\n"
	      "config dry_run\n" JUNOS_ENTER STEP("set a",
		  EDIT) "! line 0 ok\n"
			"> show | compare\\n\n"
			"< show | compare\\r\\n[edit]\\r\\n+ a;\\r\\n\\r\\n" EDIT "\n.\n= [edit]\n= + a;\n"
			"> commit check\\n\n"
			"< commit check\\r\\nconfiguration check "
			"succeeds\\r\\n\\r\\n" EDIT "\n.\n"
			"= configuration check succeeds\n"
			"> rollback 0\\n\n"
			"< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result ok mode oper\n"
			"! tally 1 ok 0 failed 0 not_run aborted\n"
			"! ready\n"},
    {"a confirmed commit",
	JUNOS "| set a\n"
	      "config confirm 5\n" JUNOS_ENTER STEP("set a", EDIT) "! line 0 ok\n"
								   "> commit confirmed 5\\n\n"
								   "< commit confirmed 5\\r\\ncommit confirmed will be "
								   "automatically rolled back in 5 minutes unless "
								   "confirmed\\r\\ncommit complete\\r\\n\\r\\n" EDIT
								   "\n.\n" JUNOS_LEAVE "! result ok\n"
								   "! tally 1 ok 0 failed 0 not_run committed\n"
								   "! ready\n"},
    {"no lines: the commit alone, which confirms an earlier one",
	JUNOS "config\n" JUNOS_ENTER "> commit\\n\n"
	      "< commit\\r\\ncommit complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result ok\n"
	      "! ready\n"},
    {"case 54: the client leaves: the candidate is thrown away and the lock freed",
	JUNOS "| set a\n| set b\n"
	      "config\n" JUNOS_ENTER "> set a\\n\n"
	      "cancel\n"
	      "< set a\\r\\n\\r\\n" EDIT "\n.\n"
	      "! line 0 ok\n! line 1 not_run\n"
	      "> rollback 0\\n\n"
	      "< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result cancelled mode oper\n"
	      "! tally 1 ok 0 failed 1 not_run aborted\n"
	      "! ready\n"},
    {"a line without an end: interrupted, proven, thrown away, left", JUNOS
	"| set a\n| set b\n"
	"config\n" JUNOS_ENTER "> set a\\n\n"
	"< set a\\r\\n\n.\n"
	"+ 60.05\n"
	"! line 0 failed no output came within the limit\n"
	"> \\x03\n"
	"< ^C\\r\\n" EDIT "\n.\n+ 0.2\n"
	"> # \\N\\n\n< # \\N\\r\\n\\r\\n" EDIT "\n.\n"
	"! line 1 not_run\n"
	"> rollback 0\\n\n"
	"< rollback 0\\r\\nload complete\\r\\n\\r\\n" EDIT "\n.\n" JUNOS_LEAVE "! result first_byte_timeout mode oper\n"
	"! tally 0 ok 1 failed 1 not_run aborted\n"
	"! ready\n"},
    {"the device closes while a line is in flight", JUNOS "| set a\n| set b\n"
							  "config\n" JUNOS_ENTER "> set a\\n\n"
							  "closed\n"
							  "! line 0 failed the device closed the shell\n"
							  "! line 1 not_run\n"
							  "! result outcome_unknown\n"
							  "! dead outcome_unknown\n"},
    {"it closes, and lines act at once: the one in flight may be live",
	IOS "| a\n| b\n"
	    "config\n" IOS_ENTER "> a\\n\n"
	    "closed\n"
	    "! line 0 failed the device closed the shell\n"
	    "! line 1 not_run\n"
	    "! result outcome_unknown\n"
	    "! tally 0 ok 1 failed 1 not_run live\n"
	    "! dead outcome_unknown\n"},
    {"configuration mode cannot be left: the shell is given up, which frees the lock", JUNOS
	"| set a\n"
	"config\n" JUNOS_ENTER STEP("set a", EDIT) "! line 0 ok\n"
						   "> commit\\n\n< commit\\r\\ncommit complete\\r\\n\\r\\n" EDIT "\n.\n"
						   "> exit configuration-mode\\n\n"
						   "< exit configuration-mode\\r\\nerror: busy\\r\\n" EDIT "\n.\n"
						   "> exit configuration-mode\\n\n"
						   "< exit configuration-mode\\r\\nerror: busy\\r\\n" EDIT "\n.\n"
						   "! result config_rejected\n"
						   "! tally 1 ok 0 failed 0 not_run committed saved\n"
						   "! dead config_rejected\n"},
    {"what a platform cannot do is refused before anything is typed", IOS "| a\n"
									  "config dry_run refused\n"
									  "config confirm 5 refused\n"
									  "? state idle\n"},
    {"without privilege nothing is configured", "platform cisco_ios\n"
						"begin\n"
						"< R1>\n.\n+ 0.1\n> \\n\n"
						"< \\r\\nR1>\n.\n> terminal length 0\\n\n"
						"< terminal length 0\\r\\nR1>\n.\n> terminal width 511\\n\n"
						"< terminal width 511\\r\\nR1>\n.\n"
						"! ready\n"
						"| a\n"
						"config\n"
						"! line 0 not_run\n"
						"! result privilege_failed mode user\n"
						"! says configure `secret`, or use --enable\n"
						"! ready\n"},
    {"a submenu left open is thrown away and told",
	"platform fortinet_fortios\n"
	"begin\n"
	"< FGT # \n.\n+ 0.1\n> \\n\n< \\r\\nFGT # \n.\n! ready\n"
	"| config system global\n"
	"config\n"
	"> config system global\\n\n< config system global\\r\\n\\r\\nFGT (global) # \n.\n"
	"= \n"
	"! line 0 ok\n"
	"> abort\\n\n< abort\\r\\n\\r\\nFGT # \n.\n"
	"! result config_rejected mode exec\n"
	"! says the lines end inside mode context\n"
	"! ready\n"},
    {"saving inside configuration mode", "platform vyos\n"
					 "begin\n"
					 "< vyos@r1:~$ \n.\n+ 0.1\n> \\n\n< \\r\\nvyos@r1:~$ \n.\n"
					 "> set terminal length 0\\n\n< set terminal length 0\\r\\nvyos@r1:~$ \n.\n"
					 "> set terminal width 512\\n\n< set terminal width 512\\r\\nvyos@r1:~$ \n.\n"
					 "! ready\n"
					 "| set a\n"
					 "config save\n"
					 "> configure\\n\n< configure\\r\\n[edit]\\r\\nvyos@r1# \n.\n"
					 "> set a\\n\n< set a\\r\\n[edit]\\r\\nvyos@r1# \n.\n! line 0 ok\n"
					 "> commit\\n\n< commit\\r\\n[edit]\\r\\nvyos@r1# \n.\n"
					 "> save\\n\n< save\\r\\nDone\\r\\n[edit]\\r\\nvyos@r1# \n.\n"
					 "> exit discard\\n\n< exit discard\\r\\nexit\\r\\nvyos@r1:~$ \n.\n"
					 "! result ok mode oper\n"
					 "! tally 1 ok 0 failed 0 not_run committed saved\n"
					 "! ready\n"},
};

int
main(void)
{
	return clidev_main("cli_config", scripts, sizeof(scripts) / sizeof(scripts[0]));
}
