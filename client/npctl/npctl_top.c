/* The row of `npctl top`.  What it does is in client/top, needs curses, and so is called by npctl.c alone. */
#include "npctl/npctl_verb.h"

const struct npctl_verb npctl_verb_top = {
    .name = "top",
    .usage = "[-d SECONDS]",
    .help = "a live screen of all devices; ? there shows its keys",
    .no_json = "it is for people: status --json is for programs",
    .broker = NPCTL_BROKER_UNUSED,
};
