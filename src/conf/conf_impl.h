/*
 * What the conf*.c files share; for them, for what shows and judges configurations, and for tests.
 */
#ifndef NP_CONF_IMPL_H
#define NP_CONF_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "conf/conf.h"
#include "schema/docfile.h"
#include "schema/schema.h"
#include "schema/yamldoc.h"

#define CONF_SECONDS_MAX 1e9 /* about 31 years */

/* Of rows, only one of each may be given. */
enum conf_group { CONF_PASSWORDS = 1, CONF_SECRETS };

/* What is read: one of the configuration's files; or a request, whose lines nobody sees and whose origins are not kept.
 */
struct conf_source {
	const struct yamldoc *doc;
	unsigned file; /* index in config.files */
};

/* --- conf_device.c --- */

extern const struct schema_table conf_args_table;
extern const struct schema_table conf_device_table;
void conf_args_defaults(struct conn_args *args);
/* One entry; name_node: its key in the file, or NULL when `name` inside may say it.  Caller: device_conf_free(). */
struct device_conf *conf_device_read(const struct conn_args *defaults, const struct conf_source *source,
    const struct yamldoc_node *name_node, const struct yamldoc_node *node, struct np_error *err) NP_MUST_CHECK;

/* --- conf_socket.c --- */

extern const struct schema_table conf_socket_table, conf_access_table;

/* --- conf.c --- */

/* Reads a mapping into base: every key that is not read apart; notes in origins where each stood. */
int conf_read(const struct schema_table *table, const struct conf_source *source, const struct yamldoc_node *node,
    void *base, struct conf_origins *origins, struct np_error *err) NP_MUST_CHECK;
void conf_origins_finish(struct conf_origins *origins);

extern const struct schema_table conf_global_table;
/* The snapshot that these files make, later ones over earlier ones. */
struct config *config_from_files(
    const struct docfile *files, size_t count, bool of_system, struct np_error *err) NP_MUST_CHECK;

#endif
