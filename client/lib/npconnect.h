/* Connecting a client, step by step; used by npclient.c alone. */
#ifndef NP_CONNECT_H
#define NP_CONNECT_H

#include "base/compiler.h"
#include "base/error.h"
#include "lib/npclient.h"

/* Connects c by its deadline; errors as for npclient_connect(). */
int npconnect_until_deadline(struct npclient *c, struct np_error *err) NP_MUST_CHECK;
/* -1 with err when it is no use to wait any longer: interrupted, or past the deadline. */
int npconnect_check_waiting(const struct npclient *c, struct np_error *err) NP_MUST_CHECK;
void npconnect_pause_ms(int ms);

#endif
