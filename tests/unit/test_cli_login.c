/*
 * Tests of src/cli/cli_login.c and of the ways between modes: scripts for the scripted device (clidev.h).  The numbers
 * are those of the list of hard cases.
 */
#include "kit/clidev.h"

#define PREPARE(prompt)                                                                                                \
	"> terminal length 0\\n\n< terminal length 0\\r\\n" prompt "\n.\n"                                             \
	"> terminal width 511\\n\n< terminal width 511\\r\\n" prompt "\n.\n"                                           \
	"! ready\n"

static const struct clidev_script scripts[] = {
    {"case 48: a banner full of look-alikes, a text without a newline before the prompt",
	"platform cisco_ios\n"
	"begin\n"
	"< ##########\\r\\n# Property of nobody #\\r\\n##########\\r\\n\n.\n"
	"< Welcome to R1 \n.\n"
	"+ 1\n"
	"< R1#\n.\n"
	"+ 2.1\n"
	"> \\n\n"
	"< \\r\\nR1#\n.\n"
	"+ 0.1\n"
	"> \\n\n"
	"< \\r\\nR1#\n.\n" PREPARE("R1#")},
    {"a line of the banner that has the shape of a prompt is not learned", "platform cisco_ios\n"
									   "begin\n"
									   "< Contact:\\r\\nnoc@example.com#\n.\n"
									   "+ 0.1\n"
									   "> \\n\n"
									   "< \\r\\nMore text\\r\\nR1#\n.\n"
									   "> \\n\n"
									   "< \\r\\nR1#\n.\n"
									   "> terminal length 0\\n\n"
									   "< \\r\\nR1#\n.\n"
									   "< terminal length 0\\r\\nR1#\n.\n"
									   "> terminal width 511\\n\n"
									   "< terminal width 511\\r\\nR1#\n.\n"
									   "! ready\n"},
    {"case 48: press a key", "platform fortinet_fortios\n"
			     "begin\n"
			     "< Legal notice\\r\\n(Press 'a' to accept): \n.\n"
			     "> a\n"
			     "< a\\r\\n\\r\\nFGT # \n.\n"
			     "+ 0.1\n"
			     "> \\n\n"
			     "< \\r\\nFGT # \n.\n"
			     "! ready\n"},
    {"case 48: a banner of 300 lines, paged", "platform cisco_ios\n"
					      "begin\n"
					      "< line # 1\\r\\nline # 2\\r\\n --More-- \n.\n"
					      "> \\s\n"
					      "< \\r          \\rline # 3\\r\\nR1#\n.\n"
					      "+ 0.1\n"
					      "> \\n\n"
					      "< \\r\\nR1#\n.\n" PREPARE("R1#")},
    {"case 46: user name and password inside the shell",
	"platform frr\n"
	"password vtypass1\n"
	"begin\n"
	"< \\r\\nHello, this is FRRouting.\\r\\n\\r\\nUser Access Verification\\r\\n\\r\\nPassword: \n.\n+ 0.1\n"
	"> vtypass1\\n\n"
	"< \\r\\nr1> \n.\n"
	"+ 0.1\n"
	"> \\n\n"
	"< \\r\\nr1> \n.\n"
	"> terminal length 0\\n\n< terminal length 0\\r\\nr1> \n.\n"
	"> no terminal paginate\\n\n< no terminal paginate\\r\\nr1> \n.\n"
	"! ready\n"},
    {"a password that is not accepted is not offered twice", "platform frr\n"
							     "password vtypass1\n"
							     "begin\n"
							     "< Password: \n.\n+ 0.1\n"
							     "> vtypass1\\n\n"
							     "< \\r\\nPassword: \n.\n+ 0.1\n"
							     "! dead auth_failed\n"},
    {"a password is asked for and none is configured", "platform frr\n"
						       "begin\n"
						       "< Password: \n.\n+ 0.1\n"
						       "! dead auth_failed\n"},
    {"a secret makes the privileged mode the base",
	"platform cisco_ios\n"
	"secret topsecret\n"
	"begin\n"
	"< R1>\n.\n+ 0.1\n"
	"> \\n\n< \\r\\nR1>\n.\n"
	"> enable\\n\n< enable\\r\\nPassword: \n.\n"
	"> topsecret\\n\n< \\r\\nR1#\n.\n" PREPARE("R1#") "run disable\n"
							  "> disable\\n\n< disable\\r\\nR1>\n.\n"
							  "! result ok mode user\n"
							  "! ready\n"
							  "reset\n"
							  "> enable\\n\n< enable\\r\\nPassword: \n.\n"
							  "> topsecret\\n\n< \\r\\nR1#\n.\n"
							  "! result ok mode priv\n"
							  "! ready\n"},
    {"a secret is not sent where no password is asked for", "platform cisco_ios\n"
							    "secret topsecret\n"
							    "begin\n"
							    "< R1>\n.\n+ 0.1\n"
							    "> \\n\n< \\r\\nR1>\n.\n"
							    "> enable\\n\n< enable\\r\\nR1#\n.\n" PREPARE("R1#")},
    {"case 46: a wrong secret, refused with a word", "platform cisco_ios\n"
						     "secret topsecret\n"
						     "begin\n"
						     "< R1>\n.\n+ 0.1\n"
						     "> \\n\n< \\r\\nR1>\n.\n"
						     "> enable\\n\n< enable\\r\\nPassword: \n.\n"
						     "> topsecret\\n\n< \\r\\n% Access denied\\r\\n\\r\\nR1>\n.\n"
						     "! dead privilege_failed\n"},
    {"case 46: a wrong secret, asked for again: it is sent once", "platform cisco_ios\n"
								  "secret topsecret\n"
								  "begin\n"
								  "< R1>\n.\n+ 0.1\n"
								  "> \\n\n< \\r\\nR1>\n.\n"
								  "> enable\\n\n< enable\\r\\nPassword: \n.\n"
								  "> topsecret\\n\n< \\r\\nPassword: \n.\n"
								  "! dead privilege_failed\n"},
    {"enable for one lease, and back at its end",
	"platform cisco_ios\n"
	"begin\n"
	"< R1>\n.\n+ 0.1\n"
	"> \\n\n< \\r\\nR1>\n.\n" PREPARE("R1>") "enable topsecret\n"
						 "> enable\\n\n< enable\\r\\nPassword: \n.\n"
						 "> topsecret\\n\n< \\r\\nR1#\n.\n"
						 "! result ok mode priv\n"
						 "! ready\n"
						 "reset\n"
						 "> disable\\n\n< disable\\r\\nR1>\n.\n"
						 "! result ok mode user\n"
						 "! ready\n"},
    {"enable without a secret, where one is asked for, leaves a proven shell",
	"platform cisco_ios\n"
	"begin\n"
	"< R1>\n.\n+ 0.1\n"
	"> \\n\n< \\r\\nR1>\n.\n" PREPARE("R1>") "enable\n"
						 "> enable\\n\n< enable\\r\\nPassword: \n.\n"
						 "! result privilege_failed\n"
						 "! says --enable\n"
						 "> \\x03\n"
						 "< \\r\\nR1>\n.\n+ 0.2\n"
						 "> ! \\N\\n\n< ! \\N\\r\\nR1>\n.\n"
						 "! ready\n"},
    {"a login that lands in the shell of the operating system goes on to the command line",
	"platform juniper_junos\n"
	"begin\n"
	"< root@mx1:~ # \n.\n+ 0.1\n"
	"> \\n\n< \\r\\nroot@mx1:~ # \n.\n"
	"> cli\\n\n< cli\\r\\nroot@mx1> \n.\n"
	"> \\n\n< \\r\\n\\r\\nroot@mx1> \n.\n"
	"> set cli screen-length 0\\n\n< set cli screen-length 0\\r\\nScreen length set to 0\\r\\n\\r\\nroot@mx1> \n.\n"
	"> set cli screen-width 0\\n\n< set cli screen-width 0\\r\\n\\r\\nroot@mx1> \n.\n"
	"> set cli complete-on-space off\\n\n< set cli complete-on-space off\\r\\n\\r\\nroot@mx1> \n.\n"
	"> set cli timestamp disable\\n\n< set cli timestamp disable\\r\\n\\r\\nroot@mx1> \n.\n"
	"! ready\n"},
    {"case 57: the device refuses a further line", "platform cisco_ios\n"
						   "begin\n"
						   "< \\r\\nNo more lines available\n.\n"
						   "closed\n"
						   "! dead channel_refused\n"},
    {"case 57: AAA takes sixteen seconds", "platform cisco_ios\n"
					   "begin\n"
					   "+ 16\n"
					   "> \\n\\n\\n\n"
					   "< \\r\\nR1#\\r\\nR1#\\r\\nR1#\\r\\nR1#\n.\n+ 0.1\n"
					   "> \\n\n< \\r\\nR1#\n.\n" PREPARE("R1#")},
    {"nothing that looks like a prompt: the last line is told", "platform cisco_ios\n"
								"begin\n"
								"< C:\\\\>\n.\n"
								"+ 30.1\n"
								"> \\n\\n\\n\n"
								"! dead prompt_not_found\n"},
    {"a prompt without its blank at first is learned with it",
	"platform juniper_junos\n"
	"begin\n"
	"< ops@mx1>\n.\n"
	"< \\s\n.\n"
	"+ 0.1\n"
	"> \\n\n< \\r\\nops@mx1> \n.\n"
	"> set cli screen-length 0\\n\n< set cli screen-length 0\\r\\nops@mx1>\n.\n"
	"+ 0.1\n"
	"< \\s\n.\n"
	"> set cli screen-width 0\\n\n< set cli screen-width 0\\r\\nops@mx1> \n.\n"
	"> set cli complete-on-space off\\n\n< set cli complete-on-space off\\r\\nops@mx1> \n.\n"
	"> set cli timestamp disable\\n\n< set cli timestamp disable\\r\\nops@mx1> \n.\n"
	"! ready\n"},
};

int
main(void)
{
	return clidev_main("cli_login", scripts, sizeof(scripts) / sizeof(scripts[0]));
}
