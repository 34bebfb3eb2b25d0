#!/bin/sh
# Keeps the walls of the tree:
#
#   - a file includes only its own folder and the folders that its folder's rule names, and of src/broker/NOUN no *_impl.h;
#   - the libraries of the outside world are used only in the folders whose rule names them (and, where a rule lists
#     files behind a library, only in those);
#   - no header brings a library along for a file that may not use it (ev excepted, whose types stand in structures):
#     libssh is seen by src/ssh and src/login alone;
#   - files do not call each other in circles of more than four, unless a row below says how large a circle still is:
#     such a row may only become smaller.
#
# A rule: FOLDER : FOLDER ... : LIBRARY ...   What every program may use, base, need not be named.  "+FOLDER" takes
# over what that folder may use as well.  LIBRARY=FILE,FILE holds a library to some files.  Checked are the #include
# lines and calls by the libraries' prefixes.
set -u

srcdir=${srcdir:-.}
AWK=${AWK:-awk}

rules='
src/base         : : pthread=log,cond
src/wire         : : cjson
src/secret       : : libcrypto=secret
src/schema       : src/secret src/wire : yaml=yamldoc cjson=node,schema_show
src/account      : src/secret : libcrypto=account_id
src/conf         : src/schema src/policy : cjson=conf_show
src/platform     : src/schema src/wire : pcre2=pattern cjson=platform_kind,platform_show
src/params       : src/schema src/platform src/secret src/cli : cjson
src/target       : src/conf :
src/cli          : src/platform src/secret :
src/policy       : src/schema src/platform : cjson=policy_rule
src/pool         : src/conf :
src/transport    : src/cli src/secret : ev
src/ssh          : src/transport : libssh ev
src/login        : src/account src/transport src/conf src/target src/secret src/ssh src/platform : libssh ev pthread libcrypto=knownhosts
src/serve        : src/wire : ev cjson pthread=lentthread,username seccomp=sandbox_filter
src/report       : src/wire : cjson pthread=auditfile
src/inspect      : +src/broker src/broker src/policy : cjson
src/broker       : src/account src/policy src/wire src/secret src/schema src/conf src/platform src/params src/target src/cli src/pool src/login src/transport src/serve src/report src/broker/client src/broker/device src/broker/door src/broker/link src/broker/report src/broker/request src/broker/steer src/broker/verb src/inspect : cjson ev
src/broker/client  : src/policy src/wire src/report src/serve : cjson ev
src/broker/device  : +src/broker/link src/account src/wire src/secret src/params src/report src/schema src/broker/client src/broker/link src/broker/report src/broker/steer : cjson ev
src/broker/door    : src/wire src/conf src/report src/serve src/broker/client : cjson ev
src/broker/link    : src/account src/wire src/secret src/conf src/platform src/target src/cli src/pool src/login src/transport src/broker/client : cjson ev
src/broker/report  : src/wire src/secret src/platform src/report src/broker/client : cjson ev
src/broker/request : +src/broker/device src/broker src/serve src/wire src/cli src/conf src/login src/platform src/pool src/target src/transport src/broker/device : cjson ev
src/broker/steer   : src/conf : cjson
src/broker/verb    : +src/broker src/broker : cjson ev
src              : +src/broker src/broker : ev

client/lib       : src/wire : cjson
client/npexec    : client/lib src/wire : cjson
client/npctl     : client/lib client/top src/wire : cjson
client/npssh     : client/lib : cjson
client/top       : client/lib src/wire : cjson curses=nptop_screen
'

# A circle that is larger than four files: one of its files, and how many there are.
circles='
'

cd "$srcdir" || exit 99

# awk reads rules and circles from standard input, then the sources named as arguments.
printf '%s\n--\n%s' "$rules" "$circles" | "$AWK" '
function folder_of(path) {
	sub(/\/[^\/]*$/, "", path)
	return path
}

function stem(path) {
	sub(/\.[ch]$/, "", path)
	return path
}

