/* What we ask of the compiler beyond C11; every compiler we build with understands these. */
#ifndef NP_COMPILER_H
#define NP_COMPILER_H

#define NP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NP_MUST_CHECK __attribute__((warn_unused_result))
#define NP_MALLOC __attribute__((malloc, warn_unused_result))
#define NP_UNUSED __attribute__((unused))
#define NP_NORETURN __attribute__((noreturn))

#define NP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The object that holds this member: the way from an intrusive list link or embedded part back to its owner. */
#define NP_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
