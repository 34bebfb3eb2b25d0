/*
 * Chains in an array; see hashtab.h.
 */
#include "base/hashtab.h"

#include <stdlib.h>

#include "base/xalloc.h"

/* FNV-1a. */
uint64_t
hash_string(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/* Numbers in a row must not share slots with strides of the table's size: their bits are mixed first. */
static struct hash_entry **
slot_of(const struct hashtab *t, uint64_t hash)
{
	return &t->slots[((hash * 11400714819323198485u) >> 32) & (t->size - 1)];
}

static void
insert(struct hashtab *t, struct hash_entry *e)
{
	struct hash_entry **slot = slot_of(t, e->hash);

	e->next = *slot;
	*slot = e;
}

static void
grow(struct hashtab *t)
{
	struct hashtab old = *t;

	t->size = old.size == 0 ? 16 : old.size * 2;
	t->slots = xcalloc(t->size, sizeof(struct hash_entry *));
	for (size_t i = 0; i < old.size; i++) {
		struct hash_entry *e = old.slots[i];
		while (e != NULL) {
			struct hash_entry *next = e->next;
			insert(t, e);
			e = next;
		}
	}
	free(old.slots);
}

void
hashtab_put(struct hashtab *t, struct hash_entry *e, uint64_t hash)
{
	if (t->count >= t->size)
		grow(t);
	e->hash = hash;
	insert(t, e);
	t->count++;
}

void
hashtab_remove(struct hashtab *t, struct hash_entry *e)
{
	struct hash_entry **p;

	if (t->size == 0)
		return;
	for (p = slot_of(t, e->hash); *p != NULL; p = &(*p)->next) {
		if (*p == e) {
			*p = e->next;
			t->count--;
			return;
		}
	}
}

static struct hash_entry *
same(struct hash_entry *e, uint64_t hash)
{
	while (e != NULL && e->hash != hash)
		e = e->next;
	return e;
}

struct hash_entry *
hashtab_find(const struct hashtab *t, uint64_t hash)
{
	return t->size > 0 ? same(*slot_of(t, hash), hash) : NULL;
}

struct hash_entry *
hashtab_next(const struct hash_entry *e)
{
	return same(e->next, e->hash);
}

void
hashtab_finish(struct hashtab *t)
{
	free(t->slots);
	*t = (struct hashtab){0};
}
