/* The libraries' macros that cppcheck needs and does not know; forced into each file by contrib/test.sh. */
#define TAILQ_HEAD(name, type)                                                                                         \
	struct name {                                                                                                  \
		struct type *tqh_first;                                                                                \
		struct type **tqh_last;                                                                                \
	}
#define TAILQ_ENTRY(type)                                                                                              \
	struct {                                                                                                       \
		struct type *tqe_next;                                                                                 \
		struct type **tqe_prev;                                                                                \
	}
#define TAILQ_FIRST(head) ((head)->tqh_first)
#define TAILQ_NEXT(var, field) ((var)->field.tqe_next)
#define TAILQ_EMPTY(head) ((head)->tqh_first == NULL)
#define TAILQ_FOREACH(var, head, field) for ((var) = (head)->tqh_first; (var) != NULL; (var) = (var)->field.tqe_next)
#define TAILQ_FOREACH_REVERSE(var, head, headname, field)                                                              \
	for ((var) = *(head)->tqh_last; (var) != NULL; (var) = *(var)->field.tqe_prev)
#define cJSON_ArrayForEach(item, array)                                                                                \
	for ((item) = (array) != NULL ? (array)->child : NULL; (item) != NULL; (item) = (item)->next)
