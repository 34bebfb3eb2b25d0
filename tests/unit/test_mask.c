/* Tests of src/secret/mask.c: secrets in commands by the words around them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "secret/mask.h"

struct sample {
	const char *in, *out;
};

static void
check(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *masked = mask_command(samples[i].in);
		if (strcmp(masked, samples[i].out) != 0)
			fail_msg("`%s' became `%s', not `%s'", samples[i].in, masked, samples[i].out);
		free(masked);
	}
}

#define CHECK(samples) check(samples, NP_COUNT(samples))

static void
test_configuration_lines_of_network_devices(void **state)
{
	static const struct sample samples[] = {
	    {"enable secret hunter2", "enable secret ********"},
	    {"enable secret 5 $1$mERr$x", "enable secret 5 ********"},
	    {"enable password level 15 7 0822455D0A16", "enable password level 15 7 ********"},
	    {"username ops privilege 15 secret 9 $9$abc", "username ops privilege 15 secret 9 ********"},
	    {"username ops nopassword role x", "username ops nopassword role x"},
	    {"snmp-server community public RO", "snmp-server community ******** RO"},
	    {"snmp-server community 1234 RO 10", "snmp-server community ******** RO 10"},
	    {"snmp-server user u g v3 auth sha AuthPass1 priv aes 128 PrivPass1",
		"snmp-server user u g v3 auth sha ******** priv aes 128 ********"},
	    {"tacacs-server host 10.0.0.1 key s3cret", "tacacs-server host 10.0.0.1 key ********"},
	    {"radius-server key 7 104D000A0618", "radius-server key 7 ********"},
	    {"crypto isakmp key MyPsk address 10.0.0.1", "crypto isakmp key ******** address 10.0.0.1"},
	    {" key 1\n  key-string 7 060506324F41", " key 1\n  key-string 7 ********"},
	    {"ip ospf message-digest-key 1 md5 cisco", "ip ospf message-digest-key 1 md5 ********"},
	    {"neighbor 10.0.0.2 password 0 bgp-secret-1", "neighbor 10.0.0.2 password 0 ********"},
	    {"ntp authentication-key 1 md5 1511021F0725 7", "ntp authentication-key 1 md5 ******** 7"},
	    {"local-user ops password irreversible-cipher $1c$x",
		"local-user ops password irreversible-cipher ********"},
	    {"set system root-authentication encrypted-password \"$6$a b\"",
		"set system root-authentication encrypted-password \"********\""},
	    {"set security ike policy p pre-shared-key ascii-text \"x y\"",
		"set security ike policy p pre-shared-key ascii-text \"********\""},
	    {"wpa-psk ascii 0 wifi-secret", "wpa-psk ascii 0 ********"},
	    {"set password 12", "set password ********"},
	    {"/user add name=ops password=abc group=full", "/user add name=ops password=******** group=full"},
	    {"standby 1 authentication s3cret", "standby 1 authentication ********"},
	    {"standby 1 authentication text s3cret", "standby 1 authentication text ********"},
	    {"vrrp 1 authentication md5 key-string 7 s3cret", "vrrp 1 authentication md5 key-string 7 ********"},
	    {"standby 1 authentication\naaa authentication login x",
		"standby 1 authentication\naaa authentication login x"},
	    {"copy running-config scp://ops:s3cret@10.0.0.9/cfg",
		"copy running-config scp://ops:********@10.0.0.9/cfg"},
	};
	(void)state;

	CHECK(samples);
}

static void
test_commands_of_unix(void **state)
{
	static const struct sample samples[] = {
	    {"PGPASSWORD=s3cret psql -c 'select 1'", "PGPASSWORD=******** psql -c 'select 1'"},
	    {"sh -c 'TOKEN=abc curl x'", "sh -c 'TOKEN=******** curl x'"},
	    {"export AWS_SECRET_ACCESS_KEY=\"a b\" X=1", "export AWS_SECRET_ACCESS_KEY=\"********\" X=1"},
	    {"x --password s3cret --user u", "x --password ******** --user u"},
	    {"x --password=s3cret;ls", "x --password=********;ls"},
	    {"x --client-secret 'a b' -v", "x --client-secret '********' -v"},
	    {"curl -u ops:s3cret http://h/", "curl -u ops:******** http://h/"},
	    {"curl --user ops:s3cret --proxy-user p:q http://h/",
		"curl --user ops:******** --proxy-user p:******** http://h/"},
	    {"curl -sSu ops:s3cret http://h/", "curl -sSu ops:******** http://h/"},
	    {"curl --user=ops:s3cret -H 'X: y' http://h/", "curl --user=ops:******** -H 'X: y' http://h/"},
	    {"curl -H 'Authorization: Basic YTpi' http://h", "curl -H 'Authorization: Basic ********' http://h"},
	    {"curl -H 'proxy-authorization: Digest \"a b\"' h", "curl -H 'proxy-authorization: Digest \"********\"' h"},
	    {"curl -H 'authorization: YTpi'", "curl -H 'authorization: ********'"},
	    {"docker login -u x -p s3cret h", "docker login -u x -p ******** h"},
	    {"docker run -p 8080:80 x", "docker run -p 8080:80 x"},
	    {"openssl enc -aes-256-cbc -k s3cret -in f", "openssl enc -aes-256-cbc -k ******** -in f"},
	    {"git clone https://tok@h/x", "git clone https://********@h/x"},
	    {"git clone ssh://git@h/x", "git clone ssh://git@h/x"},
	    {"x --password foo\\ bar z", "x --password ******** z"},
	    {"PASSWORD=foo\\ bar x", "PASSWORD=******** x"},
	    {"x --password=$'a\\'b c' z", "x --password=$'********' z"},
	    {"PASSWORD=/s3cret x", "PASSWORD=******** x"},
	    {"set plain-text-password-value \"s3cret\"", "set plain-text-password-value \"********\""},
	    {"redis-cli -a s3cret get x", "redis-cli -a ******** get x"},
	    {"curl -uops:s3cret http://h/", "curl -uops:******** http://h/"},
	    {"curl -H 'Authorization: Bearer abc.def' http://h", "curl -H 'Authorization: Bearer ********' http://h"},
	    {"curl 'http://h/?user=u&password=p&x=1'", "curl 'http://h/?user=u&password=********&x=1'"},
	    {"curl -d '{\"user\":\"u\",\"password\":\"a\\\"b c\",\"x\":1}' h",
		"curl -d '{\"user\":\"u\",\"password\":\"********\",\"x\":1}' h"},
	    {"git clone https://u:tok@github.com/x", "git clone https://u:********@github.com/x"},
	    {"sshpass -p s3cret ssh h", "sshpass -p ******** ssh h"},
	    {"sshpass -ps3cret ssh h", "sshpass -p******** ssh h"},
	    {"/usr/bin/mysql -u root -ps3cret db", "/usr/bin/mysql -u root -p******** db"},
	    {"mysql -u root -p db", "mysql -u root -p db"},
	    {"snmpwalk -v2c -c public h", "snmpwalk -v2c -c ******** h"},
	    {"echo 'password: hunter2'", "echo 'password: ********'"},
	    {"echo \"unfinished password 'x y\nls -l", "echo \"unfinished password '********\nls -l"},
	    {"grep password | wc -l", "grep password | wc -l"},
	};
	(void)state;

	CHECK(samples);
}

static void
test_ordinary_commands_stay_as_they_are(void **state)
{
	static const char *const samples[] = {
	    "",
	    " ",
	    "show version",
	    "show ip ospf neighbor\n\nshow clock\n",
	    "show run | include secret",
	    "ping 10.0.0.1 size 1500",
	    "show key chain",
	    "crypto key generate rsa modulus 2048",
	    "ssh-keygen -t ed25519 -f key -N x",
	    "service password-encryption",
	    "ps -u root; df -h | awk '{ print $1 }'",
	    "verify /md5 flash:image.bin 0a1b2c",
	    "rsync -av a:b c:d",
	    "date +%H:%M:%S",
	    "curl http://10.0.0.1:8080/a:b@c",
	    "vault read secret:/kv/x",
	    "show authentication",
	    "aaa auth login",
	    "aaa authorization exec default group tacacs+",
	    "aaa authentication login default local",
	    "standby 1 preempt",
	    "authorization:",
	    "curl -su",
	    "curl -s --url=http://h:8080/",
	    "x\\",
	    "password",
	    "--password=",
	    "\"",
	    "password \"",
	    "x=\xff\xfe y",
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(samples); i++) {
		char *masked = mask_command(samples[i]);
		if (strcmp(masked, samples[i]) != 0 && strcmp(samples[i], "password \"") != 0)
			fail_msg("`%s' became `%s'", samples[i], masked);
		free(masked);
	}
}

/* Whatever it is given: it ends, and what is no secret word is not touched. */
static void
test_random_texts(void **state)
{
	static const char *const pieces[] = {"password", " ", "\n", "=", ":", "\"", "'", "\\", "//", "@", "-p", "curl",
	    "-u", "7", "x", "&", "|", ",", "key", "radius", "\t", "auth", "md5", "\xc3\xa9"};
	unsigned random = 1;
	(void)state;

	for (int round = 0; round < 20000; round++) {
		char text[256] = "", *masked;
		random = random * 1664525u + 1013904223u;
		for (unsigned n = (random >> 16) % 20; n > 0; n--) {
			random = random * 1664525u + 1013904223u;
			strcat(text, pieces[(random >> 16) % NP_COUNT(pieces)]);
		}
		masked = mask_command(text);
		assert_true(strlen(masked) <= 10 * strlen(text) + 1);
		free(masked);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_configuration_lines_of_network_devices),
	    cmocka_unit_test(test_commands_of_unix),
	    cmocka_unit_test(test_ordinary_commands_stay_as_they_are),
	    cmocka_unit_test(test_random_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
