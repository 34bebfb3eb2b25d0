/*
 * What the terminal filter's files share; for them only.  The functions edit the present line (terminal_line.c); n
 * counts characters.
 */
#ifndef NP_TERMINAL_IMPL_H
#define NP_TERMINAL_IMPL_H

#include "cli/terminal.h"

/* Bytes without control characters, written at the cursor; ascii: all of them are. */
void terminal_write(struct terminal *t, const uint8_t *p, size_t n, bool ascii);
void terminal_line_end(struct terminal *t);
void terminal_line_reset(struct terminal *t);
/* A carriage return that was put off takes place now. */
void terminal_settle_cr(struct terminal *t);
/* The cursor's, from 0. */
size_t terminal_column(const struct terminal *t);
void terminal_move_left(struct terminal *t, size_t n);
void terminal_move_right(struct terminal *t, size_t n);
void terminal_move_to(struct terminal *t, size_t col);
/* how as in ESC[K: 0 from the cursor on, 1 up to the cursor, 2 all. */
void terminal_erase_line(struct terminal *t, int how);
void terminal_erase_chars(struct terminal *t, size_t n);
void terminal_delete_chars(struct terminal *t, size_t n);
void terminal_insert_chars(struct terminal *t, size_t n);
void terminal_save_cursor(struct terminal *t);
void terminal_restore_cursor(struct terminal *t);

/* --- terminal_char.c --- */

/* Bytes of a character that begins with this one. */
int terminal_utf8_size(uint8_t lead);
bool terminal_is_continuation(uint8_t c);
/* Bytes of the character at `at` < len. */
size_t terminal_char_size(const struct terminal *t, size_t at);
/* Where the character before `at` > 0 begins. */
size_t terminal_char_before(const struct terminal *t, size_t at);
/* Characters in text[from..to). */
size_t terminal_count_chars(const struct terminal *t, size_t from, size_t to);
/* Where n characters behind `at` are, at most at the end of the line; *left: how many of them were too many. */
size_t terminal_skip_chars(const struct terminal *t, size_t at, size_t n, size_t *left);

#endif
