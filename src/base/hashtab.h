/*
 * A table of objects by a number: they embed an entry, the table owns none of them.  It grows with what is in it, so
 * that finding one costs the same whatever there is.
 */
#ifndef NP_HASHTAB_H
#define NP_HASHTAB_H

#include <stddef.h>
#include <stdint.h>

struct hash_entry {
	struct hash_entry *next;
	uint64_t hash; /* several may have the same */
};

/* All zero: empty. */
struct hashtab {
	struct hash_entry **slots;
	size_t size; /* a power of two, or 0 */
	size_t count;
};

uint64_t hash_string(const char *s);
void hashtab_put(struct hashtab *t, struct hash_entry *e, uint64_t hash);
/* Nothing happens to one that is not in it. */
void hashtab_remove(struct hashtab *t, struct hash_entry *e);
/* The first one of that number, and the next of the same; NULL: none, or no more. */
struct hash_entry *hashtab_find(const struct hashtab *t, uint64_t hash);
struct hash_entry *hashtab_next(const struct hash_entry *e);
/* Frees the table; entries are left as they are. */
void hashtab_finish(struct hashtab *t);

#endif
