/* The pages of `status`, which become one again.  Pure. */
#ifndef NP_CTL_FETCH_H
#define NP_CTL_FETCH_H

#include <cjson/cJSON.h>

/* Takes `next` out of the page: the caller's, for `page` of the following request; NULL when this was the last one. */
cJSON *npctl_page_next(cJSON *page);
/* Moves what the page holds behind what status holds, and frees the page. */
void npctl_page_join(cJSON *status, cJSON *page);

#endif
