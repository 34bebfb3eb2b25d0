/* Programs, found by their name; any thread. */
#ifndef NP_PROGRAM_H
#define NP_PROGRAM_H

/*
 * The program's file by $PATH, NULL when there is none.  What of ours stands there as ssh (npssh, npexec) is passed
 * over: who looks for ssh looks for the real one.  A name with a slash is one.  Caller frees.
 */
char *program_find(const char *name);

#endif
