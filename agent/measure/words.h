/* words.h — lines and words of the texts under /proc, as slices; nothing is copied or changed. */
#ifndef KEDGE_MEASURE_WORDS_H
#define KEDGE_MEASURE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct word {
	const char *text;
	size_t len;
};

/* The text of DIR/NAME, at most MAX bytes, as file_read() gives it; file_free() it. */
int words_file(const char *dir, const char *name, size_t max, char **ret, size_t *ret_len, struct fault *f);
/* Cut the next line off REST, without its newline. false: nothing is left. */
bool word_line(struct word *rest, struct word *ret_line);
/* Cut the next word (blanks and tabs separate) off LINE. false: none is left; otherwise it is not empty. */
bool word_next(struct word *line, struct word *ret_word);
bool word_is(struct word w, const char *text);
/* Decimal digits only, within 64 bits. */
bool word_number(struct word w, uint64_t *ret);

#endif
