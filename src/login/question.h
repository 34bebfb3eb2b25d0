/* What a prompt of keyboard-interactive asks for, by its words.  Pure; any thread. */
#ifndef NP_QUESTION_H
#define NP_QUESTION_H

enum question_kind {
	QUESTION_UNKNOWN,  /* its words say nothing that is known: other languages, "Response:" */
	QUESTION_PASSWORD, /* the one that there is */
	QUESTION_CODE,     /* of one use: a passcode, the code of a token */
	QUESTION_RENEWAL,  /* a new password or PIN, or what belongs to its choice */
	QUESTION_OTHER     /* yes or no, a key to press, a PIN, several things in one */
};

/* Where the last line of it begins that has a word: servers put notices and banners before what they ask. */
const char *question_line(const char *prompt);
/* By that line. */
enum question_kind question_kind(const char *prompt);

#endif
