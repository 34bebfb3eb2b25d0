/* A configuration from text in memory. */
#ifndef NP_CONFKIT_H
#define NP_CONFKIT_H

#include <string.h>

#include "base/xalloc.h"
#include "conf/conf_impl.h"

/* name stands for the file name in messages. */
static inline struct config *
config_parse(const char *text, size_t size, const char *name, struct np_error *err)
{
	struct docfile file = {.exists = true, .is_private = true, .size = size};
	struct config *config;

	file.path = xstrdup(name);
	file.text = xmalloc(size + 1); /* not xstrndup(): a NUL byte inside is to be seen and refused */
	memcpy(file.text, text, size);
	file.text[size] = '\0';
	config = config_from_files(&file, 1, false, err);
	docfile_finish(&file);
	return config;
}

#endif