function base(path) {
	sub(/.*\//, "", path)
	return path
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

function may_use(from, to,   i, n, names) {
	if (from == to || to == "src/base" || (from, to) in allowed)
		return 1
	n = split(inherits[from], names, " ")
	for (i = 1; i <= n; i++)
		if ((names[i], to) in allowed)
			return 1
	return 0
}

# A library that a file uses though the rule of its folder does not name it, or names other files.
function want_library(library, how,   key) {
	key = folder SUBSEP library
	if (!(key in libraries) || (libraries[key] != "" && index("," libraries[key] ",", "," base(file) ",") == 0))
		complain(how " (" library ")")
}

function check_include(header,   other, top) {
	if (header in library_of) {
		want_library(library_of[header], "includes " header)
		behind[path] = behind[path] " " library_of[header]
		return
	}
	if (header !~ /\//)
		return
	other = folder_of(header)
	if (("src/" other) in known)
		top = "src/"
	else if (("client/" other) in known)
		top = "client/"
	else
		return
	if (!may_use(folder, top other))
		complain(folder " may not use " top other ": " header)
	if (header ~ /^broker\/.*\/.*_impl\.h$/ && index(folder "/", top other "/") != 1)
		complain(header " is for " top other " alone")
	includes[path] = includes[path] " " top header
}

# Libraries that a file may not use and that come along with a header that it includes, however far behind it.
function check_headers(   i, n, from, now, todo) {
	for (from in includes) {
		split("", mark)
		todo = includes[from]
		while (todo != "") {
			n = split(todo, now, " ")
			todo = ""
			for (i = 1; i <= n; i++)
				if (!(now[i] in mark)) {
					mark[now[i]] = 1
					todo = todo includes[now[i]]
					check_behind(from, now[i])
				}
		}
	}
}

function check_behind(from, header,   i, n, names) {
	n = split(behind[header], names, " ")
	for (i = 1; i <= n; i++)
		if (names[i] != "ev" && !((folder_of(from), names[i]) in libraries))
			print "not ok " ++count " - " from " gets " names[i] " along with " header
}

function read_rule(   i, n, parts, names, pair) {
	n = split($0, parts, ":")
	gsub(/[ \t]/, "", parts[1])
	known[parts[1]] = 1
	n = split(parts[2], names, " ")
	for (i = 1; i <= n; i++) {
		if (sub(/^\+/, "", names[i]))
			inherits[parts[1]] = inherits[parts[1]] " " names[i]
		else
			allowed[parts[1], names[i]] = 1
	}
	n = split(parts[3], names, " ")
	for (i = 1; i <= n; i++) {
		split(names[i] "=", pair, "=")
		libraries[parts[1], pair[1]] = pair[2]
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
	library_of["openssl/evp.h"] = library_of["openssl/hmac.h"] = library_of["openssl/rand.h"] = prefix["EVP_"] = "libcrypto"
	library_of["openssl/crypto.h"] = prefix["CRYPTO_"] = prefix["OPENSSL_"] = "libcrypto"
	library_of["seccomp.h"] = prefix["seccomp_"] = "seccomp"
	library_of["curses.h"] = library_of["term.h"] = "curses"
}

FILENAME == "-" {
	if ($0 == "--")
		in_circles = 1
	else if (in_circles && NF > 0)
		large[$1] = $2
	else if (NF > 0)
		read_rule()
	next
}

FNR == 1 {
	finish_file()
	path = FILENAME
	file = stem(path)
	folder = folder_of(path)
	bad = 0
	comment = 0
	last = ""
	if (!(folder in known))
		complain("tests/check/check_layers.sh has no rule for " folder)
	if (!(file in listed)) {
		listed[file] = 1
		name[++files] = file
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

# What a source defines, and the words that stand in it: who uses whose functions follows from these.
function note_words(line,   word, n, words, i) {
	if (line ~ /^[a-z_][a-z_0-9]*\(/ && last !~ /static/ && last ~ /^[a-z]/) {
		word = line
		sub(/\(.*/, "", word)
		if (!(word in defined))
			defined[word] = file
	}
	gsub(/(struct|enum|union) [a-z_0-9]+/, "", line) # a type may be named as a function is
	n = split(line, words, /[^A-Za-z0-9_]+/)
	for (i = 1; i <= n; i++)
		if (words[i] ~ /^[a-z][a-z0-9]*_/)
			used[file, words[i]] = 1
}

{
	code = code_of($0)
	line = " " code
	for (p in prefix)
		if (match(line, "[^A-Za-z0-9_]" p "[A-Za-z0-9_]+[(]"))
			want_library(prefix[p], "calls " substr(line, RSTART + 1, RLENGTH - 2) "()")
	if (path ~ /\.c$/) {
		note_words(code)
		last = code
	}
}

# Marks what can be reached from a file.  Breadth first.
function reach(from,   n, i, now, todo) {
	split("", mark)
	mark[from] = 1
	todo = from
	while (todo != "") {
		n = split(todo, now, " ")
		todo = ""
		for (i = 1; i <= n; i++)
			todo = todo step(now[i])
	}
}

# Marks the neighbours of a file and returns those that were not marked yet.
function step(from,   n, i, list, new) {
	n = split(neighbours[from], list, " ")
	for (i = 1; i <= n; i++)
		if (!(list[i] in mark)) {
			mark[list[i]] = 1
			new = new " " list[i]
		}
	return new
}

function find_circles(   key, pair, from, to, i, j, n, size, members, limit) {
	for (key in used) {
		split(key, pair, SUBSEP)
		from = pair[1]
		if (!(pair[2] in defined) || (to = defined[pair[2]]) == from || ((from, to) in edge))
			continue
		edge[from, to] = 1
		neighbours[from] = neighbours[from] " " to
	}
	for (i = 1; i <= files; i++) {
		reach(name[i])
		for (key in mark)
			there[name[i], key] = 1
	}
	for (i = 1; i <= files; i++) {
		if (name[i] in done)
			continue
		size = 0
		members = ""
		limit = 4
		for (j = i; j <= files; j++)
			if (((name[i], name[j]) in there) && ((name[j], name[i]) in there)) {
				size++
				done[name[j]] = 1
				members = members " " name[j]
				if (name[j] in large)
					limit = large[name[j]]
			}
		for (key in large)
			if (index(members " ", " " key " "))
				size_of[key] = size
		if (size > limit) {
			print "# a circle of " size " files:" members
			print "not ok " ++count " - no circle of more than " limit " files around " name[i]
		}
	}
	for (key in large)
		print (size_of[key] <= large[key] ? "ok " : "not ok ") ++count " - the circle around " key " has " \
			size_of[key] + 0 " files, at most as its row says: " large[key]
}

END {
	finish_file()
	check_headers()
	find_circles()
	print "1.." count
}
' - $(find src client -name '*.[ch]' | LC_ALL=C sort)
