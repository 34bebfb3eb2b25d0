/*
 * livefuzz: speaks to a broker that runs, mostly well and sometimes not at all, from several connections at once
 * (tests/fuzz/live.sh).
 *
 *   livefuzz rpc SOCKET SEED SECONDS [CASE] -- WORD...     netpulse-protocol(7); WORD: a device
 *   livefuzz ask ...                                       the same, but nobody steers
 *   livefuzz mux FOLDER SEED SECONDS [CASE] -- WORD...     that of ssh's ControlMaster, at FOLDER/WORD
 *   livefuzz verbs                                         prints those that it asks for
 *
 * A case is one connection: what it sends depends on the seed and the case's number alone, as far as no answer must be
 * known for it (an amount of credit, the id of a prompt).  With CASE only that one runs, and what it sends and gets is
 * printed.  What is wrong is printed too, "SEED CASE TEXT", and the exit status is 1 then.
 *
 * What is judged: each request of a client that has kept to the protocol gets one answer, whatever becomes of the rest;
 * no connection is closed before that unless its client has broken the protocol; and somebody who only pings in between
 * has an answer in time.
 */
#ifndef NP_TESTS_LIVEFUZZ_H
#define NP_TESTS_LIVEFUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "tool/fuzzrandom.h"

#define FUZZ_IDS 48
#define FUZZ_FILES 8

struct fuzz;
struct fuzz_case;

/* What a connection speaks. */
struct fuzz_protocol {
	const char *name;
	/* The path to connect to, into the room. */
	void (*path)(struct fuzz_case *c, char *path, size_t size);
	/* Appends what is sent next. */
	void (*step)(struct fuzz_case *c);
	/* Takes one message of c->in; false: it is not all there. */
	bool (*take)(struct fuzz_case *c);
	/* Appends what ends all that is under way. */
	void (*finish)(struct fuzz_case *c);
};

/* A request, or several of one id. */
struct fuzz_id {
	char text[72]; /* the id as it is written */
	int due;       /* answers */
	double credit; /* what it may still send */
	bool lend;     /* and whether it may lend */
	bool lent;     /* it has */
	bool twice;    /* the id was used while it was in use */
	uint64_t prompt;
};

struct fuzz_case {
	const struct fuzz *all;
	unsigned long number;
	uint64_t random;
	int fd;
	struct buf in, out;
	int files[FUZZ_FILES]; /* go with the next byte; closed then */
	int files_count;
	int kept[FUZZ_FILES]; /* other ends of those, closed at the end */
	int kept_count;
	unsigned steps; /* still to do */
	bool polite;    /* keeps to the protocol */
	bool broken;    /* has not, so nothing is counted any more */
	bool told;      /* was told why it is being closed */
	bool deaf;      /* reads nothing */
	bool finishing;
	int waits;          /* for this many further messages before the next step */
	double wake, limit; /* when the next step is due; when all must be answered */
	size_t piece;       /* at most so many bytes at a time */
	struct fuzz_id ids[FUZZ_IDS];
	int ids_count;
	/* mux: */
	uint32_t session; /* that is open */
	uint32_t asked_id;
	bool greeted, asked, opened;
	int files_due; /* descriptors still to be sent */
};

struct fuzz {
	const struct fuzz_protocol *protocol;
	const char *where;
	uint64_t seed;
	bool shown; /* what is sent and received */
	const char *const *words;
	unsigned words_count;
	unsigned complaints;
};

#define fuzz_draw(c, n) fuzz_random(&(c)->random, n)
#define fuzz_pick(c, array) ((array)[fuzz_draw(c, NP_COUNT(array))])
void fuzz_complain(struct fuzz_case *c, const char *fmt, ...) NP_PRINTF(2, 3);
void fuzz_show(const struct fuzz_case *c, const char *what, const void *p, size_t n);
const char *fuzz_word(struct fuzz_case *c);
/* Some text: short or long, with or without odd characters, never one that does harm as a command. */
const char *fuzz_text(struct fuzz_case *c);
/* A descriptor of some kind goes with what is sent next. */
void fuzz_attach(struct fuzz_case *c);
struct fuzz_id *fuzz_find(struct fuzz_case *c, const char *text);
/* An answer has come for it. */
void fuzz_answered(struct fuzz_case *c, const char *text);
/* Spoils what is to be sent from `from` on. */
void fuzz_spoil(struct fuzz_case *c, size_t from);

extern const struct fuzz_protocol fuzz_rpc, fuzz_ask, fuzz_mux;
/* Prints the verbs that are asked for, sorted. */
void fuzz_verbs(void);

#endif
